//! Around every request: correlation id, log line, metrics, security headers.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, web};
use actors::audit::Origin;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::origin::Asker;
use crate::app::Services;

/// Names the correlation id in answers.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The middleware.
///
/// # Errors
/// Whatever the handler's error is; handlers of this server render theirs.
pub async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let started = Instant::now();
    let trace_id = request
        .app_data::<web::Data<Services>>()
        .map_or_else(String::new, |services| services.environment.new_id().to_string());
    // The peer's own address: no header changes it.
    let ip = request.peer_addr().map(|peer| peer.ip().to_string());
    let method = request.method().to_string();
    request.extensions_mut().insert(Asker(Origin { ip, trace_id: Some(trace_id.clone()) }));
    let span = tracing::info_span!("request", trace_id, method);

    let mut response = next.call(request).instrument(span.clone()).await?;

    add_security_headers(response.headers_mut());
    if let Ok(id) = HeaderValue::from_str(&trace_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    // Patterns, not paths: a client must not be able to invent label values.
    let path = response.request().match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let status = response.status().as_u16();
    let took = started.elapsed();
    let labels = [("method", method), ("path", path.clone()), ("status", status.to_string())];
    metrics::counter!("authserver_http_requests_total", &labels).increment(1);
    metrics::histogram!("authserver_http_request_duration_seconds", &labels).record(took);
    span.in_scope(|| {
        tracing::debug!(path, status, took_ms = took.as_secs_f64() * 1000.0, "answered");
    });
    Ok(response)
}

/// What every answer carries, unless its handler said something stricter.
fn add_security_headers(headers: &mut HeaderMap) {
    let defaults = [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
        ("cross-origin-opener-policy", "same-origin"),
    ];
    for (name, value) in defaults {
        let name = HeaderName::from_static(name);
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}
