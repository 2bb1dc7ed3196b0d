//! The two resting places: signed in with nothing to do, and signed out.

use std::fmt;

use askama::Template;

use super::filters;

/// Says who is signed in and offers to sign out.
///
/// The form posts to `/logout` with the field `csrf`.
#[derive(Clone, Default, Template)]
#[template(path = "signed_in.html")]
pub struct SignedInPage {
    /// Path of the issuer without a trailing slash; empty at the root.
    pub issuer_path: String,
    /// Name or e-mail address of the signed-in user.
    pub name: String,
    /// Bound to the session; hidden field `csrf`.
    pub csrf_token: String,
}

impl fmt::Debug for SignedInPage {
    /// Leaves the values out: the CSRF token is a secret, the name personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedInPage").finish_non_exhaustive()
    }
}

/// Confirms that the session has ended here, and that nothing else has.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "signed_out.html")]
pub struct SignedOutPage {
    /// Path of the issuer without a trailing slash; empty at the root.
    pub issuer_path: String,
}
