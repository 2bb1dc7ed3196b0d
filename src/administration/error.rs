//! Why a change, or a question, of an operator is refused.

use std::fmt;

use actors::catalog::{CatalogError, LookupError};
use actors::keys::KeyStoreError;
use actors::passwords::HashFailed;
use actors::runtime::AskError;
use actors::users::UserError;
use entities::StoreError;
use protocol::admin::Right;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What can be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A client.
    Client,
    /// A user.
    User,
    /// A resource.
    Resource,
    /// An issuance.
    Issuance,
    /// A token, by its `jti`.
    Token,
    /// A consent grant.
    Grant,
    /// A minted admin key.
    AdminKey,
    /// A fronting link.
    FrontingLink,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 8] = [
        Kind::Client,
        Kind::User,
        Kind::Resource,
        Kind::Issuance,
        Kind::Token,
        Kind::Grant,
        Kind::AdminKey,
        Kind::FrontingLink,
    ];

    /// The error on the wire.
    #[must_use]
    pub const fn error(self) -> &'static str {
        match self {
            Kind::Client => "client_not_found",
            Kind::User => "user_not_found",
            Kind::Resource => "resource_not_found",
            Kind::Issuance => "issuance_not_found",
            Kind::Token => "token_not_found",
            Kind::Grant => "grant_not_found",
            Kind::AdminKey => "admin_key_not_found",
            Kind::FrontingLink => "fronting_link_not_found",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Client => "client",
            Kind::User => "user",
            Kind::Resource => "resource",
            Kind::Issuance => "issuance",
            Kind::Token => "token",
            Kind::Grant => "live consent grant",
            Kind::AdminKey => "admin key",
            Kind::FrontingLink => "fronting link",
        })
    }
}

/// Something that was named and is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What kind of thing.
    pub kind: Kind,
    /// How it was named, made safe to show.
    pub name: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no {} '{}'", self.kind, self.name)
    }
}

/// Something that would go with what is to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dependent {
    /// What: `families`, `issuances`, `consent_grants`, `clients`, `fronting_links`.
    pub kind: String,
    /// How many.
    pub count: u64,
}

/// What stands in the way of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse {
    /// What it is and how to delete it all the same.
    pub detail: String,
    /// What would go with it.
    pub dependents: Vec<Dependent>,
}

/// Why a change is refused.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The input breaks a rule; says which and how to mend it.
    #[error("{0}")]
    Invalid(String),
    /// Somebody has the name already, or was faster.
    #[error("{0}")]
    Conflict(String),
    /// Something else rests on what is to be deleted.
    #[error("{}", .0.detail)]
    InUse(InUse),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(Missing),
    /// What is asked for takes a right more than the operation itself, and the key lacks it.
    #[error("This key does not have the right {0}.")]
    Lacks(Right),
    /// A keeper did not answer.
    #[error(transparent)]
    Keeper(#[from] AskError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key files.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The password could not be hashed.
    #[error(transparent)]
    Password(#[from] HashFailed),
}

impl AdminError {
    pub(super) fn invalid(reason: impl Into<String>) -> AdminError {
        AdminError::Invalid(reason.into())
    }

    /// There is no `kind` named `name`.
    pub(crate) fn missing(kind: Kind, name: impl fmt::Display) -> AdminError {
        let name = protocol::text::visible(&name.to_string(), 200);
        AdminError::NotFound(Missing { kind, name })
    }
}

/// What there is any of.
fn dependents(counts: &[(&str, u64)]) -> Vec<Dependent> {
    let there = counts.iter().filter(|(_, count)| *count > 0);
    there.map(|(kind, count)| Dependent { kind: (*kind).to_owned(), count: *count }).collect()
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
            CatalogError::ResourceTaken { .. }
            | CatalogError::ClientRevoked(_)
            | CatalogError::LinkExists { .. }
            | CatalogError::LinkCycle(_)
            | CatalogError::ChangedMeanwhile(_) => AdminError::Conflict(error.to_string()),
            CatalogError::NotAnAgent(_) => AdminError::Invalid(error.to_string()),
            CatalogError::UnknownLink { from, to } => {
                AdminError::missing(Kind::FrontingLink, format!("{from}/{to}"))
            }
            CatalogError::LinkToItself(_) => AdminError::Invalid(format!("target: {error}")),
            CatalogError::ScopeMap(_) => AdminError::Invalid(format!("scope_map: {error}")),
            CatalogError::UnknownResource(name) => AdminError::missing(Kind::Resource, name),
            CatalogError::UnknownClient(name) => AdminError::missing(Kind::Client, name),
            CatalogError::ClientInUse { live, .. } => AdminError::InUse(InUse {
                detail: format!("{error}; with force they are revoked and the client is deleted"),
                dependents: dependents(&[
                    ("families", live.families),
                    ("issuances", live.issuances),
                ]),
            }),
            CatalogError::ResourceInUse { on_it, .. } => AdminError::InUse(InUse {
                detail: format!("{error}; with cascade it is revoked and the resource deleted"),
                dependents: dependents(&[
                    ("consent_grants", on_it.consent_grants),
                    ("families", on_it.live.families),
                    ("issuances", on_it.live.issuances),
                    ("clients", on_it.clients),
                    ("fronting_links", on_it.fronting_links),
                ]),
            }),
            CatalogError::ListFull(_) => AdminError::Invalid(error.to_string()),
        }
    }
}

impl From<UserError> for AdminError {
    fn from(error: UserError) -> AdminError {
        match error {
            UserError::EmailTaken | UserError::ChangedMeanwhile(_) => {
                AdminError::Conflict(error.to_string())
            }
            UserError::Unknown(id) => AdminError::missing(Kind::User, id),
            UserError::Store(error) => AdminError::Store(error),
        }
    }
}
