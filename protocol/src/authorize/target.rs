//! Step one: where may the answer go?

use super::{AuthorizationRequest, PageError};
use crate::client::Client;
use crate::error::OAuthError;
use crate::form::Parameters;
use crate::redirect_uri::{self, RedirectKind, RedirectUri};
use crate::text;

/// A place the answer may go, and what has to travel with every answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectTarget {
    /// The URI, as presented or as the only one registered.
    pub uri: String,
    /// True when the request named it.
    pub was_given: bool,
    /// What kind of place it is.
    pub kind: RedirectKind,
    /// The client's `state`, echoed byte for byte. None when it was sent twice.
    pub state: Option<String>,
    registered: RedirectUri,
    presented: RedirectUri,
}

impl RedirectTarget {
    /// Location of a success: `code`, `state`, `iss` (RFC 6749 §4.1.2, RFC 9207 §2).
    #[must_use]
    pub fn success_location(&self, code: &str, issuer: &str) -> String {
        self.location(&[("code", code)], issuer)
    }

    /// Location of a refusal: `error`, `error_description`, `state`, `iss`
    /// (RFC 6749 §4.1.2.1, RFC 9207 §2).
    #[must_use]
    pub fn error_location(&self, error: &OAuthError, issuer: &str) -> String {
        let params = [("error", error.code.as_str()), ("error_description", &*error.description)];
        self.location(&params, issuer)
    }

    /// Host or scheme, for the consent page's own block.
    #[must_use]
    pub fn display_target(&self) -> String {
        self.presented.display_target()
    }

    /// The CSP `form-action` source that lets a form post end here.
    #[must_use]
    pub fn csp_form_action_source(&self) -> String {
        self.presented.csp_form_action_source()
    }

    fn location(&self, params: &[(&str, &str)], issuer: &str) -> String {
        let mut all = params.to_vec();
        all.extend(self.state.as_deref().map(|state| ("state", state)));
        all.push(("iss", issuer));
        self.registered.with_response_params(&self.uri, &all)
    }
}

/// Finds out where the answer to a request of `client` may go. Until this has
/// succeeded nothing may be redirected anywhere.
///
/// `redirect_uri` may be left out only if exactly one is registered
/// (RFC 6749 §3.1.2.3).
///
/// # Errors
/// A page for the person in front of the browser.
pub fn identify(params: &Parameters, client: &Client) -> Result<RedirectTarget, PageError> {
    if params.get("client_id") != Some(client.id.as_str()) {
        return Err(PageError::ClientIdMissing);
    }
    if !client.is_active() {
        return Err(PageError::ClientNotActive(text::visible(&client.name, 100)));
    }
    if params.is_ambiguous("redirect_uri") {
        return Err(PageError::RedirectUriRepeated);
    }
    let given = params.get("redirect_uri");
    let wanted = match (given, client.redirect_uris.as_slice()) {
        (Some(given), _) => given,
        (None, [only]) => only.as_str(),
        (None, several) => return Err(PageError::RedirectUriMissing { registered: several.len() }),
    };
    target(client, wanted, given.is_some(), params.get("state"))
}

/// Where the answer to a request that was validated earlier may go, by what the client
/// has registered *now*: an address or a client withdrawn meanwhile gets no answer.
///
/// # Errors
/// A page for the person in front of the browser.
pub fn identify_again(
    request: &AuthorizationRequest,
    client: &Client,
) -> Result<RedirectTarget, PageError> {
    if !client.is_active() {
        return Err(PageError::ClientNotActive(text::visible(&client.name, 100)));
    }
    let AuthorizationRequest { redirect_uri, redirect_uri_was_given, state, .. } = request;
    target(client, redirect_uri, *redirect_uri_was_given, state.as_deref())
}

fn target(
    client: &Client,
    wanted: &str,
    was_given: bool,
    state: Option<&str>,
) -> Result<RedirectTarget, PageError> {
    let found = redirect_uri::matches(&client.redirect_uris, wanted).ok_or_else(|| {
        PageError::RedirectUriUnregistered { presented: text::visible(wanted, 200) }
    })?;
    Ok(RedirectTarget {
        uri: wanted.to_owned(),
        was_given,
        kind: found.presented.kind().clone(),
        state: state.map(str::to_owned),
        registered: found.registered,
        presented: found.presented,
    })
}
