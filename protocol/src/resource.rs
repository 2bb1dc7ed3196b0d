//! Resources: what tokens are issued for (RFC 8707), their catalogs and policies.
//!
//! A request names a resource by URI; the registry answers with the *registered*
//! string, which is what goes into `aud`. Two spellings are one resource only when
//! [`ResourceUri::comparison_key`] says so; nothing else is normalised, because a
//! resource server compares `aud` byte for byte.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::OAuthError;
use crate::scope::{OFFLINE_ACCESS, ScopeSet};
use crate::text;

mod index;

pub use index::Resources;

#[cfg(test)]
mod tests;

/// Longest resource URI, in bytes.
pub const MAX_URI_LENGTH: usize = 2048;

/// Why a resource URI is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResourceUriError {
    /// No scheme, or an http(s) URI without host.
    #[error("it is not an absolute URI (RFC 8707 section 2)")]
    NotAbsolute,
    /// `#…`
    #[error("it has a fragment (RFC 8707 section 2)")]
    Fragment,
    /// `user@host`
    #[error("it has user information before the host")]
    UserInfo,
    /// Control, space, non-ASCII, backslash, quote or angle bracket.
    #[error("it contains a character that URIs cannot have")]
    Character,
    /// A host that is none, a port that is no number.
    #[error("its host or port cannot be read")]
    Host,
    /// Over [`MAX_URI_LENGTH`].
    #[error("it is longer than {MAX_URI_LENGTH} bytes")]
    TooLong,
}

/// A well-formed resource indicator, kept byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResourceUri(String);

impl ResourceUri {
    /// Checks the syntax of RFC 8707 §2: absolute, no fragment; and our limits.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn parse(uri: &str) -> Result<Self, ResourceUriError> {
        if uri.len() > MAX_URI_LENGTH {
            return Err(ResourceUriError::TooLong);
        }
        if !uri.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte)) {
            return Err(ResourceUriError::Character);
        }
        if uri.contains('#') {
            return Err(ResourceUriError::Fragment);
        }
        let (scheme, rest) = uri.split_once(':').ok_or(ResourceUriError::NotAbsolute)?;
        if !is_scheme(scheme) || rest.is_empty() {
            return Err(ResourceUriError::NotAbsolute);
        }
        let authority = authority_of(rest);
        if authority.is_some_and(|authority| authority.contains('@')) {
            return Err(ResourceUriError::UserInfo);
        }
        let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
        if is_web
            && authority.is_none_or(|authority| authority.is_empty() || authority.starts_with(':'))
        {
            return Err(ResourceUriError::NotAbsolute);
        }
        // Clients make a URL of it, to call the resource and to find its metadata. One that
        // none of them can read is nobody's resource.
        url::Url::parse(uri).map_err(|_| ResourceUriError::Host)?;
        Ok(Self(uri.to_owned()))
    }

    /// The URI, byte for byte.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two spellings of one resource have in common: scheme and authority in
    /// lower case, and a lone `/` after the authority dropped (RFC 3986 §6.2.3).
    /// Ports, dots, escapes, queries and other slashes stay as they are.
    #[must_use]
    pub fn comparison_key(&self) -> String {
        let (scheme, rest) = self.0.split_once(':').unwrap_or_default();
        let scheme = scheme.to_ascii_lowercase();
        let Some(authority) = authority_of(rest) else {
            return format!("{scheme}:{rest}");
        };
        let tail = rest.get(2 + authority.len()..).unwrap_or_default();
        let tail = if tail == "/" { "" } else { tail };
        format!("{scheme}://{}{tail}", authority.to_ascii_lowercase())
    }

    /// Path and query as RFC 9728 §3.1 appends them to the well-known prefix,
    /// without the leading `/`. Empty when there are none.
    #[must_use]
    pub fn path_suffix(&self) -> &str {
        let rest = self.0.split_once(':').map_or("", |(_, rest)| rest);
        let start = authority_of(rest).map_or(0, |authority| 2 + authority.len());
        let tail = rest.get(start..).unwrap_or_default();
        tail.strip_prefix('/').unwrap_or(tail)
    }
}

