//! What comes after the question whether an application reaches one more service.

use std::fmt;

use askama::Template;

use super::Awaited;
use super::filters;

/// Says what was decided, and that the page can be closed: there is nowhere to go on to.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "decided.html")]
pub struct DecidedPage {
    /// Path of the issuer without a trailing slash; empty at the root.
    pub issuer_path: String,
    /// Whether the person agreed.
    pub agreed: bool,
}

/// Somebody else is asked than who is signed in. It says nothing about whom.
///
/// The form posts to `/logout` with `csrf` and what waits, to sign in as the right one.
#[derive(Clone, Template)]
#[template(path = "other_account.html")]
pub struct OtherAccountPage {
    /// Path of the issuer without a trailing slash; empty at the root.
    pub issuer_path: String,
    /// Bound to the session; hidden field `csrf`.
    pub csrf_token: String,
    /// What waits; a hidden field.
    pub awaited: Awaited,
    /// Name or e-mail address of who is signed in.
    pub signed_in_as: String,
}

impl fmt::Debug for OtherAccountPage {
    /// Leaves the values out: the CSRF token is a secret, the name personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtherAccountPage").finish_non_exhaustive()
    }
}
