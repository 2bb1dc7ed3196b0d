//! The authorization request (RFC 6749 §4.1.1, RFC 7636, RFC 8707, contract 01).
//!
//! Two steps, because a refusal may only travel to a place we trust:
//!
//! 1. [`identify`] finds out where the answer may go. If that fails, the person sees
//!    a page and nothing is redirected (RFC 6749 §4.1.2.1).
//! 2. [`decide`] judges the rest; its refusals go to the redirect URI.
//!
//! Sign-in and consent come after, with the [`AuthorizationRequest`] in hand.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::pkce::CodeChallenge;
use crate::scope::ScopeSet;

mod audience;
mod decide;
mod page;
mod prompt;
mod target;

pub use audience::implied_resource;
pub use decide::decide;
pub use page::PageError;
pub use prompt::Prompt;
pub use target::{RedirectTarget, identify, identify_again};

#[cfg(test)]
mod tests;

/// Most `resource` parameters in one request.
pub const MAX_RESOURCES: usize = 16;

/// Longest `login_hint` that is kept, in bytes; a longer one is ignored.
pub const MAX_LOGIN_HINT: usize = 320;

/// What the operator decided about authorization requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuthorizePolicy {
    /// `oauth.require_scope`: a request without scope is refused instead of
    /// getting the resource's default scopes.
    pub require_scope: bool,
    /// `dpop.enabled`: a code may be bound to a key.
    pub dpop: bool,
}

/// An authorization request that passed every rule. Stored as JSON until the user
/// has decided, and with the code until that is redeemed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client_id: String,
    /// Where the answer goes, as presented (or the only registered URI).
    pub redirect_uri: String,
    /// True when the request named it: then the token request has to repeat it
    /// (RFC 6749 §4.1.3).
    pub redirect_uri_was_given: bool,
    /// Echoed byte for byte.
    pub state: Option<String>,
    /// PKCE challenge, always `S256`.
    pub code_challenge: CodeChallenge,
    /// Registered URIs of the resources, in the order asked. Never empty.
    pub resources: Vec<String>,
    /// Row ids of the same resources, in the same order.
    pub resource_ids: Vec<Uuid>,
    /// Resource scopes asked for or given by default; never `offline_access`.
    pub scopes: ScopeSet,
    /// True when the request named `offline_access`.
    pub offline_access: bool,
    /// What the client wants the user to be asked.
    pub prompt: Prompt,
    /// Whom the client thinks the user is. Untrusted text.
    pub login_hint: Option<String>,
    /// Oldest acceptable sign-in, in seconds.
    pub max_age: Option<u32>,
    /// DPoP key the code is bound to (RFC 9449 §10). None while DPoP is off: a request
    /// that names one is refused then, rather than served without the binding.
    pub dpop_jkt: Option<String>,
}

impl AuthorizationRequest {
    /// Whether a sign-in of `auth_time` is recent enough for this request, which came
    /// at `requested_at` (OpenID Connect Core §3.1.2.1, `prompt` and `max_age`).
    #[must_use]
    pub fn accepts_sign_in_of(
        &self,
        auth_time: DateTime<Utc>,
        requested_at: DateTime<Utc>,
    ) -> bool {
        if self.prompt.wants_sign_in() && auth_time < requested_at {
            return false;
        }
        let oldest = |age: u32| requested_at - TimeDelta::seconds(i64::from(age));
        self.max_age.is_none_or(|age| auth_time >= oldest(age))
    }
}
