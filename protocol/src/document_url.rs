//! URLs of other people's documents that this server fetches: a client's key set.
//!
//! Whoever registers a client chooses where we look, so the choice is narrow: https,
//! no user information, a host that is written plainly, and no address inside. A name
//! says nothing about where it leads: what it resolves to is judged by [`may_be_asked`]
//! when the connection is made.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::resource::MAX_URI_LENGTH;
use crate::text::is_clean_uri;

/// What is let go on a developer's machine and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchPolicy {
    /// Only https.
    pub require_https: bool,
    /// Addresses inside may be asked.
    pub allow_private_addresses: bool,
}

impl FetchPolicy {
    /// Nothing is let go.
    pub const STRICT: FetchPolicy =
        FetchPolicy { require_https: true, allow_private_addresses: false };
}

/// Why a document is not fetched from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DocumentUrlRefusal {
    /// Not an URL of at most 2048 clean characters, or not https.
    #[error(
        "must be an https URL without user information or fragment, at most {MAX_URI_LENGTH} bytes"
    )]
    Form,
    /// The host is escaped, or is a number that stands for an address.
    #[error("must name its host plainly, not escaped and not as a number")]
    Host,
    /// The address is not a public one.
    #[error("must not be at a private, local or reserved address")]
    Address,
}

/// An URL that may be fetched from.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DocumentUrl {
    url: Url,
}

impl DocumentUrl {
    /// Reads an URL that somebody else wrote.
    ///
    /// # Errors
    /// See [`DocumentUrlRefusal`].
    pub fn parse(text: &str, policy: FetchPolicy) -> Result<DocumentUrl, DocumentUrlRefusal> {
        // The url crate forgives what browsers forgive; only clean text is taken.
        let clean = is_clean_uri(text, MAX_URI_LENGTH);
        let url = Url::parse(text).ok().filter(|_| clean).ok_or(DocumentUrlRefusal::Form)?;
        let scheme = url.scheme() == "https" || (url.scheme() == "http" && !policy.require_https);
        let bare =
            url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if !scheme || !bare {
            return Err(DocumentUrlRefusal::Form);
        }
        // `0x7f.1`, `2130706433` and `127.1` all become 127.0.0.1, and `%31` becomes 1.
        let host = url.host_str().ok_or(DocumentUrlRefusal::Form)?;
        if !written_host(text).is_some_and(|written| written.eq_ignore_ascii_case(host)) {
            return Err(DocumentUrlRefusal::Host);
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        if address.is_some_and(|address| !may_be_asked(address, policy)) {
            return Err(DocumentUrlRefusal::Address);
        }
        Ok(DocumentUrl { url })
    }

    /// The URL.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.url
    }

    /// The host, as it is connected to.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }
}

/// The host as it stands in the text, without its port.
fn written_host(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    if authority.starts_with('[') {
        let end = authority.find(']')?;
        return authority.get(..=end);
    }
    authority.split(':').next()
}

/// Whether a document may be fetched from `address`.
#[must_use]
pub fn may_be_asked(address: IpAddr, policy: FetchPolicy) -> bool {
    policy.allow_private_addresses || is_public(address)
}

/// Whether an address is one of the public internet: what the registries of special
/// addresses (RFC 6890 and its updates) do not set apart.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Networks of IPv4 that are not public: first address and length of the prefix.
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),        // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // shared by carriers, and one cloud's metadata
    (Ipv4Addr::new(127, 0, 0, 0), 8),      // this machine
    (Ipv4Addr::new(168, 63, 129, 16), 32), // one cloud's metadata
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // link-local, and most clouds' metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12),    // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // relays of 6to4
    (Ipv4Addr::new(192, 168, 0, 0), 16),   // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),      // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),      // reserved, and broadcast
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    NOT_PUBLIC_V4.iter().all(|(network, length)| (bits ^ network.to_bits()) >> (32 - length) != 0)
}

/// Networks inside 2000::/3 that are not public.
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments, Teredo among them
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4: an IPv4 address inside
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// Of IPv6 only 2000::/3 is given out at all. What carries an IPv4 address (mapped,
/// compatible, NAT64), loopback, unique local, link-local and multicast lie outside.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    bits >> 125 == 0b001
        && NOT_PUBLIC_V6
            .iter()
            .all(|(network, length)| (bits ^ network.to_bits()) >> (128 - length) != 0)
}

impl fmt::Display for DocumentUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

impl fmt::Debug for DocumentUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DocumentUrl").field(&self.url.as_str()).finish()
    }
}

#[cfg(test)]
mod tests;
