//! `authserver admin agent`

use std::io;

use clap::Subcommand;
use protocol::client::ClientStatus;

use super::super::{CliError, output};
use super::{Counter, Part};
use crate::admin::{AgentKilling, ClientPath, KillAgent, ListAgents};
use crate::administration::agent::{AgentQuery, KilledAgent};
use crate::administration::client::ClientList;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List agents, newest first.
    List {
        /// Only those with this status: active, suspended or revoked.
        #[arg(long)]
        status: Option<ClientStatus>,
        #[command(flatten)]
        part: Part,
    },
    /// Switch an agent off, and revoke what it holds, what it acts in, and all that was exchanged
    /// from any of that. Reactivating it (`client reactivate`) brings none of it back.
    Kill {
        /// The agent's client id.
        client_id: String,
        /// Only say what would be reached.
        #[arg(long)]
        dry_run: bool,
    },
}

pub(super) async fn run(command: Command, counter: &Counter<'_>) -> Result<(), CliError> {
    match command {
        Command::List { status, part: Part { limit, offset } } => {
            let query = AgentQuery { status, limit, offset };
            let said = |list: &ClientList| {
                table(list)?;
                output::part(list.clients.len(), list.total, offset)
            };
            counter.show(ListAgents { query }, said).await
        }
        Command::Kill { client_id, dry_run } => {
            let (path, query) = (ClientPath { client_id }, AgentKilling { dry_run });
            counter.show(KillAgent { path, query }, report).await
        }
    }
}

fn table(list: &ClientList) -> io::Result<()> {
    let rows = list
        .clients
        .iter()
        .map(|agent| vec![agent.id.clone(), agent.name.clone(), agent.status.to_string()]);
    output::table(&["CLIENT ID", "NAME", "STATUS"], rows.collect())
}

fn report(killed: &KilledAgent) -> io::Result<()> {
    let KilledAgent { codes, families, tokens, .. } = killed;
    let would = if killed.dry_run { "Nothing happened. This would be revoked" } else { "Revoked" };
    output::line(&format!(
        "{would}: {tokens} access tokens, {families} refresh families, {codes} codes."
    ))?;
    let rows = killed.resources.iter().map(|reached| {
        let id = reached.resource_id.map_or("(this server)".to_owned(), |id| id.to_string());
        let slug = reached.slug.clone().unwrap_or(id);
        vec![slug, reached.tokens.to_string(), output::time(reached.latest_exp)]
    });
    output::table(&["RESOURCE", "TOKENS", "LAST EXPIRES"], rows.collect())?;
    let signatures = killed
        .seen
        .signature_only
        .map_or("at once".to_owned(), |at| format!("by {}", output::time(at)));
    let (is, sees) = if killed.dry_run { ("would be", "would see") } else { ("is", "sees") };
    output::line(&format!(
        "The agent {is} {}. Who introspects {sees} it at once; who checks signatures only, {signatures}.",
        killed.status
    ))
}
