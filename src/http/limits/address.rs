//! The client's address, as far as it can be known.

use std::net::IpAddr;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use ipnet::IpNet;
use protocol::client_address::{self as walk, ForwardingHeaders};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Who asks: the peer, or whom `server.trusted_proxies` say they ask for. Headers count
/// for this and for nothing else; the issuer comes from the configuration.
pub(crate) fn client_address(request: &ServiceRequest, proxies: &[IpNet]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    if proxies.is_empty() {
        return Some(peer);
    }
    let (forwarded, x_forwarded_for) =
        (lines(request.headers(), header::FORWARDED), lines(request.headers(), X_FORWARDED_FOR));
    let headers = ForwardingHeaders { forwarded: &forwarded, x_forwarded_for: &x_forwarded_for };
    let trusted = |address: IpAddr| proxies.iter().any(|network| network.contains(&address));
    Some(walk::client_address(peer, headers, trusted))
}

fn lines(headers: &HeaderMap, name: HeaderName) -> Vec<Option<&str>> {
    headers.get_all(name).map(|line| line.to_str().ok()).collect()
}
