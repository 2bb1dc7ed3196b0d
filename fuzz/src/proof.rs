//! What claims to prove somebody: assertions, key sets, admin keys, and a proxy's word for an address.

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::admin_key::{MintedKey, RootKey};
use protocol::client_address::{ForwardingHeaders, client_address};
use protocol::client_auth::ClientAssertion;
use protocol::document_url::{DocumentUrl, FetchPolicy, is_public};
use protocol::jose::KeySet;

use crate::world::now;

/// A client assertion, and after a line break the key set it is said to be signed with.
pub fn client_assertion(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (assertion, keys) = text.split_once('\n').unwrap_or((text, "{}"));
    let keys = serde_json::from_str(keys).ok().and_then(|keys| KeySet::parse(&keys).ok());
    if let Some(keys) = &keys {
        assert!(!keys.is_empty() && keys.len() <= 100);
    }
    let Ok(assertion) = ClientAssertion::read(assertion, None) else { return };
    assert!(!assertion.client_id().is_empty());
    if let Some(keys) = &keys {
        // Whoever can sign for a key they have put into the set may: that is no forgery.
        let _ = assertion.verify(keys);
    }
}

/// Anything for an admin key. Nobody but the root makes one.
pub fn admin_key(bytes: &[u8]) {
    let root = RootKey::from_seed(&[9; 32]).expect("a seed");
    let written = String::from_utf8_lossy(bytes).into_owned();
    let encoded = format!("ap_admin_{}", URL_SAFE_NO_PAD.encode(bytes));
    for key in [written, encoded].iter().filter_map(|text| MintedKey::presented(text).ok()) {
        assert!(root.public().verify(&key, now()).is_err(), "a forged admin key was accepted");
        let shown = format!("{key:?}");
        assert!(key.expose().len() < 24 || !shown.contains(key.expose()), "a key is shown");
    }
}

/// Lines of `Forwarded`, and after an empty line of `X-Forwarded-For`.
pub fn forwarding_headers(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (one, other) = text.split_once("\n\n").unwrap_or((&text, ""));
    fn lines(text: &str) -> Vec<Option<&str>> {
        text.lines().map(Some).collect()
    }
    let (forwarded, x_forwarded_for) = (lines(one), lines(other));
    let headers = ForwardingHeaders { forwarded: &forwarded, x_forwarded_for: &x_forwarded_for };
    let peer = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    assert_eq!(client_address(peer, headers, |_| false), peer, "a stranger is believed");
    let found = client_address(peer, headers, |address| address == peer);
    // Either the proxy itself, or an address that somebody wrote down.
    assert_eq!(found, found.to_canonical());
}

/// The address of a document.
pub fn document_url(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(url) = DocumentUrl::parse(text, FetchPolicy::STRICT) else { return };
    let seen = url.as_url();
    assert_eq!(seen.scheme(), "https");
    assert!(seen.username().is_empty() && seen.password().is_none() && seen.fragment().is_none());
    let host = url.host().trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse::<IpAddr>() {
        assert!(is_public(address), "{address} is fetched from");
    }
}
