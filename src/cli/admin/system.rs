//! `authserver admin stats`, `authserver status`

use std::io;

use super::super::{CliError, output};
use super::Counter;
use crate::admin::{GetStats, GetStatus};
use crate::administration::stats::Stats;
use crate::administration::system::Status;

pub(super) async fn stats(counter: &Counter<'_>) -> Result<(), CliError> {
    counter.show(GetStats {}, figures).await
}

fn figures(stats: &Stats) -> io::Result<()> {
    output::fields(&[
        ("clients", stats.clients.to_string()),
        ("users", stats.users.to_string()),
        ("active tokens (24 h)", stats.active_tokens_24h.to_string()),
        ("revoked tokens", stats.revoked_tokens.to_string()),
        ("connections", stats.connections.to_string()),
    ])
}

pub(super) async fn status(counter: &Counter<'_>) -> Result<(), CliError> {
    counter.show(GetStatus {}, state).await
}

fn state(status: &Status) -> io::Result<()> {
    let reachable = if status.store.reachable { "reachable" } else { "unreachable" };
    output::fields(&[
        ("version", status.version.clone()),
        ("issuer", status.issuer.clone()),
        ("store", format!("{}, {reachable}", status.store.driver)),
    ])?;
    let rows = status.keepers.iter().cloned().map(|keeper| {
        let waiting = format!("{} of {}", keeper.mailbox_depth, keeper.mailbox_capacity);
        let error = keeper.last_error.unwrap_or_default();
        vec![keeper.keeper, keeper.state, waiting, keeper.restarts.to_string(), error]
    });
    output::table(&["KEEPER", "STATE", "WAITING", "RESTARTS", "LAST ERROR"], rows.collect())
}
