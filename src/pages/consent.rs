//! The consent page: `GET /consent`, and `GET /agreement` for an exchange.
//!
//! It answers five questions in this order, because the first two are what a
//! forged request gets wrong: who asks, where the approval goes, what it is for,
//! what it allows, how long it lasts.

use std::fmt;

use askama::Template;

use super::Awaited;
use super::filters;
use super::filters::readable_text;

/// Asks the signed-in user to approve or deny one authorization request, or that an
/// application may exchange the tokens it has for a resource.
///
/// The form posts to where it was shown, with `csrf`, [`Awaited`], one `scope` per ticked
/// box and `decision` = `approve` | `deny`. `offline_access` is told in words
/// and is not among the boxes: the handler takes it from the pending request.
/// A second form posts `csrf` and [`Awaited`] to `/logout`, to sign in as somebody
/// else and come back to the same request.
///
/// *Deny* comes first in the form, so that the Enter key never approves.
#[derive(Clone, Template)]
#[template(path = "consent.html")]
pub struct ConsentPage {
    /// Path of the issuer without a trailing slash; empty at the root.
    pub issuer_path: String,
    /// Bound to the session; hidden field `csrf`.
    pub csrf_token: String,
    /// What is decided; a hidden field.
    pub awaited: Awaited,
    /// Who asks.
    pub client: ClientView,
    /// Name or e-mail address of the signed-in user.
    pub signed_in_as: String,
    /// Where the approval will be sent, if anywhere.
    pub target: Option<RedirectTargetView>,
    /// What the access is for; at least one.
    pub resources: Vec<ResourceView>,
    /// What the client asked for, without `offline_access`; all ticked.
    pub scopes: Vec<ScopeView>,
    /// The client will be able to renew its access while the user is away.
    pub offline: bool,
    /// How long the access lasts: one or two whole sentences.
    pub lifetime_text: String,
}

impl fmt::Debug for ConsentPage {
    /// Leaves the values out: the CSRF token is a secret, the user personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsentPage").finish_non_exhaustive()
    }
}

/// Who asks. A remote logo is deliberately absent: it would let the client
/// choose what the page looks like, and tell it who looks.
#[derive(Clone, Debug)]
pub struct ClientView {
    /// The registered name; the client's own claim unless `operator_registered`.
    pub name: String,
    /// An operator created this client, so its name can be relied on.
    pub operator_registered: bool,
    /// Host that serves the client's metadata document, for a CIMD client.
    pub host: Option<String>,
}

impl ClientView {
    /// The name as shown: cut to 80 characters, never blank.
    fn shown_name(&self) -> String {
        let name = readable_text(self.name.trim(), 80);
        if name.is_empty() { "Unnamed application".to_owned() } else { name }
    }
}

/// Where the browser goes after the decision, as parsed from the matched
/// `redirect_uri`.
#[derive(Clone, Debug)]
pub struct RedirectTargetView {
    /// Host, with its port when there is one, for [`RedirectTargetKind::Web`]
    /// and [`RedirectTargetKind::Loopback`], in ASCII (punycode) form so that
    /// look-alike letters show; for [`RedirectTargetKind::PrivateUse`] the
    /// scheme without its colon. Shown in full, however long.
    pub host_or_scheme: String,
    /// What can stand behind that address.
    pub kind: RedirectTargetKind,
}

/// What kind of address receives the authorization code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectTargetKind {
    /// A web site, known by its host name.
    Web,
    /// A port on the user's own machine (RFC 8252 §7.3): any program can listen.
    Loopback,
    /// A private-use URI scheme (RFC 8252 §7.1): any program can claim it.
    PrivateUse,
}

/// Something the access is for.
#[derive(Clone, Debug)]
pub struct ResourceView {
    /// The operator's name for it.
    pub display_name: String,
    /// Its identifier, the `aud` of the tokens.
    pub uri: String,
}

/// One permission of the catalog.
#[derive(Clone, Debug)]
pub struct ScopeView {
    /// The scope token; value of the checkbox, byte for byte.
    pub name: String,
    /// What it allows, in the operator's words.
    pub description: Option<String>,
}

impl ScopeView {
    /// The description, unless it is missing or blank.
    fn described(&self) -> Option<&str> {
        self.description.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }
}
