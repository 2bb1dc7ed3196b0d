//! Around every request: correlation id, log line, metrics, security headers.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY};
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, web};
use actors::audit::Origin;
use tokio::time::Instant;
use tracing::{Instrument as _, Level, Span};

use super::limits::client_address;
use super::meters;
use super::origin::Asker;
use crate::app::Services;

/// Names the correlation id in answers.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Whether the listener of an app has certificates; app data of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// It has none: a proxy may have.
    Plain,
    /// The server itself ends TLS.
    Tls,
}

/// RFC 6797, where the server itself ends TLS; elsewhere that is the proxy's to say, and §7.2
/// forbids it on what was not sent over TLS.
const A_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The middleware.
///
/// # Errors
/// Whatever the handler's error is; handlers of this server render theirs.
pub async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let started = Instant::now();
    let services = request.app_data::<web::Data<Services>>().cloned();
    let trace_id = services
        .as_ref()
        .map_or_else(String::new, |services| services.environment.new_id().to_string());
    let proxies = services.as_ref().map_or(&[][..], |it| &it.config.server.trusted_proxies);
    let ip = client_address(&request, proxies).map(|ip| ip.to_string());
    let method = method_label(request.method());
    request.extensions_mut().insert(Asker(Origin { ip, trace_id: Some(trace_id.clone()) }));
    let span = match is_about_nobody(request.path()) && !tracing::enabled!(Level::DEBUG) {
        true => Span::none(),
        false => tracing::info_span!("request", trace_id, method),
    };

    let mut response = next.call(request).instrument(span.clone()).await?;

    let base = services.as_ref().map_or("", |services| services.base_path());
    let status = response.status().as_u16();
    let took = started.elapsed();
    let keep_opener = meters::measured(response.request(), method, status, took, |pattern| {
        span.in_scope(|| {
            tracing::debug!(path = pattern, status, took_ms = took.as_secs_f64() * 1e3, "answered");
        });
        passed_by_popups(pattern, base)
    });
    add_security_headers(response.headers_mut(), keep_opener);
    if response.request().app_data::<Transport>() == Some(&Transport::Tls) {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, A_YEAR);
    }
    if let Ok(id) = HeaderValue::try_from(trace_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(response)
}

/// The methods there are; a client must not be able to invent label values.
fn method_label(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

/// Whether the path leads to a document that is the same for everybody. Clients fetch those in
/// herds; nothing is asked or decided for one of them, so there is no line of the log that would
/// need to say which request it is about, and a span for each costs a tenth of the answer.
fn is_about_nobody(path: &str) -> bool {
    path.contains("/.well-known/")
}

/// Whether a client that opened a popup for the authorization passes by here. It waits
/// for the popup to speak to the window that opened it, from the client's own page in
/// the end; one answer on the way with `Cross-Origin-Opener-Policy` cuts the two apart.
fn passed_by_popups(pattern: &str, base: &str) -> bool {
    const ON_THE_WAY: [&str; 5] =
        ["/oauth/authorize", "/authorize", "/login", "/consent", "/logout"];
    pattern.strip_prefix(base).is_some_and(|path| ON_THE_WAY.contains(&path))
}

const fn header(name: &'static str, value: &'static str) -> (HeaderName, HeaderValue) {
    (HeaderName::from_static(name), HeaderValue::from_static(value))
}

/// Read by the compiler, not with each answer.
static DEFAULTS: [(HeaderName, HeaderValue); 4] = [
    header("x-content-type-options", "nosniff"),
    header("x-frame-options", "DENY"),
    header("referrer-policy", "no-referrer"),
    header(
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    ),
];
static OPENER: (HeaderName, HeaderValue) = header("cross-origin-opener-policy", "same-origin");

/// What every answer carries, unless its handler said something stricter.
fn add_security_headers(headers: &mut HeaderMap, keep_opener: bool) {
    for (name, value) in DEFAULTS.iter().chain((!keep_opener).then_some(&OPENER)) {
        if !headers.contains_key(name) {
            headers.insert(name.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_that_nobody_knows_has_no_label_of_its_own() {
        assert_eq!(method_label(&Method::POST), "POST");
        let invented = Method::from_bytes(b"INVENTED1").unwrap();
        assert_eq!(method_label(&invented), "other");
    }

    #[test]
    fn only_what_a_popup_passes_keeps_its_opener() {
        assert!(passed_by_popups("/tenant/oauth/authorize", "/tenant"));
        assert!(passed_by_popups("/consent", ""));
        assert!(!passed_by_popups("/consent", "/tenant"));
        assert!(!passed_by_popups("/oauth/token", ""));
    }
}
