//! Redirect URIs: where an authorization response may go.
//!
//! A code sent to the wrong place is an account handed over, so nothing here
//! normalises: a URI is split, never re-written, and matching is byte for byte
//! (RFC 9700 §2.1). The one exception is the port of a loopback URI, which a
//! native app only knows when it runs (RFC 8252 §7.3).

use std::fmt;

use serde::{Serialize, Serializer};

use crate::error::OAuthError;
use crate::form;
use crate::text;

mod syntax;

#[cfg(test)]
mod tests;

/// Longest redirect URI, in bytes.
pub const MAX_LENGTH: usize = 2048;
/// Most redirect URIs of one client.
pub const MAX_PER_CLIENT: usize = 100;

/// Whether the client can keep a secret (RFC 6749 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicOrConfidential {
    /// No secret; may use private-use schemes.
    Public,
    /// Has a secret or a key.
    Confidential,
}

/// What kind of place a redirect URI is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedirectKind {
    /// A web server. `host` without port, in lower case.
    Https {
        /// Host name, address or bracketed IPv6 address.
        host: String,
    },
    /// A program on the user's machine, listening on a port (RFC 8252 §7.3).
    LoopbackHttp,
    /// A program on the user's machine that claimed a scheme (RFC 8252 §7.1).
    PrivateUse {
        /// The scheme in lower case, without `:`.
        scheme: String,
    },
}

impl RedirectKind {
    /// True when any program on the user's machine could be the receiver: the
    /// consent page warns, and consent is asked again each time.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        matches!(self, Self::LoopbackHttp | Self::PrivateUse { .. })
    }
}

/// Why a redirect URI is refused. The text is for the developer of the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriError {
    /// Empty or no scheme.
    #[error("it is not an absolute URI")]
    NotAbsolute,
    /// Over [`MAX_LENGTH`].
    #[error("it is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// Control, space, non-ASCII, backslash, quote, bracket, or a broken escape.
    #[error("it contains a character that URIs cannot have, or a broken percent-escape")]
    Character,
    /// `#…` (RFC 6749 §3.1.2).
    #[error("it has a fragment (RFC 6749 section 3.1.2)")]
    Fragment,
    /// `user@host`.
    #[error("it has user information before the host")]
    UserInfo,
    /// A scheme that runs code, reads files or leaves the OAuth client.
    #[error("the scheme '{0}' is never allowed")]
    ForbiddenScheme(String),
    /// `http` to somewhere else than this machine.
    #[error("plain http is only allowed for 127.0.0.1, [::1] and localhost; use https")]
    PlainHttp,
    /// Host missing or misshapen.
    #[error("the host is missing or not valid")]
    Host,
    /// Port zero, empty or out of range.
    #[error("the port is not valid")]
    Port,
    /// A private-use scheme without `:/`.
    #[error("a private-use URI must have a '/' after the scheme, as in com.example.app:/callback")]
    Opaque,
    /// A private-use scheme at a confidential client.
    #[error(
        "private-use schemes are for public clients; register with token_endpoint_auth_method 'none'"
    )]
    PrivateUseNeedsPublicClient,
    /// The query already has a parameter of the authorization response.
    #[error("its query already has the response parameter '{0}'")]
    ResponseParameter(String),
}

impl RedirectUriError {
    /// The refusal at registration. It names the URI (contract 01).
    #[must_use]
    pub fn naming(&self, uri: &str) -> OAuthError {
        let uri = text::visible(uri, 200);
        OAuthError::invalid_redirect_uri(format!("The redirect URI '{uri}' is refused: {self}."))
    }
}

/// A redirect URI that passed every check, kept byte for byte.
#[derive(Clone, PartialEq, Eq)]
pub struct RedirectUri {
    raw: String,
    kind: RedirectKind,
}

impl RedirectUri {
    /// Checks a URI that a client wants to register.
    ///
    /// # Errors
    /// Why it is refused; [`RedirectUriError::naming`] makes the OAuth error.
    pub fn parse_registration(
        uri: &str,
        client: PublicOrConfidential,
    ) -> Result<Self, RedirectUriError> {
        let kind = syntax::classify(uri)?;
        let private_use = matches!(kind, RedirectKind::PrivateUse { .. });
        if private_use && client == PublicOrConfidential::Confidential {
            return Err(RedirectUriError::PrivateUseNeedsPublicClient);
        }
        Ok(Self { raw: uri.to_owned(), kind })
    }

