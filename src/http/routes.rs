//! Which path leads where.

use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource, Route, guard};
use protocol::metadata::{
    AUTHORIZATION_SERVER, OPENID_CONFIGURATION, PROTECTED_RESOURCE, well_known_paths,
};

use super::{admin, discovery, health, metrics, oauth, page, pages};
use crate::app::Services;
use crate::config::MetricsProvider;
use crate::flows::agreement;
use crate::pages::stylesheet_path;

/// The public surface. Everything lives under the issuer's path.
pub fn public_routes(app: &mut ServiceConfig, services: &Services) {
    let base = services.base_path();
    // In this order they are tried. What is asked most comes first, patterns that are more
    // than a text come after it.
    oauth_routes(app, base);
    discovery_routes(app, services, base);
    page_routes(app, base);
    app.service(readable("/livez", get().to(health::livez)));
    app.service(readable("/ready", get().to(health::ready)));
    app.service(readable("/health", get().to(health::health)));
    app.default_service(web::to(page::not_found));
}

/// `GET`, and `HEAD` for whoever wants no more than the headers (RFC 9110 §9.3.2).
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// A path that is only looked at.
fn readable(path: &str, get: Route) -> Resource {
    web::resource(path).route(get).default_service(only("GET, HEAD"))
}

/// The same on the admin surface, where refusals are problems (RFC 9457).
fn looked_at_by_operators(path: &str, get: Route) -> Resource {
    web::resource(path).route(get).default_service(admin::only("GET"))
}

/// Refuses every other method and says which there are (RFC 9110 §15.5.6).
fn only(allowed: impl Into<String>) -> Route {
    let allowed = allowed.into();
    web::to(move || {
        let allowed = allowed.clone();
        async move { HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, allowed)).finish() }
    })
}

fn discovery_routes(app: &mut ServiceConfig, services: &Services, base: &str) {
    let document = |path: String, get: Route| {
        web::resource(path)
            .route(get)
            .route(discovery::preflight())
            .default_service(only("GET, HEAD, OPTIONS"))
    };
    for name in [AUTHORIZATION_SERVER, OPENID_CONFIGURATION] {
        for path in well_known_paths(services.issuer(), name) {
            app.service(document(path, get().to(discovery::metadata)));
        }
    }
    let jwks = format!("{base}/.well-known/jwks.json");
    app.service(document(jwks, get().to(discovery::jwks)));
    let roots = if base.is_empty() { vec![""] } else { vec!["", base] };
    for root in &roots {
        // A client that appends the path of `https://host/` as it is arrives with a slash.
        for tail in ["", "/{reference:.*}"] {
            let path = format!("{root}/.well-known/{PROTECTED_RESOURCE}{tail}");
            app.service(document(path, get().to(discovery::protected_resource)));
        }
    }
    for root in roots {
        let rest = web::resource(format!("{root}/.well-known/{{name:.*}}"));
        let rest = rest.route(discovery::preflight()).default_service(web::to(discovery::unknown));
        app.service(rest);
    }
}

/// Each endpoint of RFC 6749, 7009, 7591 and 7662. The short names are where clients
/// look that found no metadata.
fn oauth_routes(app: &mut ServiceConfig, base: &str) {
    for path in ["/oauth/authorize", "/authorize"] {
        let resource = web::resource(format!("{base}{path}"))
            .route(web::get().to(oauth::authorize))
            .route(web::post().to(oauth::authorize_by_post))
            .default_service(only("GET, POST"));
        app.service(resource);
    }
    let called_by_scripts: [(&[&str], Route); 4] = [
        (&["/oauth/token", "/token"], web::post().to(oauth::token)),
        (&["/oauth/register", "/register"], web::post().to(oauth::register)),
        (&["/oauth/introspect"], web::post().to(oauth::introspect)),
        (&["/oauth/revoke"], web::post().to(oauth::revoke)),
    ];
    for (paths, post) in called_by_scripts {
        let paths: Vec<String> = paths.iter().map(|path| format!("{base}{path}")).collect();
        let resource = web::resource(paths).route(post).route(discovery::preflight());
        app.service(resource.default_service(only("POST, OPTIONS")));
    }
}

fn page_routes(app: &mut ServiceConfig, base: &str) {
    let login = web::resource(format!("{base}/login"))
        .route(get().to(pages::sign_in_page))
        .route(web::post().to(pages::sign_in))
        .default_service(only("GET, HEAD, POST"));
    let consent = web::resource(format!("{base}/consent"))
        .route(web::get().to(pages::consent_page))
        .route(web::post().to(pages::decide))
        .default_service(only("GET, POST"));
    let agreement = web::resource(format!("{base}{}", agreement::PATH))
        .route(web::get().to(pages::agreement_page))
        .route(web::post().to(pages::agree))
        .default_service(only("GET, POST"));
    let logout = web::resource(format!("{base}/logout"))
        .route(web::post().to(pages::sign_out))
        .default_service(only("POST"));
    app.service(login).service(consent).service(agreement).service(logout);
    let stylesheet = format!("{base}{}", stylesheet_path());
    app.service(readable(&stylesheet, get().to(pages::stylesheet)));
}

/// The admin surface.
pub fn admin_routes(app: &mut ServiceConfig, services: &Services) {
    let settings = &services.config.observability.metrics;
    if settings.provider == MetricsProvider::Prometheus {
        app.service(looked_at_by_operators(&settings.path, web::get().to(metrics::metrics)));
    }
    app.service(looked_at_by_operators("/livez", web::get().to(health::livez)));
    admin::routes(app);
    app.default_service(web::to(admin::not_found));
}
