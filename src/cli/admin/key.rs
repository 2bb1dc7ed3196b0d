//! `authserver admin key`

use actors::keys::schedule::Entry;
use clap::Subcommand;

use super::super::{CliError, output};
use crate::administration::Desk;
use crate::administration::key::{self, KeyView};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the signing keys.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
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
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command, desk: &Desk<'_>) -> Result<(), CliError> {
    match command {
        Command::List { json } => show(&key::list(desk).await?, json),
        Command::Rotate { emergency, drop_old, json } => {
            show(&[key::rotate(desk, emergency, drop_old).await?], json)
        }
    }
}

fn show(keys: &[Entry], json: bool) -> Result<(), CliError> {
    if json {
        let keys: Vec<KeyView> = keys.iter().map(KeyView::from).collect();
        return Ok(output::json(&serde_json::json!({ "keys": keys }))?);
    }
    let rows = keys.iter().map(|key| {
        let changes = key.changes_at.map(|at| at.to_rfc3339()).unwrap_or_default();
        vec![key.kid.clone(), key.alg.to_string(), key.state.to_string(), changes]
    });
    Ok(output::table(&["KID", "ALG", "STATE", "CHANGES AT"], rows.collect())?)
}
