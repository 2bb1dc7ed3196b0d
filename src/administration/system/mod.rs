//! The server itself: how it is.

mod database;
mod encryption;
mod janitor;
mod keeper;
mod relay;
mod replica;
mod trouble;

use std::collections::BTreeMap;
use std::time::Duration;

use actors::runtime::{Ask, Handle, Keeper, Receive};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Desk;
use super::key::{self, KeyView};

pub use database::{ConnectionStatus, DatabaseStatus};
pub use encryption::{
    EncryptionStatus, EncryptionView, Reencrypted, SealedRow, SealedTable, reencrypt, reencrypt_in,
    show as encryption,
};
pub use janitor::{JanitorStatus, JanitorTurn};
pub use keeper::{KeeperStatus, MishapView};
pub use relay::RelayStatus;
pub use replica::ReplicaStatus;

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

/// How the server is: this process of those that may share a database.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// What is not as it should be, for people, the gravest first. Empty when all is well.
    pub troubles: Vec<String>,
    /// The server's time.
    pub time: DateTime<Utc>,
    /// Its version.
    pub version: String,
    /// Its issuer.
    pub issuer: String,
    /// Which process answers.
    pub replica: ReplicaStatus,
    /// The database.
    pub database: DatabaseStatus,
    /// Whether it hears what other servers on the same database change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<RelayStatus>,
    /// Every keeper.
    pub keepers: Vec<KeeperStatus>,
    /// The signing keys; absent when their keeper does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<KeyView>>,
    /// Encryption at rest; absent when nothing in the database is sealed, or it does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<EncryptionStatus>,
    /// Sweeping, by all who share the database.
    pub janitor: JanitorStatus,
    /// How large the tables are; absent until this process counted them, a minute after its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<TableSizes>,
}

/// How large the tables are.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TableSizes {
    /// When they were counted.
    pub counted_at: DateTime<Utc>,
    /// Rows, by table. Large tables by the database's own estimate.
    pub rows: BTreeMap<String, u64>,
}

/// A keeper that is stuck must not keep an operator from seeing that.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a keeper has to say, if it says anything.
async fn asked<K: Keeper + Receive<M>, M: Ask>(
    keeper: &Handle<K>,
    question: M,
) -> Option<M::Reply> {
    tokio::time::timeout(PATIENCE, keeper.ask(question)).await.ok()?.ok()
}

/// How the server is. Always an answer, whatever is out of order.
pub async fn status(desk: &Desk<'_>) -> Status {
    let keys = tokio::time::timeout(PATIENCE, key::list(desk));
    let (database, janitor, keys, encryption) = futures::join!(
        DatabaseStatus::of(desk.store),
        JanitorStatus::of(desk.keepers),
        keys,
        EncryptionStatus::of(desk)
    );
    let counted = desk.keepers.rounds.counted();
    let mut status = Status {
        troubles: Vec::new(),
        time: desk.environment.now(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        issuer: desk.config.server.issuer.as_str().to_owned(),
        replica: ReplicaStatus::from(&desk.keepers.replica),
        database,
        relay: desk.keepers.relay.as_ref().map(RelayStatus::of),
        keepers: desk.household.health().into_iter().map(KeeperStatus::from).collect(),
        keys: keys.ok().and_then(Result::ok).map(|list| list.keys),
        encryption,
        janitor,
        tables: counted.map(|counted| TableSizes {
            counted_at: counted.at,
            rows: counted.rows.into_iter().map(|(name, rows)| (name.to_owned(), rows)).collect(),
        }),
    };
    status.troubles = trouble::of(&status);
    status
}
