//! Encryption at rest: which master key sealed what, and sealing it again with the current one.

use actors::audit::Origin;
use actors::encryption::{self, Count, Step, Unsealable};
use actors::keys::KeyStoreError;
use actors::runtime::Environment;
use entities::Store;
use protocol::envelope::Sealer;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::{AdminError, Desk};
use crate::config::{Config, DataEncryptionDriver, KeyStore};

/// What is sealed in the database, and with which master key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EncryptionView {
    /// What encrypts: `aes_master`, or `none`.
    pub driver: String,
    /// Where signing keys and the root secret are: in the `database`, or not (`keyfile`).
    pub key_store: String,
    /// The id of the current master key: tells it from others, and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_key: Option<String>,
    /// The id of the master key before, while `old_key_env` names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_key: Option<String>,
    /// Every table that holds what is sealed; none while nothing in the database is.
    pub tables: Vec<SealedTable>,
    /// Whether everything is sealed with the current master key.
    pub done: bool,
}

/// How the rows of a table are sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SealedTable {
    /// Which table.
    pub table: String,
    /// How many rows it has.
    pub rows: u64,
    /// Sealed with the current master key.
    pub current: u64,
    /// Sealed with the one before.
    pub old: u64,
    /// Sealed with neither of them, or damaged.
    pub other: u64,
}

/// A row that cannot be sealed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SealedRow {
    /// Its table.
    pub table: String,
    /// Its primary key.
    pub row: String,
    /// Why, and what to do.
    pub reason: String,
}

/// What a step of sealing again came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reencrypted {
    /// Rows that this step sealed again.
    pub changed: u64,
    /// Rows it met that cannot be sealed again; complete once `more` is false.
    pub failures: Vec<SealedRow>,
    /// Whether another step has something to do: order it.
    pub more: bool,
    /// How everything is sealed now.
    pub encryption: EncryptionView,
}

/// How many rows are sealed with which master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EncryptionStatus {
    /// With the current one.
    pub current: u64,
    /// With the one before.
    pub old: u64,
    /// With neither of them, or damaged.
    pub other: u64,
}

impl EncryptionStatus {
    /// As of this moment; `None` when nothing in the database is sealed, or it cannot be told.
    pub(super) async fn of(desk: &Desk<'_>) -> Option<EncryptionStatus> {
        let sealer = sealer(desk.config).ok()?;
        let counts = encryption::census(desk.store, &sealer);
        let counts = tokio::time::timeout(super::PATIENCE, counts).await.ok()?.ok()?;
        let sum = |of: fn(&Count) -> u64| counts.iter().map(of).sum();
        Some(EncryptionStatus {
            current: sum(|count| count.current),
            old: sum(|count| count.old),
            other: sum(|count| count.other),
        })
    }
}

impl From<&Count> for SealedTable {
    fn from(count: &Count) -> SealedTable {
        let Count { table, rows, current, old, other } = *count;
        SealedTable { table: table.to_owned(), rows, current, old, other }
    }
}

impl From<&Unsealable> for SealedRow {
    fn from(found: &Unsealable) -> SealedRow {
        SealedRow {
            table: found.table.to_owned(),
            // A row that somebody else put there may be called anything.
            row: protocol::text::visible(&found.row, 200),
            reason: protocol::text::visible(&found.why.to_string(), 1000),
        }
    }
}

/// How everything is sealed. Also where nothing is.
///
/// # Errors
/// A failure of the server.
pub async fn show(desk: &Desk<'_>) -> Result<EncryptionView, AdminError> {
    match sealer(desk.config) {
        Ok(sealer) => {
            let counts = encryption::census(desk.store, &sealer).await?;
            Ok(view(desk.config, Some(&sealer), &counts))
        }
        Err(_) => Ok(view(desk.config, None, &[])),
    }
}

/// Seals some rows again that the master key before sealed.
///
/// # Errors
/// [`AdminError::Conflict`] where nothing is sealed with a master key, or a failure of the server.
pub async fn reencrypt(desk: &Desk<'_>) -> Result<Reencrypted, AdminError> {
    let Desk { config, store, admin, origin, environment, .. } = desk;
    reencrypt_in(store, config, admin, origin, environment).await
}

/// [`reencrypt`], where there are no keepers: with a damaged row they could not start.
///
/// # Errors
/// As [`reencrypt`].
pub async fn reencrypt_in(
    store: &Store,
    config: &Config,
    admin: &str,
    origin: &Origin,
    environment: &Environment,
) -> Result<Reencrypted, AdminError> {
    let sealer = sealer(config)?;
    let done = encryption::step(store, &sealer, admin, origin, environment).await;
    let Step { changed, failures, left, more } = done.map_err(|error| match error {
        KeyStoreError::Store(error) => AdminError::Store(error),
        error => AdminError::Keys(error),
    })?;
    Ok(Reencrypted {
        changed,
        failures: failures.iter().map(SealedRow::from).collect(),
        more,
        encryption: view(config, Some(&sealer), &left),
    })
}

/// What seals the keys in the database.
fn sealer(config: &Config) -> Result<Sealer, AdminError> {
    let nothing = "there is nothing to seal again";
    if config.signing.key_store != KeyStore::Database {
        return Err(AdminError::Conflict(format!(
            "{nothing}: signing.key_store is {}, so keys and secrets are not in the database. To \
             seal them there with a master key, see `authserver admin key move --to database`",
            config.signing.key_store.as_str()
        )));
    }
    let sealer = config.data_encryption.sealer();
    let sealer = sealer.map_err(|error| AdminError::Conflict(error.to_string()))?;
    sealer.ok_or_else(|| {
        AdminError::Conflict(format!(
            "{nothing}: no master key is configured. Set data_encryption.driver to aes_master, and \
             data_encryption.aes_master.key_env to the name of a variable that holds one"
        ))
    })
}

fn view(config: &Config, sealer: Option<&Sealer>, counts: &[Count]) -> EncryptionView {
    let driver = config.data_encryption.driver;
    EncryptionView {
        driver: driver.map_or("none", DataEncryptionDriver::as_str).to_owned(),
        key_store: config.signing.key_store.as_str().to_owned(),
        current_key: sealer.map(|sealer| sealer.current().to_string()),
        old_key: sealer.and_then(Sealer::old).map(|id| id.to_string()),
        tables: counts.iter().map(SealedTable::from).collect(),
        done: counts.iter().all(|count| count.current == count.rows),
    }
}
