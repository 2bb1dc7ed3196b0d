//! `authserver admin data`

use clap::Subcommand;

use super::super::{CliError, reencrypt};
use super::Counter;
use crate::admin::Reencrypt;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Seal again, with the current master key, what the one before sealed: keys and secrets in the
    /// database. Servers may run; whoever is interrupted orders it again.
    Reencrypt,
}

pub(super) async fn run(command: Command, counter: &Counter<'_>) -> Result<(), CliError> {
    match command {
        Command::Reencrypt => {
            let step = async || Ok(counter.office.carry_out(Reencrypt {}).await?);
            reencrypt::to_the_end(step, counter.json).await
        }
    }
}
