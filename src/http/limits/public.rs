//! Requests of one address on the public surface.

use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::app::Services;
use crate::http::discovery::allow_origin;
use crate::http::origin::Asker;
use crate::http::page::{problem, wants_a_page};
use crate::http::problem::{slow_down, whole_seconds};
use crate::pages::{ProblemPage, stylesheet_path};

/// The middleware.
pub(super) async fn limit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if let Some(services) = request.app_data::<web::Data<Services>>().cloned()
        && counts(&request, &services)
        && let Err(wait) = services.limits.spend(&Asker::of(request.request()).0)
    {
        metrics::counter!("authserver_auth_denied_total", "reason" => "slow_down").increment(1);
        let answer = too_many(request.request(), &services, wait);
        return Ok(request.into_response(answer));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// Whether a request counts. Not what is fetched in herds and costs no more than its answer:
/// discovery, keys, the stylesheet, preflights, and health, for which the database is asked
/// once a second however many ask. And not introspection: a resource server asks
/// for all its users from one address, and published ones take an error for "let it pass",
/// so that a limit would let revoked tokens in. Callers there have credentials; those that
/// fail to prove them are limited by that.
fn counts(request: &ServiceRequest, services: &Services) -> bool {
    if request.method() == Method::OPTIONS {
        return false;
    }
    let path = request.path();
    let under_base = path.strip_prefix(services.base_path()).unwrap_or(path);
    let free = [path, under_base].iter().any(|path| {
        path.starts_with("/.well-known/") || matches!(*path, "/livez" | "/ready" | "/health")
    });
    !free && under_base != "/oauth/introspect" && under_base != stylesheet_path()
}

fn too_many(request: &HttpRequest, services: &Services, wait: Duration) -> HttpResponse {
    if wants_a_page(request.headers()) {
        let wait = whole_seconds(wait);
        return problem(&ProblemPage::too_many_requests(services.base_path(), wait));
    }
    let detail = "Too many requests came from this address. Wait as long as Retry-After says.";
    let mut answer = slow_down(detail, wait);
    allow_origin(request, services, answer.headers_mut());
    answer
}
