//! `authserver admin key`

use std::io;

use clap::Subcommand;

use super::super::key_move::Destination;
use super::super::{CliError, output};
use super::Counter;
use crate::admin::{ListKeys, RotateKeys};
use crate::administration::key::{KeyView, Rotation};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the signing keys.
    List,
    /// Announce a new signing key; it signs once every verifier can have it.
    #[command(visible_alias = "create")]
    Rotate {
        /// Sign with it at once. Verifiers that have cached the old JWKS refuse its
        /// tokens until they refetch: for a compromised key only.
        #[arg(long)]
        emergency: bool,
        /// Stop publishing the old key, so that what it signed is refused.
        #[arg(long, requires = "emergency")]
        drop_old: bool,
    },
    /// Move keys and secrets into the database, or into files. Stop every server before: each
    /// would go on with what it has. What was given out stays good.
    Move {
        /// Where to.
        #[arg(long, value_name = "PLACE")]
        to: Destination,
    },
}

pub(super) async fn run(command: Command, counter: &Counter<'_>) -> Result<(), CliError> {
    match command {
        Command::List => counter.show(ListKeys {}, |list| table(&list.keys)).await,
        Command::Rotate { emergency, drop_old } => {
            let body = Rotation { emergency, drop_old };
            counter.show(RotateKeys { body }, |key| table(std::slice::from_ref(key))).await
        }
        // Done before there are keepers: they could not start.
        Command::Move { .. } => Err(CliError::Usage(super::MOVES_HERE.to_owned())),
    }
}

fn table(keys: &[KeyView]) -> io::Result<()> {
    let rows = keys.iter().map(|key| {
        let changes = key.changes_at.map(output::time).unwrap_or_default();
        vec![key.kid.clone(), key.alg.clone(), key.status.clone(), changes]
    });
    output::table(&["KID", "ALG", "STATE", "CHANGES AT"], rows.collect())
}
