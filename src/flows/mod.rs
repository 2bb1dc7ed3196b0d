//! What the endpoints other than the token endpoint do, one file each.

use actors::audit::Origin;
use protocol::secret::{BrowserToken, SessionToken};

pub mod agreement;
pub mod authenticate_client;
pub mod authorize;
mod client_failures;
pub mod consent;
pub(crate) mod denied;
pub mod dpop;
pub mod introspect;
pub(crate) mod recognise;
pub mod register;
pub mod revoke;
pub mod sign_in;
mod tidying;

/// The browser that brings a request.
#[derive(Debug, Clone, Copy)]
pub struct Bearer<'a> {
    /// Its name.
    pub browser: &'a BrowserToken,
    /// Claims that somebody is signed in there.
    pub session: Option<&'a SessionToken>,
    /// The HTTP request behind it.
    pub origin: &'a Origin,
}
