//! Which process answers.

use actors::replica::Replica;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which process answers, of those behind one address.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReplicaStatus {
    /// `host/id`, as `janitor` names them; only the id where the host has no name.
    pub name: String,
    /// Drawn at the start of the process.
    pub id: String,
    /// The name of the machine, or of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// For how many seconds it has been up.
    pub uptime: u64,
}

impl From<&Replica> for ReplicaStatus {
    fn from(replica: &Replica) -> ReplicaStatus {
        ReplicaStatus {
            name: replica.to_string(),
            id: replica.id().to_owned(),
            host: replica.host().map(str::to_owned),
            started_at: replica.started_at(),
            uptime: replica.uptime_seconds(),
        }
    }
}
