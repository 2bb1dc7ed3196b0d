//! The server itself: how it is.

use actors::runtime::KeeperHealth;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Desk;

/// The key is good.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Verified {
    /// Always true: with another key there is no answer.
    pub valid: bool,
    /// The server's version.
    pub version: String,
}

impl Verified {
    /// By this version.
    #[must_use]
    pub fn now() -> Verified {
        Verified { valid: true, version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// How the server is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Its version.
    pub version: String,
    /// Its issuer.
    pub issuer: String,
    /// The database.
    pub store: StoreStatus,
    /// Every keeper.
    pub keepers: Vec<KeeperStatus>,
}

/// How the database is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StoreStatus {
    /// `sqlite` or `postgres`.
    pub driver: String,
    /// Whether it answers.
    pub reachable: bool,
}

/// How a keeper is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeeperStatus {
    /// Its name; shards carry their number.
    pub keeper: String,
    /// `starting`, `up`, `unresponsive`, `restarting`, `failed` or `stopped`.
    pub state: String,
    /// Messages waiting or being worked on.
    pub mailbox_depth: usize,
    /// How many it takes on.
    pub mailbox_capacity: usize,
    /// How often it has been rebuilt since the process started.
    pub restarts: u64,
    /// Why it died or could not start last, if it ever did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

impl From<KeeperHealth> for KeeperStatus {
    fn from(health: KeeperHealth) -> KeeperStatus {
        KeeperStatus {
            keeper: health.keeper,
            state: health.state.as_str().to_owned(),
            mailbox_depth: health.mailbox_depth,
            mailbox_capacity: health.mailbox_capacity,
            restarts: health.restarts,
            last_error: health.last_error,
        }
    }
}

/// How the server is.
pub async fn status(desk: &Desk<'_>) -> Status {
    let store = StoreStatus {
        driver: desk.store.backend().as_str().to_owned(),
        reachable: desk.store.ping().await.is_ok(),
    };
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        issuer: desk.config.server.issuer.as_str().to_owned(),
        store,
        keepers: desk.household.health().into_iter().map(KeeperStatus::from).collect(),
    }
}
