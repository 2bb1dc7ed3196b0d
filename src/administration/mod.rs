//! What operators change: clients, users, resources.
//!
//! The command line and the admin API both come through here, so that a rule holds
//! whichever way a change takes.

pub mod client;
pub mod grant;
pub mod key;
pub mod resource;
pub mod settings;
pub mod user;

use actors::Keepers;
use actors::audit::Origin;
use actors::catalog::{CatalogError, LookupError};
use actors::keys::KeyFileError;
use actors::passwords::HashFailed;
use actors::runtime::{AskError, Environment};
use actors::users::UserError;
use entities::StoreError;

use crate::app::Secrets;

/// Where a change is made, and by whom.
#[derive(Debug)]
pub struct Desk<'a> {
    /// The keepers.
    pub keepers: &'a Keepers,
    /// Time and randomness.
    pub environment: &'a Environment,
    /// Derived keys.
    pub secrets: &'a Secrets,
    /// The admin identity, as the audit log names it.
    pub admin: &'a str,
    /// The request behind it.
    pub origin: &'a Origin,
}

/// Why a change is refused.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The input breaks a rule; says which and how to mend it.
    #[error("{0}")]
    Invalid(String),
    /// Somebody has the name already.
    #[error("{0}")]
    Conflict(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// A keeper did not answer.
    #[error(transparent)]
    Keeper(#[from] AskError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key files.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The password could not be hashed.
    #[error(transparent)]
    Password(#[from] HashFailed),
}

impl AdminError {
    fn invalid(reason: impl Into<String>) -> AdminError {
        AdminError::Invalid(reason.into())
    }
}

impl From<LookupError> for AdminError {
    fn from(error: LookupError) -> AdminError {
        match error {
            LookupError::Keeper(error) => AdminError::Keeper(error),
            LookupError::Store(error) => AdminError::Store(error),
        }
    }
}

impl From<CatalogError> for AdminError {
    fn from(error: CatalogError) -> AdminError {
        match error {
            CatalogError::Store(error) => AdminError::Store(error),
            CatalogError::ResourceTaken { .. } | CatalogError::ClientRevoked(_) => {
                AdminError::Conflict(error.to_string())
            }
            CatalogError::UnknownResource(_) | CatalogError::UnknownClient(_) => {
                AdminError::NotFound(error.to_string())
            }
        }
    }
}

impl From<UserError> for AdminError {
    fn from(error: UserError) -> AdminError {
        match error {
            UserError::EmailTaken => AdminError::Conflict(error.to_string()),
            UserError::Store(error) => AdminError::Store(error),
        }
    }
}
