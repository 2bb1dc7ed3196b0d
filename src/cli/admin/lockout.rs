//! `authserver admin lockout`

use std::io;

use clap::{Args, Subcommand};

use super::super::{CliError, output};
use super::Counter;
use crate::admin::{LiftLockouts, ListLockouts};
use crate::administration::lockout::{LockoutList, LockoutTarget};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the lockouts that hold. Whose they are nobody can read from the database: `audit list
    /// --action auth.locked_out` has the person or client of each, where there is one.
    List,
    /// Forget what failed of a person, of a client or from an address, and any lockout with it.
    Lift(Lift),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Lift {
    /// The address somebody signs in with, in any spelling.
    #[arg(long)]
    email: Option<String>,
    /// A client's id.
    #[arg(long)]
    client: Option<String>,
    /// An IP address; of IPv6 its /64.
    #[arg(long)]
    address: Option<String>,
}

pub(super) async fn run(command: Command, counter: &Counter<'_>) -> Result<(), CliError> {
    match command {
        Command::List => counter.show(ListLockouts {}, table).await,
        Command::Lift(Lift { email, client, address }) => {
            let body = LockoutTarget { email, client_id: client, address };
            let lift = LiftLockouts { body };
            counter
                .show(lift, |done| match done.lifted {
                    0 => output::line("Nothing was counted against them."),
                    lifted => output::line(&format!("Forgotten: {lifted} counts of failures.")),
                })
                .await
        }
    }
}

fn table(list: &LockoutList) -> io::Result<()> {
    let rows = list.lockouts.iter().cloned().map(|lockout| {
        vec![lockout.kind, lockout.scope, lockout.identity, output::time(lockout.ends_at)]
    });
    output::table(&["KIND", "SCOPE", "IDENTITY", "ENDS AT"], rows.collect())?;
    output::line(&format!("{} in all.", list.total))
}
