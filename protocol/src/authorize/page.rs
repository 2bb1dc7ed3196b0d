//! Refusals that a person reads, because there is nowhere safe to send them.

use crate::error::OAuthError;
use crate::text;

/// Why an authorization request ends on a page instead of in a redirect
/// (RFC 6749 §4.1.2.1). Each says what happened and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The request cannot be read at all.
    #[error("The request could not be read: {0}")]
    Unreadable(String),
    /// No `client_id`.
    #[error(
        "The request does not say which application is asking (client_id is missing or was sent twice)."
    )]
    ClientIdMissing,
    /// Nobody registered this client.
    #[error("No application with the id '{0}' is registered here.")]
    UnknownClient(String),
    /// An operator suspended or revoked it.
    #[error("The application '{0}' has been switched off here.")]
    ClientNotActive(String),
    /// No `redirect_uri`, and the client has not exactly one.
    #[error(
        "The request does not say where the answer should go (redirect_uri), and the application has registered {registered} addresses."
    )]
    RedirectUriMissing {
        /// How many are registered.
        registered: usize,
    },
    /// `redirect_uri` was sent twice.
    #[error(
        "The request names more than one address for the answer (redirect_uri was sent twice)."
    )]
    RedirectUriRepeated,
    /// The URI is not one of the client's.
    #[error("The application has not registered the address '{presented}' for answers.")]
    RedirectUriUnregistered {
        /// What was presented, made safe to show.
        presented: String,
    },
}

impl PageError {
    /// The page for parameters that could not be parsed.
    #[must_use]
    pub fn unreadable(error: &OAuthError) -> Self {
        Self::Unreadable(error.description.clone().into_owned())
    }

    /// The page for an id nobody registered.
    #[must_use]
    pub fn unknown_client(client_id: &str) -> Self {
        Self::UnknownClient(text::visible(client_id, 200))
    }

    /// Heading of the page.
    #[must_use]
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "This sign-in link is broken",
            Self::ClientIdMissing | Self::UnknownClient(_) => "We do not know this application",
            Self::ClientNotActive(_) => "This application is switched off",
            Self::RedirectUriMissing { .. }
            | Self::RedirectUriRepeated
            | Self::RedirectUriUnregistered { .. } => {
                "This application would send you to the wrong place"
            }
        }
    }

    /// What happened, in a sentence. Plain text; escape it.
    #[must_use]
    pub fn what_happened(&self) -> String {
        self.to_string()
    }

    /// What it means and what to do about it.
    #[must_use]
    pub const fn what_to_do(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => {
                "Nothing was shared. Go back to the application and start signing in again; if it happens again, tell its developer."
            }
            Self::ClientIdMissing | Self::UnknownClient(_) => {
                "Nothing was shared. The application may have been removed since it was last used: in its settings, \
                 remove this server (or clear its saved sign-in) and add it again, so that it registers anew."
            }
            Self::ClientNotActive(_) => {
                "Nothing was shared. Ask the operator of this server to switch it on again."
            }
            Self::RedirectUriMissing { .. }
            | Self::RedirectUriRepeated
            | Self::RedirectUriUnregistered { .. } => {
                "Nothing was shared, and you were not sent there. If you did not start this yourself, close this page. \
                 Otherwise the application has to register the exact address it uses; remove this server in its settings and add it again."
            }
        }
    }

    /// HTTP status of the page.
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        400
    }
}
