//! How a keeper is.

use actors::runtime::{KeeperHealth, Mishap};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// When it last did well what it was asked or what was due; to the second or so. Absent
    /// when there was nothing to do yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<DateTime<Utc>>,
    /// Why it died, could not start or could not do its work last, if that ever was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<MishapView>,
}

/// Something that went wrong.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MishapView {
    /// What.
    pub what: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl From<Mishap> for MishapView {
    fn from(Mishap { what, at }: Mishap) -> MishapView {
        MishapView { what, at }
    }
}

impl From<KeeperHealth> for KeeperStatus {
    fn from(health: KeeperHealth) -> KeeperStatus {
        KeeperStatus {
            keeper: health.keeper,
            state: health.state.as_str().to_owned(),
            mailbox_depth: health.mailbox_depth,
            mailbox_capacity: health.mailbox_capacity,
            restarts: health.restarts,
            last_success: health.last_success,
            last_error: health.last_error.map(MishapView::from),
        }
    }
}
