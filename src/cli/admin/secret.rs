//! `authserver admin secret`

use std::io;

use clap::Subcommand;

use super::super::{CliError, output};
use super::Counter;
use crate::admin::{ListSecrets, RotateSecrets};
use crate::administration::secret::{SecretList, SecretRotation};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the server secrets that count; never the secrets themselves.
    List,
    /// Announce a new server secret; it takes over after a minute, when every server knows it.
    Rotate {
        /// Let it take over at once, and drop those before: for a stolen secret only. Every
        /// refresh token and every minted admin key ends; people have to sign in again.
        #[arg(long)]
        emergency: bool,
    },
}

pub(super) async fn run(command: Command, counter: &Counter<'_>) -> Result<(), CliError> {
    match command {
        Command::List => counter.show(ListSecrets {}, table).await,
        Command::Rotate { emergency } => {
            let body = SecretRotation { emergency };
            counter.show(RotateSecrets { body }, table).await
        }
    }
}

fn table(list: &SecretList) -> io::Result<()> {
    let rows = list.secrets.iter().map(|secret| {
        let at = |time: Option<_>| time.map(output::time).unwrap_or_default();
        let times = [secret.signs_from, secret.relieved_at, secret.gone_at].map(at);
        [vec![secret.number.to_string(), secret.status.clone()], times.to_vec()].concat()
    });
    let head = ["NUMBER", "STATE", "SIGNS FROM", "RELIEVED AT", "GONE AT"];
    output::table(&head, rows.collect())
}
