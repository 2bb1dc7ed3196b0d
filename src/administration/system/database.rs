//! How the database is.

use entities::Store;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::ToSchema;

/// How the database is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DatabaseStatus {
    /// `sqlite` or `postgres`.
    pub driver: String,
    /// Whether it answers.
    pub reachable: bool,
    /// How long it took to answer a trivial question just now, waiting for a connection
    /// included, in milliseconds. Absent when it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// This process's connections.
    pub connections: ConnectionStatus,
}

/// What a process's connections to the database are doing.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub struct ConnectionStatus {
    /// Open, and at work.
    pub in_use: u32,
    /// Open, and free.
    pub idle: u32,
    /// How many there may be.
    pub max: u32,
}

impl DatabaseStatus {
    /// Asks it.
    pub(super) async fn of(store: &Store) -> DatabaseStatus {
        // Before the ping, which has one of them itself.
        let used = store.connections();
        let begun = Instant::now();
        let reachable = store.ping().await.is_ok();
        // To the microsecond.
        let took = (begun.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        DatabaseStatus {
            driver: store.backend().as_str().to_owned(),
            reachable,
            latency_ms: reachable.then_some(took),
            connections: ConnectionStatus { in_use: used.in_use, idle: used.idle, max: used.max },
        }
    }
}
