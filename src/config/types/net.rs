//! Addresses, networks, origins and URLs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;
use serde_json::Value;
use url::Url;

use super::{InvalidValue, Scalar, invalid};

/// `:9000` is every IPv4 address of the machine.
impl Scalar for SocketAddr {
    fn kind() -> String {
        "address".to_owned()
    }

    fn form() -> String {
        "an address to listen on, such as :9000, 127.0.0.1:9000 or [::1]:9000".to_owned()
    }

    fn parse_text(text: &str) -> Result<Self, InvalidValue> {
        let at = |address: Ipv4Addr, port: &str| {
            let port = port.parse().map_err(|_| invalid("its port is not a number up to 65535"))?;
            Ok(Self::new(IpAddr::V4(address), port))
        };
        if let Some(port) = text.strip_prefix(':') {
            return at(Ipv4Addr::UNSPECIFIED, port);
        }
        if let Some(port) = text.strip_prefix("localhost:") {
            return at(Ipv4Addr::LOCALHOST, port);
        }
        text.parse().map_err(|_| invalid(""))
    }

    fn show(&self) -> Value {
        Value::from(self.to_string())
    }
}

/// A single address is the network of that address.
impl Scalar for IpNet {
    fn kind() -> String {
        "CIDR".to_owned()
    }

    fn form() -> String {
        "a network in CIDR form, such as 10.0.0.0/8 or fd00::/8, or one address".to_owned()
    }

    fn parse_text(text: &str) -> Result<Self, InvalidValue> {
        text.parse::<Self>()
            .or_else(|_| text.parse::<IpAddr>().map(Self::from))
            .map_err(|_| invalid(""))
    }

    fn show(&self) -> Value {
        Value::from(self.to_string())
    }
}

/// A web origin, as browsers write it in the `Origin` header.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin(String);

impl Origin {
    /// Scheme, host and non-default port, lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Scalar for Origin {
    fn kind() -> String {
        "origin".to_owned()
    }

    fn form() -> String {
        "an origin such as https://app.example.com, without a path".to_owned()
    }

    fn parse_text(text: &str) -> Result<Self, InvalidValue> {
        if text == "*" {
            return Err(invalid("any origin is what an empty list means; remove the setting"));
        }
        let url = http_url(text)?;
        if url.path() != "/" || text.contains(['?', '#']) {
            return Err(invalid("it has more than scheme, host and port"));
        }
        Ok(Self(url.origin().ascii_serialization()))
    }

    fn show(&self) -> Value {
        Value::from(self.as_str())
    }
}

/// The address of another server.
impl Scalar for Url {
    fn kind() -> String {
        "URL".to_owned()
    }

    fn form() -> String {
        "an http or https URL without credentials".to_owned()
    }

    fn parse_text(text: &str) -> Result<Self, InvalidValue> {
        http_url(text)
    }

    fn show(&self) -> Value {
        Value::from(self.as_str())
    }
}

/// Schemes that make a browser run or read something instead of going somewhere.
const DANGEROUS_SCHEMES: &[&str] = &["javascript", "data", "file", "vbscript", "blob"];

/// An URI that is compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExactUri(String);

impl ExactUri {
    /// The URI as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Scalar for ExactUri {
    fn kind() -> String {
        "URI".to_owned()
    }

    fn form() -> String {
        "an absolute URI without fragment and credentials, compared byte for byte".to_owned()
    }

    fn parse_text(text: &str) -> Result<Self, InvalidValue> {
        let url = Url::parse(text).map_err(|_| invalid("it is not an absolute URI"))?;
        if DANGEROUS_SCHEMES.contains(&url.scheme()) {
            return Err(invalid("a browser must never be sent to that scheme"));
        }
        if text.contains('#') {
            return Err(invalid("it has a fragment"));
        }
        if has_credentials(&url) {
            return Err(invalid("it carries a user name or password"));
        }
        Ok(Self(text.to_owned()))
    }

    fn show(&self) -> Value {
        Value::from(self.as_str())
    }
}

fn http_url(text: &str) -> Result<Url, InvalidValue> {
    let url = Url::parse(text).map_err(|_| invalid("it is not an absolute URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("its scheme is not http or https"));
    }
    if has_credentials(&url) {
        return Err(invalid("it carries a user name or password"));
    }
    Ok(url)
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}
