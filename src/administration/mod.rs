//! What operators change: clients, users, resources and the links between them.
//!
//! The command line and the admin API both come through here, so that a rule holds
//! whichever way a change takes.

pub mod admin_key;
pub mod agent;
pub mod audit;
pub mod client;
mod error;
pub mod exchange;
pub mod fronting;
pub mod grant;
mod input;
pub mod issuance;
pub mod key;
pub mod lockout;
mod redraft;
pub mod resource;
pub mod secret;
pub mod settings;
pub mod stats;
pub mod system;
pub mod token;
pub mod user;

use actors::Keepers;
use actors::audit::Origin;
use actors::runtime::{Environment, Household};
use entities::Store;
use entities::cascade::Reach;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::{Powers, Secrets};
use crate::config::Config;

pub use error::{AdminError, Dependent, InUse, Kind, Missing};
pub use input::{Change, DEFAULT_LIMIT, MAX_LIMIT};

/// Where a change is made, and by whom.
#[derive(Debug)]
pub struct Desk<'a> {
    /// The effective configuration.
    pub config: &'a Config,
    /// The database, for its health only: state is reached through keepers.
    pub store: &'a Store,
    /// The keepers' health.
    pub household: &'a Household,
    /// The keepers.
    pub keepers: &'a Keepers,
    /// Time and randomness.
    pub environment: &'a Environment,
    /// Derived keys.
    pub secrets: &'a Secrets,
    /// The admin identity, as the audit log names it.
    pub admin: &'a str,
    /// What the admin may do, and so what they may give to a key.
    pub powers: Powers,
    /// The request behind it.
    pub origin: &'a Origin,
}

/// What ended with an act of revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Revoked {
    /// Refresh families.
    pub families: u64,
    /// Access tokens.
    pub issuances: u64,
}

impl From<Reach> for Revoked {
    fn from(Reach { families, issuances }: Reach) -> Revoked {
        Revoked { families, issuances }
    }
}
