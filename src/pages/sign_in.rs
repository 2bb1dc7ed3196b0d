//! The local sign-in page: `GET /login`.

use std::fmt;

use askama::Template;

use super::Awaited;
use super::filters;

/// Asks for e-mail and password.
///
/// The form posts to `/login` with the fields `email`, `password`, `csrf` and,
/// when something waits for the sign-in, [`Awaited`]. The password that was tried
/// is deliberately absent here: it is never rendered back.
#[derive(Clone, Default, Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    /// Path of the issuer without a trailing slash; empty at the root.
    pub issuer_path: String,
    /// Bound to the pre-session nonce; hidden field `csrf`.
    pub csrf_token: String,
    /// What waits for the sign-in, if anything; a hidden field.
    pub awaited: Option<Awaited>,
    /// Address to start with: the request's `login_hint`, or what was tried.
    /// Ignored when it is longer than an address can be.
    pub email_prefill: Option<String>,
    /// Why the last attempt failed and what to do, in one or two sentences that
    /// do not tell an unknown address from a wrong password.
    pub problem: Option<String>,
    /// Name of the client that started this. Shown as its own claim.
    pub client_name: Option<String>,
}

/// RFC 5321 §4.5.3.1.3: a path has 256 octets, two of them angle brackets.
const LONGEST_EMAIL: usize = 254;

impl SignInPage {
    /// Value of the e-mail field; the cursor starts in the first empty field.
    fn email(&self) -> &str {
        self.email_prefill.as_deref().filter(|email| email.len() <= LONGEST_EMAIL).unwrap_or("")
    }
}

impl fmt::Debug for SignInPage {
    /// Leaves the values out: the CSRF token is a secret, the address personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInPage").finish_non_exhaustive()
    }
}
