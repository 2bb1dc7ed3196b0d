//! `authserver admin stats`

use std::io;

use super::super::{CliError, output};
use super::Counter;
use crate::admin::GetStats;
use crate::administration::stats::Stats;

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
