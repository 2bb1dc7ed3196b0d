//! `authserver admin key move`: the keys and secrets of the installation, from files into the
//! database or back. Needs both places, so it works where the files are and on no server; and no
//! server may run meanwhile, since each would go on with what it has.

use actors::keys::{KeyFiles, Moved, SealedKeys, move_into_database, move_into_files};
use actors::runtime::Environment;
use serde::Serialize;
use tokio::runtime::Handle;

use super::{CliError, output};
use crate::app::{BootError, open_migrated};
use crate::config::Config;

/// Where keys are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Destination {
    /// The database, sealed with the master key.
    Database,
    /// The folder `signing.key_path`.
    Keyfile,
}

/// What was done.
#[derive(Debug, Serialize)]
struct Report {
    /// Where the keys are now.
    key_store: &'static str,
    /// How many signing keys there are.
    keys: usize,
    /// Whether they were there before.
    already_there: bool,
}

/// Moves the keys.
pub(super) async fn key_move(
    to: Destination,
    json: bool,
    config: Config,
    environment: Environment,
    io: Handle,
) -> Result<(), CliError> {
    let sealer = config.data_encryption.sealer().map_err(BootError::from)?;
    let sealer = sealer.ok_or(BootError::NoSealer)?;
    let files = KeyFiles::open(&config.signing.key_path).map_err(BootError::from)?;
    let store = open_migrated(&config, io).await?;
    let keys = SealedKeys::new(store.clone(), sealer);
    let moved = match to {
        Destination::Database => {
            move_into_database(&files, &keys, super::admin::OPERATOR, &environment).await
        }
        Destination::Keyfile => {
            move_into_files(&files, &keys, super::admin::OPERATOR, &environment).await
        }
    };
    store.close().await;
    let Moved { keys, before } = moved.map_err(BootError::from)?;
    let key_store = match to {
        Destination::Database => "database",
        Destination::Keyfile => "keyfile",
    };
    if json {
        return Ok(output::json(&Report { key_store, keys, already_there: before })?);
    }
    let folder = config.signing.key_path.display();
    let what = if before { "were there already" } else { "were moved" };
    output::line(&format!("{keys} signing keys and the root secret {what}."))?;
    output::line(&match to {
        Destination::Database => format!(
            "Start every server with signing.key_store: database. What is left in {folder} opens \
             everything: keep it as you keep a backup, or destroy it."
        ),
        Destination::Keyfile => format!(
            "Start every server with signing.key_store: keyfile and signing.key_path: {folder}. \
             The database holds them no more; its backups do."
        ),
    })?;
    Ok(())
}
