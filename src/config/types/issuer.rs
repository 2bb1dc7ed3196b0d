//! The issuer identifier (RFC 8414 §2), kept byte for byte.
//!
//! Clients compare it as a string, some after passing it through an URL parser. So it is accepted
//! only in the form an URL parser would give back, and then never touched again.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde_json::Value;
use url::{Host, Url};

use super::{InvalidValue, Scalar, invalid};

/// An absolute https URL without query and fragment; http on this machine only.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Issuer {
    text: String,
    /// Where the path starts in `text`.
    origin_length: usize,
    localhost: bool,
}

impl Issuer {
    /// The string that goes into metadata, `iss` claims and `iss` parameters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port: `https://as.example:8443`.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.text.get(..self.origin_length).unwrap_or(&self.text)
    }

    /// What follows the origin, as written: empty, `/`, or `/tenant`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.text.get(self.origin_length..).unwrap_or_default()
    }

    /// Whether it names this machine only (`localhost` or a loopback address), where secrets may be
    /// generated and checks that need a certificate are relaxed.
    #[must_use]
    pub fn is_localhost(&self) -> bool {
        self.localhost
    }

    /// Whether browsers reach it over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https://")
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Issuer {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| invalid("it is not an absolute URL"))?;
        let localhost = url.host().is_some_and(|host| is_this_machine(&host));
        match url.scheme() {
            "https" => {}
            "http" if localhost => {}
            "http" => {
                return Err(invalid(
                    "http is only for localhost: tokens would cross the network unprotected",
                ));
            }
            _ => return Err(invalid("its scheme is not https")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("it carries a user name or password"));
        }
        if text.contains(['?', '#']) {
            return Err(invalid("it has a query or fragment (RFC 8414 §2)"));
        }
        let normal = url.as_str();
        if normal != text && normal.strip_suffix('/') != Some(text) {
            return Err(invalid(format!("URL parsers would change it; write `{normal}`")));
        }
        let authority = text.find("://").map_or(0, |at| at + 3);
        let rest = text.get(authority..).unwrap_or_default();
        let origin_length = authority + rest.find('/').unwrap_or(rest.len());
        Ok(Self { text: text.to_owned(), origin_length, localhost })
    }
}

impl Scalar for Issuer {
    fn kind() -> String {
        "issuer URL".to_owned()
    }

    fn form() -> String {
        "an absolute https URL without query or fragment, such as https://auth.example.com, or http \
         on localhost"
            .to_owned()
    }

    fn parse_text(text: &str) -> Result<Self, InvalidValue> {
        text.parse()
    }

    fn show(&self) -> Value {
        Value::from(self.as_str())
    }
}

/// `localhost` and the loopback addresses. Names below `.localhost` are not: resolvers disagree on
/// them.
fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => IpAddr::V4(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).is_loopback(),
    }
}
