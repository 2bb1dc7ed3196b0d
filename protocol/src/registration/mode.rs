//! Who may register, and with which redirect URIs.

use std::sync::Arc;

use crate::error::OAuthError;
use crate::redirect_uri::{
    self, PublicOrConfidential, RedirectKind, RedirectUri, RedirectUriError,
};
use crate::text;
use crate::wire::wire_enum;

use super::Registration;

wire_enum! {
    /// The word for a [`RegistrationMode`], as `dcr.mode` and the admin API have it.
    pub enum ModeName {
        /// Anybody registers.
        Open => "open",
        /// Anybody whose redirect URIs are all approved.
        ApprovedRedirects => "approved_redirects",
        /// Nobody; operators create clients.
        AdminOnly => "admin_only",
    }
}

/// Who may register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrationMode {
    /// Anybody.
    Open,
    /// Anybody whose redirect URIs are all approved.
    ApprovedRedirects(Arc<[RedirectPattern]>),
    /// Nobody; operators create clients.
    AdminOnly,
}

impl RegistrationMode {
    /// The mode of this name; `approved` counts in one of them only.
    #[must_use]
    pub fn named(name: ModeName, approved: &Arc<[RedirectPattern]>) -> Self {
        match name {
            ModeName::Open => Self::Open,
            ModeName::ApprovedRedirects => Self::ApprovedRedirects(Arc::clone(approved)),
            ModeName::AdminOnly => Self::AdminOnly,
        }
    }

    /// Decides whether `registration` is let in.
    ///
    /// # Errors
    /// `access_denied` when only operators register; `invalid_redirect_uri` that
    /// names the URI when one is not approved.
    pub fn permit(&self, registration: &Registration) -> Result<(), OAuthError> {
        match self {
            Self::Open => Ok(()),
            Self::AdminOnly => Err(Self::closed()),
            Self::ApprovedRedirects(patterns) => {
                let approved =
                    |uri: &RedirectUri| patterns.iter().any(|pattern| pattern.approves(uri));
                let stranger = registration.redirect_uris.iter().find(|uri| !approved(uri));
                stranger.map_or(Ok(()), |uri| {
                    let uri = text::visible(uri.as_str(), 200);
                    Err(OAuthError::invalid_redirect_uri(format!(
                        "The redirect URI '{uri}' is not approved by the operator of this server."
                    )))
                })
            }
        }
    }

    /// The refusal of an endpoint that is closed, for use before the body is read.
    #[must_use]
    pub fn closed() -> OAuthError {
        OAuthError::access_denied(
            "Clients cannot register themselves here; ask the operator to create one.",
        )
    }
}

/// One entry of `dcr.approved_redirects`.
///
/// Either an exact redirect URI, matched as at the authorization endpoint (a loopback
/// URI with any port), or a URI that ends in `/*`: every URI that begins with what
/// stands before the `*`. The scheme and the host are always literal, the `/` before
/// the `*` ends the host, and a URI with `.` or `..` segments matches no pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectPattern {
    uri: RedirectUri,
    is_prefix: bool,
}

impl RedirectPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Why it is no redirect URI, with or without its `*`.
    pub fn parse(pattern: &str) -> Result<Self, RedirectUriError> {
        let (uri, is_prefix) = match pattern.strip_suffix('*') {
            None => (pattern, false),
            Some(prefix) if prefix.ends_with('/') => (prefix, true),
            Some(_) => return Err(RedirectUriError::Character),
        };
        // `https://*` leaves `https://`, which has no host; `app://*` would leave a
        // whole scheme, which nobody owns.
        if is_prefix && uri.ends_with("://") {
            return Err(RedirectUriError::Host);
        }
        if uri.contains('*') || (is_prefix && uri.contains('?')) {
            return Err(RedirectUriError::Character);
        }
        let uri = RedirectUri::parse_registration(uri, PublicOrConfidential::Public)?;
        Ok(Self { uri, is_prefix })
    }

    /// True when the pattern covers `uri`.
    #[must_use]
    pub fn approves(&self, uri: &RedirectUri) -> bool {
        if !self.is_prefix {
            return redirect_uri::matches(std::slice::from_ref(&self.uri), uri.as_str()).is_some();
        }
        if has_dot_segments(uri.as_str()) {
            return false;
        }
        match self.uri.kind() {
            RedirectKind::LoopbackHttp => {
                *uri.kind() == RedirectKind::LoopbackHttp
                    && uri.without_port().starts_with(&self.uri.without_port())
            }
            _ => uri.as_str().starts_with(self.uri.as_str()),
        }
    }
}

/// Segments that a browser resolves away before the request is made, plain or escaped.
fn has_dot_segments(uri: &str) -> bool {
    let path = uri.split('?').next().unwrap_or_default();
    path.split('/').any(|segment| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    })
}
