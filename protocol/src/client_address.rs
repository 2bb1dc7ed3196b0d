//! The address of the client behind proxies (RFC 7239, and `X-Forwarded-For` before it).
//!
//! Anybody can send these headers, so they are read from the right: the last entry was
//! written by the peer itself. As long as whoever wrote an entry is a proxy that is
//! trusted, what it wrote is believed, and the walk goes one further to the left. It
//! ends at the first address that is not a trusted proxy: that is the client, and what
//! stands left of it is the client's own invention.
//!
//! The answer is the peer's address whenever there is doubt: the peer is not trusted,
//! an entry that the walk comes to is hidden (`unknown`, `_name`) or malformed, or both
//! headers are there and do not agree. A proxy sets one of them and lets the other
//! through as it came; which one, only its operator knows.

use std::net::{IpAddr, Ipv6Addr};

/// The forwarding headers of a request, line by line in the order they were sent; a line
/// that is not text as `None`.
#[derive(Debug, Clone, Copy)]
pub struct ForwardingHeaders<'a> {
    /// Lines of `Forwarded`.
    pub forwarded: &'a [Option<&'a str>],
    /// Lines of `X-Forwarded-For`.
    pub x_forwarded_for: &'a [Option<&'a str>],
}

/// Whose request it is that came from `peer`. `trusted` says which addresses are proxies
/// whose word is taken.
#[must_use]
pub fn client_address(
    peer: IpAddr,
    headers: ForwardingHeaders<'_>,
    trusted: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    let peer = peer.to_canonical();
    if !trusted(peer) {
        return peer;
    }
    let by_forwarded = (!headers.forwarded.is_empty())
        .then(|| forwarded_hops(headers.forwarded).and_then(|hops| first_stranger(hops, &trusted)));
    let by_x = (!headers.x_forwarded_for.is_empty())
        .then(|| x_hops(headers.x_forwarded_for).and_then(|hops| first_stranger(hops, &trusted)));
    let said = match (by_forwarded, by_x) {
        (Some(one), Some(other)) if one != other => None,
        (Some(said), _) | (None, Some(said)) => said,
        (None, None) => None,
    };
    said.unwrap_or(peer)
}

/// Whose share of a limit an address spends. Whoever has one IPv6 address has the 2^64
/// of its /64.
#[must_use]
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        v4 => v4,
    }
}

/// The wider network that shares a limit once more. One customer often has a /56 or a /48 of
/// IPv6 addresses, which are hundreds of [`network_of`]; of IPv4 addresses nobody has many.
#[must_use]
pub fn site_of(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        IpAddr::V6(address) => Some(IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 80 << 80))),
        IpAddr::V4(_) => None,
    }
}

/// The address the walk from the right ends at; none when it cannot be read, or when
/// nobody is said.
fn first_stranger(hops: Vec<&str>, trusted: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    let mut furthest = None;
    for hop in hops.into_iter().rev() {
        let address = node_address(hop)?;
        furthest = Some(address);
        if !trusted(address) {
            break;
        }
    }
    furthest
}

/// The entries of `X-Forwarded-For`. RFC 9110 §5.6.1: an empty element of a list is none.
fn x_hops<'a>(lines: &[Option<&'a str>]) -> Option<Vec<&'a str>> {
    let mut hops = Vec::new();
    for line in lines {
        let entries = (*line)?.split(',').map(|entry| entry.trim_matches([' ', '\t']));
        hops.extend(entries.filter(|entry| !entry.is_empty()));
    }
    Some(hops)
}

/// The `for` of each element of `Forwarded` (RFC 7239 §4); an element without one says
/// as much as `unknown`. None when a line is not of that form.
fn forwarded_hops<'a>(lines: &[Option<&'a str>]) -> Option<Vec<&'a str>> {
    let mut hops = Vec::new();
    for line in lines {
        let mut rest = (*line)?;
        loop {
            let (hop, after) = element(rest)?;
            hops.extend(hop);
            match after.strip_prefix(',') {
                Some(next) => rest = next,
                None if after.is_empty() => break,
                None => return None,
            }
        }
    }
    Some(hops)
}

/// One element at the start of `text`: its `for`, and what comes after it. The `for` is
/// none for an element that is empty.
fn element(text: &str) -> Option<(Option<&str>, &str)> {
    let mut rest = skip_space(text);
    let (mut hop, mut empty) = (None, true);
    loop {
        if !rest.starts_with([';', ',']) && !rest.is_empty() {
            let (name, value, after) = pair(rest)?;
            empty = false;
            if name.eq_ignore_ascii_case("for") && hop.replace(value).is_some() {
                // RFC 7239 §4: a parameter must not occur more than once per element.
                return None;
            }
            rest = skip_space(after);
        }
        match rest.strip_prefix(';') {
            Some(next) => rest = skip_space(next),
            None if empty => return Some((None, rest)),
            None => return Some((Some(hop.unwrap_or("unknown")), rest)),
        }
    }
}

/// `token "=" ( token / quoted-string )` at the start of `text`: name, value, the rest.
fn pair(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_at(token_length(text));
    let rest = rest.strip_prefix('=')?;
    if name.is_empty() {
        return None;
    }
    let Some(quoted) = rest.strip_prefix('"') else {
        // More than a token: many proxies write IPv4 addresses with their port unquoted.
        let (value, rest) =
            rest.split_at(rest.find([';', ',', ' ', '\t', '"']).unwrap_or(rest.len()));
        return (!value.is_empty()).then_some((name, value, rest));
    };
    // No address needs an escape, so one is as good as malformed.
    let end = quoted.find(['"', '\\']).filter(|end| quoted[*end..].starts_with('"'))?;
    Some((name, &quoted[..end], &quoted[end + 1..]))
}

/// RFC 9110 §5.6.2.
fn token_length(text: &str) -> usize {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    text.bytes().position(|byte| !is_token(byte)).unwrap_or(text.len())
}

fn skip_space(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

/// The address of a node (RFC 7239 §6): with or without port, IPv6 with or without
/// brackets. None for `unknown`, an obfuscated identifier and everything else.
fn node_address(node: &str) -> Option<IpAddr> {
    let address: IpAddr = if let Some(bracketed) = node.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        let well_formed = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        IpAddr::V6(address.parse().ok().filter(|_| well_formed)?)
    } else if let Ok(address) = node.parse() {
        address
    } else {
        let (address, port) = node.split_once(':')?;
        IpAddr::V4(address.parse().ok().filter(|_| is_port(port))?)
    };
    Some(address.to_canonical())
}

/// RFC 7239 §6.3: a number, or an obfuscated identifier.
fn is_port(port: &str) -> bool {
    let number = || port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    let hidden = || port.starts_with('_') && token_length(port) == port.len();
    !port.is_empty() && (number() || hidden())
}

#[cfg(test)]
mod tests;
