//! How a request fails, whatever it was for.
//!
//! Every error of the layers below becomes an OAuth error with a public description
//! and a private detail. What the client may read says nothing about our insides; what
//! the operator may read is in the log, under the correlation id both share.

use actors::catalog::LookupError;
use actors::runtime::AskError;
use entities::StoreError;
use protocol::jose::KeyError;
use protocol::{ErrorCode, OAuthError};

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(pub OAuthError);

/// The server cannot do this now; nothing is half done.
pub(crate) fn unavailable(detail: impl std::fmt::Display) -> Failure {
    let public = "The server cannot do this right now. Nothing was changed; try again shortly.";
    Failure(
        OAuthError::new(ErrorCode::TemporarilyUnavailable, public).with_detail(detail.to_string()),
    )
}

/// It may or may not be done; the client has to find out.
fn unknown_outcome(detail: impl std::fmt::Display) -> Failure {
    let public = "The server was interrupted and cannot say whether the request took effect. Repeat it once; if that is refused, start over.";
    Failure(
        OAuthError::new(ErrorCode::TemporarilyUnavailable, public).with_detail(detail.to_string()),
    )
}

/// A fault of ours.
pub(crate) fn internal(detail: impl std::fmt::Display) -> Failure {
    let public = "The server has a problem. The operator finds the cause under the correlation id.";
    Failure(OAuthError::new(ErrorCode::ServerError, public).with_detail(detail.to_string()))
}

impl From<OAuthError> for Failure {
    fn from(error: OAuthError) -> Failure {
        Failure(error)
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Failure {
        if error.is_certainly_not_done() { unavailable(error) } else { unknown_outcome(error) }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        match error {
            StoreError::Unreachable(_) | StoreError::Contended(_) => unavailable(error),
            StoreError::CommitUnknown(_) => unknown_outcome(error),
            StoreError::Duplicate(_) | StoreError::Damaged { .. } | StoreError::Refused(_) => {
                internal(error)
            }
        }
    }
}

impl From<LookupError> for Failure {
    fn from(error: LookupError) -> Failure {
        match error {
            LookupError::Keeper(error) => error.into(),
            LookupError::Store(error) => error.into(),
        }
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Failure {
        internal(error)
    }
}
