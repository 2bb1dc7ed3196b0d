//! `authserver admin issuance`

use std::io;

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::super::{CliError, output};
use super::{Counter, Moment, Part};
use crate::admin::{GetIssuance, IssuancePath, ListIssuances, RevokeIssuance};
use crate::administration::issuance::{IssuanceList, IssuanceQuery, IssuanceView};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List tokens that were issued, newest first: of a user, a client or a resource.
    List(List),
    /// Show one.
    Get {
        /// Its id: the token's jti.
        id: Uuid,
    },
    /// Revoke its token, and everything exchanged from it.
    Revoke {
        /// Its id: the token's jti.
        id: Uuid,
    },
}

#[derive(Debug, Args)]
#[group(id = "which", multiple = true)]
pub(crate) struct List {
    /// Id or e-mail address of the person they stand for.
    #[arg(long)]
    user: Option<String>,
    /// Id of the client they were issued to.
    #[arg(long)]
    client: Option<String>,
    /// Slug or id of a resource they are for.
    #[arg(long)]
    resource: Option<String>,
    /// The token itself.
    #[arg(long)]
    jti: Option<Uuid>,
    /// Issued no earlier: a time, or how long ago (36h, 7d, 2w) [default: 24h].
    #[arg(long, value_name = "WHEN")]
    since: Option<Moment>,
    #[command(flatten)]
    part: Part,
}

pub(super) async fn run(command: Command, counter: &Counter<'_>) -> Result<(), CliError> {
    match command {
        Command::List(list) => {
            let List { user, client, resource, jti, since, part: Part { limit, offset } } = list;
            let since = since.map(|since| since.at(counter.environment.now()));
            let query = IssuanceQuery { user, client, resource, jti, since, limit, offset };
            let said = |list: &IssuanceList| {
                table(&list.issuances)?;
                output::part(list.issuances.len(), list.total, offset)
            };
            counter.show(ListIssuances { query }, said).await
        }
        Command::Get { id } => {
            counter.show(GetIssuance { path: IssuancePath { id } }, fields).await
        }
        Command::Revoke { id } => {
            let done = |_: &_| output::line(&format!("Issuance {id} is revoked."));
            counter.show(RevokeIssuance { path: IssuancePath { id } }, done).await
        }
    }
}

fn subject(issuance: &IssuanceView) -> String {
    issuance.subject_user_id.map(|id| id.to_string()).unwrap_or_default()
}

fn state(issuance: &IssuanceView) -> &'static str {
    match (issuance.revoked_at, issuance.revocable) {
        (Some(_), _) => "revoked",
        (None, true) => "works",
        (None, false) => "expired",
    }
}

/// Who acts for whom, the one that acts now first, as `exchange explain` has it.
fn acting(issuance: &IssuanceView) -> String {
    issuance.agent_chain.iter().rev().map(String::as_str).collect::<Vec<_>>().join(" for ")
}

/// What an exchange rested on besides the token it began with.
fn rests_on(issuance: &IssuanceView) -> String {
    match (&issuance.via_link, &issuance.consent_client_id) {
        (Some(link), _) => format!("link {link}"),
        (None, Some(client)) => format!("consent with {client}"),
        (None, None) => String::new(),
    }
}

fn parent(issuance: &IssuanceView) -> String {
    issuance.parent_jti.map(|jti| jti.to_string()).unwrap_or_default()
}

/// Where tokens come from is shown where any of them was exchanged.
fn table(issuances: &[IssuanceView]) -> io::Result<()> {
    let exchanged = issuances.iter().any(|issuance| issuance.parent_jti.is_some());
    let mut header = vec!["ID", "USER", "CLIENT", "SCOPES", "ISSUED AT", "STATE"];
    if exchanged {
        header.extend(["EXCHANGED FROM", "ACTING", "RESTS ON"]);
    }
    let rows = issuances.iter().map(|issuance| {
        let mut row = vec![
            issuance.id.to_string(),
            subject(issuance),
            issuance.client_id.clone(),
            issuance.scopes.join(" "),
            output::time(issuance.issued_at),
            state(issuance).to_owned(),
        ];
        if exchanged {
            row.extend([parent(issuance), acting(issuance), rests_on(issuance)]);
        }
        row
    });
    output::table(&header, rows.collect())
}

fn fields(issuance: &IssuanceView) -> io::Result<()> {
    let ids: Vec<String> = issuance.resource_ids.iter().map(Uuid::to_string).collect();
    output::fields(&[
        ("jti", issuance.jti.to_string()),
        ("grant", issuance.grant_type.clone()),
        ("user", subject(issuance)),
        ("client", issuance.client_id.clone()),
        ("resources", ids.join(" ")),
        ("scopes", issuance.scopes.join(" ")),
        ("exchanged from", parent(issuance)),
        ("acting", acting(issuance)),
        ("rests on", rests_on(issuance)),
        ("agent", issuance.agent_id.clone().unwrap_or_default()),
        ("family", issuance.family_id.map(|id| id.to_string()).unwrap_or_default()),
        ("bound to key", issuance.dpop_jkt.clone().unwrap_or_default()),
        ("issued at", output::time(issuance.issued_at)),
        ("expires at", output::time(issuance.expires_at)),
        ("state", state(issuance).to_owned()),
        ("revoked at", issuance.revoked_at.map(output::time).unwrap_or_default()),
        ("reason", issuance.revoked_reason.clone().unwrap_or_default()),
    ])
}