    /// The URI, byte for byte.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.raw
    }

    /// What kind of place it is.
    #[must_use]
    pub const fn kind(&self) -> &RedirectKind {
        &self.kind
    }

    /// What the consent page shows as the place the approval goes to: the host (with
    /// port when it has one), or the scheme with its colon. Always ASCII.
    #[must_use]
    pub fn display_target(&self) -> String {
        match &self.kind {
            RedirectKind::PrivateUse { scheme } => format!("{scheme}:"),
            RedirectKind::Https { .. } | RedirectKind::LoopbackHttp => {
                syntax::split(&self.raw).authority.unwrap_or_default().to_ascii_lowercase()
            }
        }
    }

    /// The CSP source that lets a form post end here. Chromium applies `form-action`
    /// to redirects after the post, so the consent page has to name the target.
    ///
    /// CSP has no syntax for IPv6 hosts; those fall back to the scheme. A loopback
    /// URI without port stands for every port.
    #[must_use]
    pub fn csp_form_action_source(&self) -> String {
        let parts = syntax::split(&self.raw);
        let scheme = parts.scheme.to_ascii_lowercase();
        let authority = parts.authority.unwrap_or_default().to_ascii_lowercase();
        match &self.kind {
            RedirectKind::PrivateUse { .. } => format!("{scheme}:"),
            _ if authority.starts_with('[') => format!("{scheme}:"),
            RedirectKind::LoopbackHttp if !authority.contains(':') => {
                format!("http://{authority}:*")
            }
            _ => format!("{scheme}://{authority}"),
        }
    }

    /// `presented` with `params` appended to its query, existing query kept
    /// (RFC 6749 §3.1.2). Only if `presented` matches this registered URI; else the
    /// registered one is used, so that no caller can send an answer elsewhere.
    #[must_use]
    pub fn with_response_params(&self, presented: &str, params: &[(&str, &str)]) -> String {
        let registered = matches(std::slice::from_ref(self), presented).is_some();
        let mut location = if registered { presented } else { &self.raw }.to_owned();
        for (name, value) in params {
            // Only the first question mark begins the query; a later one is part of it.
            match location.split_once('?') {
                None => location.push('?'),
                Some((_, query)) if query.is_empty() || query.ends_with('&') => {}
                Some(_) => location.push('&'),
            }
            location.push_str(&form::encode(name));
            location.push('=');
            location.push_str(&form::encode(value));
        }
        location
    }

    /// The URI less its port, for comparing loopback URIs.
    pub(crate) fn without_port(&self) -> String {
        let parts = syntax::split(&self.raw);
        let host = parts.authority.map_or("", |authority| syntax::split_port(authority).0);
        format!("{}://{host}{}", parts.scheme, parts.path_and_query)
    }

    /// How `presented` matches this registered URI, if it does.
    fn matches(&self, presented: &str) -> Option<MatchKind> {
        if self.raw == presented {
            return Some(MatchKind::Exact);
        }
        if self.kind != RedirectKind::LoopbackHttp {
            return None;
        }
        let (registered, presented) = (syntax::split(&self.raw), syntax::split(presented));
        let host = |parts: &syntax::Parts<'_>| {
            parts.authority.map(|authority| syntax::split_port(authority).0.to_owned())
        };
        let same = registered.scheme == presented.scheme
            && host(&registered) == host(&presented)
            && registered.path_and_query == presented.path_and_query;
        same.then_some(MatchKind::LoopbackPort)
    }
}

/// How a presented URI matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchKind {
    /// Byte for byte.
    Exact,
    /// Loopback, another port.
    LoopbackPort,
}

/// A presented URI that is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The registered URI it matched.
    pub registered: RedirectUri,
    /// The URI as presented, classified; the answer goes here.
    pub presented: RedirectUri,
    /// How it matched.
    pub by: MatchKind,
}

/// Finds the registered URI that `presented` is (contract 01, "Authorization
/// request"). What registration would refuse is refused here too, so a URI that got
/// into the database another way opens nothing.
#[must_use]
pub fn matches(registered: &[RedirectUri], presented: &str) -> Option<Match> {
    let candidate =
        RedirectUri::parse_registration(presented, PublicOrConfidential::Public).ok()?;
    registered.iter().find_map(|uri| {
        let by = uri.matches(presented)?;
        Some(Match { registered: uri.clone(), presented: candidate.clone(), by })
    })
}

impl fmt::Debug for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedirectUri").field(&self.raw).finish()
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.raw)
    }
}

impl Serialize for RedirectUri {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.raw)
    }
}