/// The authority in what follows the scheme's colon.
fn authority_of(rest: &str) -> Option<&str> {
    let rest = rest.strip_prefix("//")?;
    rest.get(..rest.find(['/', '?']).unwrap_or(rest.len()))
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// True for an operator's name of a resource: `[a-z0-9][a-z0-9-]{0,62}`.
#[must_use]
pub fn is_slug(slug: &str) -> bool {
    (1..=63).contains(&slug.len())
        && !slug.starts_with('-')
        && Uuid::try_parse(slug).is_err()
        && slug
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The refusal of a resource nobody registered, naming it as it was sent.
#[must_use]
pub fn unknown_resource(presented: &str) -> OAuthError {
    let presented = text::visible(presented, 200);
    OAuthError::invalid_target(format!("The resource '{presented}' is not known here."))
}

/// One scope of a resource's catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeEntry {
    /// The scope token.
    pub name: String,
    /// What it allows, for the consent page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// True when a request without `scope` gets it.
    #[serde(default)]
    pub default: bool,
}

/// Who may exchange into a resource; empty means any client (contract 04, gate 2).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExchangePolicy {
    /// Client ids.
    pub allowed_client_ids: Vec<String>,
}

/// Who may act as a resource; empty means nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuntimePolicy {
    /// Client ids.
    pub client_ids: Vec<String>,
}

/// Where people may return to after connecting an account for a resource; empty means
/// nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectPolicy {
    /// URLs, byte for byte.
    pub allowed_return_urls: Vec<String>,
}

/// Whether tokens for a resource have to be bound to a key (RFC 9449).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DpopPolicy {
    /// Nobody gets a bearer token for it.
    pub required: bool,
}

/// The operator's policy of a resource. Members unknown to this version are
/// skipped on reading: a newer replica may have written the row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourcePolicy {
    /// Who may exchange into it.
    pub exchange: ExchangePolicy,
    /// Who may act as it.
    pub runtime: RuntimePolicy,
    /// Where people may return to.
    pub connect: ConnectPolicy,
    /// Whether its tokens have to be bound.
    pub dpop: DpopPolicy,
}

impl ResourcePolicy {
    /// True when `client_id` may act as the resource.
    #[must_use]
    pub fn is_runtime_client(&self, client_id: &str) -> bool {
        self.runtime.client_ids.iter().any(|listed| listed == client_id)
    }
}

/// A resource we sign access tokens for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MintResource {
    /// Row id.
    pub id: Uuid,
    /// Operator's name, see [`is_slug`].
    pub slug: String,
    /// RFC 8707 identifier, goes into `aud` byte for byte. Empty: the resource
    /// cannot be asked for, not by alias or slug either.
    pub uri: String,
    /// Other URIs that mean this resource.
    pub aliases: Vec<String>,
    /// Name for people.
    pub display_name: String,
    /// True when its scopes are listed in the server's own metadata.
    pub discoverable: bool,
    /// Catalog.
    pub scopes: Vec<ScopeEntry>,
    /// Operator's policy.
    pub policy: ResourcePolicy,
}

impl MintResource {
    /// True when the resource has a well-formed URI, so that a token can name it.
    #[must_use]
    pub fn is_addressable(&self) -> bool {
        ResourceUri::parse(&self.uri).is_ok()
    }

    /// Every scope of the resource. `offline_access` never counts as one
    /// (contract 01), even if a catalog lists it.
    #[must_use]
    pub fn catalog(&self) -> ScopeSet {
        self.collect(|_| true)
    }

    /// What a request without `scope` gets: the scopes marked default, or all of
    /// them only if none is marked.
    #[must_use]
    pub fn default_scopes(&self) -> ScopeSet {
        let marked = self.collect(|entry| entry.default);
        if marked.is_empty() { self.catalog() } else { marked }
    }

    /// The description of a scope in this resource's catalog.
    #[must_use]
    pub fn description_of(&self, scope: &str) -> Option<&str> {
        self.scopes.iter().find(|entry| entry.name == scope)?.description.as_deref()
    }

    fn collect(&self, wanted: impl Fn(&ScopeEntry) -> bool) -> ScopeSet {
        self.scopes
            .iter()
            .filter(|entry| entry.name != OFFLINE_ACCESS && wanted(entry))
            .map(|entry| entry.name.as_str())
            .collect()
    }
}
