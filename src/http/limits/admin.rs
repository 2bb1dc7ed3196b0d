//! In front of the admin surface: names it answers to, and how often an address may ask.

use std::net::IpAddr;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web;

use super::{network, spend};
use crate::admin::Problem;
use crate::app::Services;
use crate::http::admin::problem;
use crate::http::origin::Asker;

/// The middleware.
pub(super) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(services) = request.app_data::<web::Data<Services>>().cloned() else {
        return Err(actix_web::error::ErrorInternalServerError("no services"));
    };
    if !is_called_by_its_name(&request, &services.config.admin.allowed_hosts) {
        let detail = "The admin port does not go by this name. Use its address or localhost, or \
                      add the name to admin.allowed_hosts.";
        let refused = Problem::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", detail);
        return Ok(request.into_response(problem(&refused)));
    }
    let network = network(&Asker::of(request.request()).0);
    if let Err(wait) = spend(services.limits.admin.as_ref(), network) {
        metrics::counter!("authserver_auth_denied_total", "reason" => "slow_down").increment(1);
        let detail = "Too many requests came from this address. Wait as long as Retry-After says.";
        return Ok(request.into_response(problem(&Problem::slow_down(detail, wait))));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// Whether the name the request was sent to can only be this server's: an address,
/// localhost, or what the operator says. A page whose own name was made to point here
/// (DNS rebinding) sends that name.
///
/// Never what a forwarding header says. A request with several names (two `Host` headers, or
/// another one in an absolute request target) is no browser's; who stands in between may have
/// gone by any of them, so all have to be ours, and a second header is refused (RFC 9110 §7.2).
fn is_called_by_its_name(request: &ServiceRequest, allowed: &[String]) -> bool {
    let mut headers = request.headers().get_all(header::HOST).map(HeaderValue::to_str);
    let (header, second) = (headers.next(), headers.next());
    // Of HTTP/2, and of an absolute target.
    let authority = request.uri().authority().map(|it| Ok(it.as_str()));
    let mut names = header.into_iter().chain(authority).peekable();
    let ours = |name: Result<&str, _>| name.is_ok_and(|name| is_ours(host_of(name), allowed));
    second.is_none() && names.peek().is_some() && names.all(ours)
}

fn is_ours(host: &str, allowed: &[String]) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let localhost = host.eq_ignore_ascii_case("localhost")
        || host.rsplit_once('.').is_some_and(|(_, top)| top.eq_ignore_ascii_case("localhost"));
    address.is_ok() || localhost || allowed.iter().any(|name| name.eq_ignore_ascii_case(host))
}

/// Without the port.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_localhost_and_configured_names_are_ours() {
        let allowed = ["admin.internal".to_owned()];
        for ours in [
            "127.0.0.1:9001",
            "127.0.0.1",
            "[::1]:9001",
            "[::1]",
            "10.1.2.3:80",
            "localhost:9001",
            "LOCALHOST",
            "localhost.",
            "dev.localhost:1",
            "Admin.Internal:9001",
            "admin.internal.",
        ] {
            assert!(is_ours(host_of(ours), &allowed), "{ours}");
        }
        for other in [
            "evil.example",
            "evil.example:9001",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "notlocalhost",
            "admin.internal.evil.example",
            "",
            ":9001",
            "2130706433",
            "0x7f.1",
            "user@127.0.0.1",
            "127.0.0.1:x",
        ] {
            assert!(!is_ours(host_of(other), &allowed), "{other}");
        }
    }
}
