//! Splitting and classifying a redirect URI without rewriting any of it.
//!
//! Browsers read URLs by the WHATWG rules, which forgive backslashes, tabs and
//! missing slashes; RFC 3986 does not. Only what both read alike gets through.

use super::{MAX_LENGTH, RedirectKind, RedirectUriError};
use crate::form;

/// Schemes that are refused whatever the client is: they run code, read files,
/// open inner documents, start other programs, or are a mistyped web address.
const FORBIDDEN_SCHEMES: &[&str] = &[
    "about",
    "blob",
    "cid",
    "content",
    "chrome",
    "data",
    "file",
    "filesystem",
    "ftp",
    "ftps",
    "intent",
    "jar",
    "javascript",
    "localhost",
    "mailto",
    "mhtml",
    "mid",
    "ms-msdt",
    "resource",
    "search-ms",
    "sms",
    "ssh",
    "tel",
    "telnet",
    "urn",
    "vbscript",
    "view-source",
    "wss",
    "ws",
    "wyciwyg",
];

/// Parameters of an authorization response. A registered query that already has
/// one would give the client two values, one of them chosen at registration.
const RESPONSE_PARAMETERS: &[&str] =
    &["code", "state", "iss", "error", "error_description", "error_uri"];

/// The raw pieces of a URI. `path_and_query` includes the leading `/` or `?`.
pub(super) struct Parts<'a> {
    pub(super) scheme: &'a str,
    pub(super) authority: Option<&'a str>,
    pub(super) path_and_query: &'a str,
}

/// Splits without judging. A text without scheme has an empty one.
pub(super) fn split(uri: &str) -> Parts<'_> {
    let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
    match rest.strip_prefix("//") {
        None => Parts { scheme, authority: None, path_and_query: rest },
        Some(rest) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, path_and_query) = rest.split_at(end);
            Parts { scheme, authority: Some(authority), path_and_query }
        }
    }
}

/// Host and port of an authority. The host keeps its brackets.
pub(super) fn split_port(authority: &str) -> (&str, Option<&str>) {
    let after_host = authority.find(']').map_or(0, |bracket| bracket + 1);
    match authority.get(after_host..).and_then(|rest| rest.find(':')) {
        None => (authority, None),
        Some(colon) => {
            let (host, port) = authority.split_at(after_host + colon);
            (host, port.get(1..))
        }
    }
}

/// Checks everything that does not depend on the client and says what kind it is.
pub(super) fn classify(uri: &str) -> Result<RedirectKind, RedirectUriError> {
    check_characters(uri)?;
    let parts = split(uri);
    let scheme = parts.scheme.to_ascii_lowercase();
    if !is_scheme(&scheme) {
        return Err(RedirectUriError::NotAbsolute);
    }
    if FORBIDDEN_SCHEMES.contains(&scheme.as_str()) {
        return Err(RedirectUriError::ForbiddenScheme(scheme));
    }
    if parts.authority.is_some_and(|authority| authority.contains('@')) {
        return Err(RedirectUriError::UserInfo);
    }
    check_query(parts.path_and_query)?;
    // Whatever we may think of it: what a browser cannot read, no browser goes to.
    let seen = url::Url::parse(uri).map_err(|_| RedirectUriError::Host)?;
    match scheme.as_str() {
        "https" => {
            let host = check_authority(parts.authority)?.to_ascii_lowercase();
            // A browser takes `0x7f.1` and `2130706433` for addresses, and rewrites others. What
            // people are shown at consent has to be where the answer goes.
            if seen.host_str() != Some(host.as_str()) {
                return Err(RedirectUriError::Host);
            }
            Ok(RedirectKind::Https { host })
        }
        "http" => match check_authority(parts.authority)? {
            "127.0.0.1" | "[::1]" | "localhost" => Ok(RedirectKind::LoopbackHttp),
            _ => Err(RedirectUriError::PlainHttp),
        },
        _ if parts.authority.is_none() && !parts.path_and_query.starts_with('/') => {
            Err(RedirectUriError::Opaque)
        }
        _ => Ok(RedirectKind::PrivateUse { scheme }),
    }
}

fn check_characters(uri: &str) -> Result<(), RedirectUriError> {
    if uri.is_empty() {
        return Err(RedirectUriError::NotAbsolute);
    }
    if uri.len() > MAX_LENGTH {
        return Err(RedirectUriError::TooLong);
    }
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    if !uri.bytes().all(allowed) || !escapes_are_whole(uri) {
        return Err(RedirectUriError::Character);
    }
    if uri.contains('#') {
        return Err(RedirectUriError::Fragment);
    }
    Ok(())
}

fn escapes_are_whole(uri: &str) -> bool {
    uri.split('%').skip(1).all(|after| {
        let mut bytes = after.bytes();
        let mut is_hex = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
        is_hex() && is_hex()
    })
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// The host of an https or http authority.
fn check_authority(authority: Option<&str>) -> Result<&str, RedirectUriError> {
    let (host, port) = split_port(authority.ok_or(RedirectUriError::Host)?);
    if let Some(port) = port {
        let digits =
            (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || !port.parse::<u16>().is_ok_and(|port| port > 0) {
            return Err(RedirectUriError::Port);
        }
    }
    if is_host(host) { Ok(host) } else { Err(RedirectUriError::Host) }
}

/// A host name of plain labels, or a bracketed IPv6 address. Percent-escapes and
/// sub-delimiters, which RFC 3986 allows in a name, are refused: no real host has
/// them, and `;` would start a new directive in the CSP header.
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    host.len() <= 253
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        })
}

fn check_query(path_and_query: &str) -> Result<(), RedirectUriError> {
    let Some((_, query)) = path_and_query.split_once('?') else {
        return Ok(());
    };
    for pair in query.split('&') {
        let name = pair.split('=').next().unwrap_or_default();
        let name = form::decode(name.as_bytes()).ok_or(RedirectUriError::Character)?;
        if RESPONSE_PARAMETERS.contains(&name.as_str()) {
            return Err(RedirectUriError::ResponseParameter(name));
        }
    }
    Ok(())
}
