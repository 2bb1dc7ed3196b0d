//! What the server says about itself: RFC 8414, RFC 7517, RFC 9728; and CORS for all
//! endpoints that scripts call.

use std::fmt;
use std::sync::{Arc, LazyLock};

use actix_web::http::Uri;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse, Route, guard};
use actors::keys::JWKS_MAX_AGE;
use arc_swap::ArcSwapOption;
use protocol::client::GrantType;
use protocol::jose::ProofAlgorithm;
use protocol::metadata::{
    AuthorizationServerMetadata, MetadataInputs, PROTECTED_RESOURCE, ProtectedResourceMetadata,
};
use protocol::registration::RegistrationMode;
use protocol::resource::Resources;

use super::problem::not_found;
use crate::app::Services;
use crate::flows::authenticate_client::METHODS;
use crate::grants;

/// The metadata document as text, made when what it says changes and not before.
#[derive(Default)]
pub struct MetadataDocument(ArcSwapOption<Made>);

/// A document, and what it was made of.
struct Made {
    resources: Arc<Resources>,
    registration_open: bool,
    text: Bytes,
}

impl MetadataDocument {
    fn current(&self, services: &Services) -> Arc<Made> {
        let resources = services.keepers.catalog.resources();
        let registration_open = services.registration_mode() != RegistrationMode::AdminOnly;
        let still_true = |made: &Arc<Made>| {
            Arc::ptr_eq(&made.resources, &resources) && made.registration_open == registration_open
        };
        if let Some(made) = self.0.load_full().filter(still_true) {
            return made;
        }
        let text = render(services, &resources, registration_open).into();
        let made = Arc::new(Made { resources, registration_open, text });
        self.0.store(Some(Arc::clone(&made)));
        made
    }
}

impl fmt::Debug for MetadataDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetadataDocument")
    }
}

fn render(services: &Services, resources: &Resources, registration_open: bool) -> String {
    let grants: Vec<GrantType> =
        grants::enabled(&services.config).map(|grant| grant.name).collect();
    let algorithms: Vec<&str> = ProofAlgorithm::ALL.iter().map(|alg| alg.as_str()).collect();
    let document = AuthorizationServerMetadata::new(&MetadataInputs {
        issuer: services.issuer(),
        grants: &grants,
        registration_open,
        scopes_supported: &resources.discoverable_scopes(),
        auth_methods: METHODS,
        auth_signing_algs: Some(&algorithms),
        cimd: services.config.cimd.enabled,
        dpop_signing_algs: services.config.dpop.enabled.then_some(&*algorithms),
        id_jag: false,
        agent_identity: true,
    });
    serde_json::to_string(&document).unwrap_or_default()
}

/// `GET /.well-known/oauth-authorization-server`, in all its forms
pub(crate) async fn metadata(request: HttpRequest, services: web::Data<Services>) -> HttpResponse {
    let document = services.metadata.current(&services);
    cacheable(&request, &services, document.text.clone(), None)
}

/// `GET /.well-known/jwks.json`
pub(crate) async fn jwks(request: HttpRequest, services: web::Data<Services>) -> HttpResponse {
    let ring = services.keepers.key_ring.current();
    if services.config.agents.enable_jwks_listing {
        let document = services.jwks.current(&services, &ring);
        return keys(&request, &services, document.text(), document.etag());
    }
    keys(&request, &services, ring.jwks(), ring.etag())
}

/// The keys, or that they are what the client has.
fn keys(request: &HttpRequest, services: &Services, text: &str, etag: &str) -> HttpResponse {
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|tag| tag.to_str().ok());
    let unchanged = |tags: &str| {
        tags.split(',')
            .any(|tag| matches!(tag.trim().trim_start_matches("W/"), t if t == etag || t == "*"))
    };
    if known.is_some_and(unchanged) {
        let mut response = HttpResponse::NotModified()
            .insert_header((header::ETAG, etag))
            .insert_header((header::CACHE_CONTROL, MAX_AGE.clone()))
            .finish();
        allow_origin(request, services, response.headers_mut());
        return response;
    }
    cacheable(request, services, text.to_owned(), Some(etag))
}

