//! How sweeping goes.

use std::collections::BTreeMap;

use actors::Keepers;
use actors::janitor::ListTurns;
use chrono::{DateTime, Utc};
use entities::sweep_turn;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::asked;

/// How sweeping goes. Those who share a database do it in turns.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct JanitorStatus {
    /// When this process begins its next turn. Absent until its first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<DateTime<Utc>>,
    /// The last turn of each process that had one in the last 24 hours, the latest first.
    /// Absent when it cannot be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<Vec<JanitorTurn>>,
}

/// The last turn of one process.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct JanitorTurn {
    /// Whose: `replica.name` there.
    pub replica: String,
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// Rows that went, by table; those of which none went are left out.
    pub swept: BTreeMap<String, u64>,
    /// Whether nothing was left. If not, the time of the turn was up, or another process was at it.
    pub finished: bool,
    /// What went wrong first, if something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl From<sweep_turn::Model> for JanitorTurn {
    fn from(turn: sweep_turn::Model) -> JanitorTurn {
        JanitorTurn {
            replica: turn.replica,
            began_at: turn.began_at,
            ended_at: turn.ended_at,
            took_ms: turn.took_ms,
            swept: turn.swept.0,
            finished: turn.finished,
            error: turn.error,
        }
    }
}

impl JanitorStatus {
    pub(super) async fn of(keepers: &Keepers) -> JanitorStatus {
        let turns = asked(&keepers.janitor, ListTurns).await.and_then(Result::ok);
        JanitorStatus {
            next: keepers.rounds.next(),
            turns: turns.map(|turns| turns.into_iter().map(JanitorTurn::from).collect()),
        }
    }
}
