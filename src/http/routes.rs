//! Which path leads where.

use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use protocol::metadata::{AUTHORIZATION_SERVER, OPENID_CONFIGURATION, well_known_paths};

use super::{admin, discovery, health, metrics, oauth, page, pages};
use crate::app::Services;
use crate::config::MetricsProvider;
use crate::pages::stylesheet_path;

/// The public surface. Everything lives under the issuer's path.
pub fn public_routes(app: &mut ServiceConfig, services: &Services) {
    let base = services.base_path();
    discovery_routes(app, services, base);
    oauth_routes(app, base);
    page_routes(app, base);
    app.route("/livez", web::get().to(health::livez));
    app.route("/ready", web::get().to(health::ready));
    app.route("/health", web::get().to(health::health));
    app.default_service(web::to(page::not_found));
}

fn discovery_routes(app: &mut ServiceConfig, services: &Services, base: &str) {
    let documents = [
        (AUTHORIZATION_SERVER, web::get as fn() -> actix_web::Route),
        (OPENID_CONFIGURATION, web::get),
    ];
    for (name, get) in documents {
        for path in well_known_paths(services.issuer(), name) {
            let resource = web::resource(path)
                .route(get().to(discovery::metadata))
                .route(discovery::preflight());
            app.service(resource);
        }
    }
    let jwks = web::resource(format!("{base}/.well-known/jwks.json"))
        .route(web::get().to(discovery::jwks))
        .route(discovery::preflight());
    app.service(jwks);
    let roots = if base.is_empty() { vec![""] } else { vec!["", base] };
    for root in roots {
        for tail in ["", "/{reference:.+}"] {
            let path = format!("{root}/.well-known/oauth-protected-resource{tail}");
            let resource = web::resource(path)
                .route(web::get().to(discovery::protected_resource))
                .route(discovery::preflight());
            app.service(resource);
        }
    }
}

/// Each endpoint of RFC 6749, 7009, 7591 and 7662. The short names are where clients
/// look that found no metadata.
fn oauth_routes(app: &mut ServiceConfig, base: &str) {
    for path in ["/oauth/authorize", "/authorize"] {
        let resource = web::resource(format!("{base}{path}"))
            .route(web::get().to(oauth::authorize))
            .route(web::post().to(oauth::authorize_by_post));
        app.service(resource);
    }
    let called_by_scripts: [(&[&str], actix_web::Route); 4] = [
        (&["/oauth/token", "/token"], web::post().to(oauth::token)),
        (&["/oauth/register", "/register"], web::post().to(oauth::register)),
        (&["/oauth/introspect"], web::post().to(oauth::introspect)),
        (&["/oauth/revoke"], web::post().to(oauth::revoke)),
    ];
    for (paths, post) in called_by_scripts {
        let paths: Vec<String> = paths.iter().map(|path| format!("{base}{path}")).collect();
        app.service(web::resource(paths).route(post).route(discovery::preflight()));
    }
}

fn page_routes(app: &mut ServiceConfig, base: &str) {
    let login = web::resource(format!("{base}/login"))
        .route(web::get().to(pages::sign_in_page))
        .route(web::post().to(pages::sign_in));
    let consent = web::resource(format!("{base}/consent"))
        .route(web::get().to(pages::consent_page))
        .route(web::post().to(pages::decide));
    app.service(login).service(consent);
    app.route(&format!("{base}/logout"), web::post().to(pages::sign_out));
    app.route(&format!("{base}{}", stylesheet_path()), web::get().to(pages::stylesheet));
}

/// The admin surface.
pub fn admin_routes(app: &mut ServiceConfig, services: &Services) {
    let admin = web::scope("/admin")
        .wrap(from_fn(admin::require_key))
        .route("/auth/verify", web::post().to(admin::verify))
        .route("/keys", web::get().to(admin::list_keys))
        .route("/keys/rotate", web::post().to(admin::rotate_keys))
        .route("/system/status", web::get().to(admin::status))
        .default_service(web::to(admin::not_found));
    app.service(admin);
    let settings = &services.config.observability.metrics;
    if settings.provider == MetricsProvider::Prometheus {
        app.route(&settings.path, web::get().to(metrics::metrics));
    }
    app.route("/livez", web::get().to(health::livez));
    app.default_service(web::to(admin::not_found));
}