/// `GET /.well-known/oauth-protected-resource/{reference}`
pub(crate) async fn protected_resource(
    request: HttpRequest,
    services: web::Data<Services>,
) -> HttpResponse {
    let reference = reference_in(request.uri());
    let resources = services.keepers.catalog.resources();
    let found = resources.by_protected_resource_ref(reference).or_else(|| {
        // A query that no resource has is not about the resource.
        let (path, _) = reference.split_once('?')?;
        resources.by_protected_resource_ref(path)
    });
    let Some(resource) = found else {
        let mut response =
            not_found("resource_not_found", "No resource of this server has this path or slug.");
        allow_origin(&request, &services, response.headers_mut());
        return response;
    };
    let document = ProtectedResourceMetadata::new(resource, services.issuer());
    let text = serde_json::to_string(&document).unwrap_or_default();
    cacheable(&request, &services, text, None)
}

/// What follows the well-known name, query included, as it was sent: a resource is known
/// by its URI byte for byte, so nothing is decoded.
fn reference_in(uri: &Uri) -> &str {
    let sent = uri.path_and_query().map_or("", |sent| sent.as_str());
    sent.split_once(PROTECTED_RESOURCE).map_or("", |(_, reference)| reference)
}

/// `/.well-known/…` that is not here. Clients probe, also from scripts, and have to be able
/// to read that they probe on.
pub(crate) async fn unknown(request: HttpRequest, services: web::Data<Services>) -> HttpResponse {
    let mut response = not_found("not_found", "This server has no such document.");
    allow_origin(&request, &services, response.headers_mut());
    response
}

/// A public document: clients may keep it as long as keys are published ahead.
fn cacheable(
    request: &HttpRequest,
    services: &Services,
    body: impl Into<Bytes>,
    etag: Option<&str>,
) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, MAX_AGE.clone()));
    response.insert_header((header::CONTENT_TYPE, JSON));
    if let Some(etag) = etag {
        response.insert_header((header::ETAG, etag));
    }
    let mut response = response.body(body.into());
    allow_origin(request, services, response.headers_mut());
    response
}

// Made once: what these documents cost is their headers.
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");
const EXPOSED: HeaderValue = HeaderValue::from_static("WWW-Authenticate, DPoP-Nonce");
static MAX_AGE: LazyLock<HeaderValue> = LazyLock::new(|| {
    let value = format!("public, max-age={}", JWKS_MAX_AGE.as_secs());
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("no-store"))
});

/// `OPTIONS` on what scripts call.
pub(crate) fn preflight() -> Route {
    web::route().guard(guard::Options()).to(answer_preflight)
}

/// Nobody authenticates in a preflight, and nothing is decided in one.
async fn answer_preflight(request: HttpRequest, services: web::Data<Services>) -> HttpResponse {
    let mut response = HttpResponse::NoContent()
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"))
        .insert_header((
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-Type, DPoP, MCP-Protocol-Version",
        ))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"))
        .finish();
    allow_origin(&request, &services, response.headers_mut());
    response
}

/// Lets scripts of any origin read the answer, or of the configured origins only.
/// Never with cookies: no endpoint that scripts call looks at any.
pub(crate) fn allow_origin(request: &HttpRequest, services: &Services, headers: &mut HeaderMap) {
    let allowed = &services.config.server.allowed_origins;
    let value = if allowed.is_empty() {
        Some(ANY_ORIGIN)
    } else {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let origin = request.headers().get(header::ORIGIN);
        origin
            .filter(|origin| {
                allowed.iter().any(|known| known.as_str().as_bytes() == origin.as_bytes())
            })
            .cloned()
    };
    if let Some(value) = value {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}
