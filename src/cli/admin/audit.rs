//! `authserver admin audit`

use std::io;

use clap::{Args, Subcommand};

use super::super::{CliError, output};
use super::{Counter, Moment, Part};
use crate::admin::ListAudit;
use crate::administration::audit::{AuditList, AuditQuery};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what happened, newest first.
    List(List),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this action, for example token.issued.
    #[arg(long)]
    action: Option<String>,
    /// Only what this user, client or admin did. The id of a minted admin key means it and all
    /// that were narrowed from it.
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// Only what concerns this client.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// No earlier: a time, or how long ago (36h, 7d, 2w) [default: 24h before --until or now].
    #[arg(long, value_name = "WHEN")]
    since: Option<Moment>,
    /// Earlier than this.
    #[arg(long, value_name = "WHEN")]
    until: Option<Moment>,
    #[command(flatten)]
    part: Part,
}

pub(super) async fn run(command: Command, counter: &Counter<'_>) -> Result<(), CliError> {
    let Command::List(list) = command;
    let List { action, actor, client, since, until, part: Part { limit, offset } } = list;
    let now = counter.environment.now();
    let [since, until] = [since, until].map(|moment| moment.map(|moment| moment.at(now)));
    let (actor_id, client_id) = (actor, client);
    let query = AuditQuery { action, actor_id, client_id, since, until, limit, offset };
    let said = |list: &AuditList| {
        table(list)?;
        output::part(list.events.len(), list.total, offset)
    };
    counter.show(ListAudit { query }, said).await
}

fn table(list: &AuditList) -> io::Result<()> {
    let rows = list.events.iter().cloned().map(|event| {
        vec![
            output::time(event.created_at),
            event.action,
            event.actor_id.unwrap_or_default(),
            event.client_id.unwrap_or_default(),
            event.ip.unwrap_or_default(),
            event.detail,
        ]
    });
    output::table(&["TIME", "ACTION", "BY", "CLIENT", "FROM", "DETAIL"], rows.collect())
}
