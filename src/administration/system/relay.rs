//! How the server hears what others on the same database change.

use actors::relay::RelayView;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether the server hears what other servers on the same database change.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RelayStatus {
    /// `up`; `down`, while every request looks into the database instead; or `in_process` on
    /// SQLite, where there are no other servers.
    pub state: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Milliseconds that news takes, as of the last heartbeat; none on SQLite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_ms: Option<f64>,
    /// How often a lost connection was replaced since the process started.
    pub reconnects: u64,
    /// Why the connection was lost, or could not be had, last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

impl RelayStatus {
    /// As of this moment.
    #[must_use]
    pub fn of(view: &RelayView) -> RelayStatus {
        let status = view.status();
        RelayStatus {
            state: status.state.as_str().to_owned(),
            since: status.since,
            lag_ms: status.lag.map(|lag| lag.as_secs_f64() * 1e3),
            reconnects: status.reconnects,
            last_error: status.last_error.clone(),
        }
    }
}
