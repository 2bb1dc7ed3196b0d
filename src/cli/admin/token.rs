//! `authserver admin token`

use std::io::{self, Read as _};
use std::path::PathBuf;

use actors::runtime::Environment;
use clap::{Args, Subcommand};
use protocol::admin_key::{Inspected, MAX_LENGTH, MintedKey, Narrowing, Rights};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::super::{CliError, output};
use super::Counter;
use crate::admin::{AdminKeyPath, ListAdminKeys, MintAdminKey, RevokeAdminKey};
use crate::administration::admin_key::{
    AdminKeyQuery, AdminKeyView, MintedAdminKey, NewAdminKey, lifetime,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Mint an admin key, and print it: the only time it is shown.
    Mint {
        /// Who it is for, as the audit log will name them, for example ci-deploy.
        #[arg(long)]
        name: String,
        /// What it may do: area:verb, several with commas between.
        #[arg(long, value_delimiter = ',', required = true)]
        rights: Vec<String>,
        /// How long it is good, for example 30d or 2w; 90 days unless said otherwise.
        #[arg(long, value_name = "SPAN")]
        expires: Option<String>,
    },
    /// Make a key that can do less out of one you have. Needs no server.
    Attenuate(Attenuate),
    /// Show what a key says. Needs no server.
    Inspect {
        #[command(flatten)]
        from: KeySource,
    },
    /// Revoke a key, and every key that was narrowed from it.
    Revoke {
        /// The key's id.
        id: Uuid,
    },
    /// List the minted keys.
    List,
}

/// What is left of the rights of a key.
#[derive(Debug, Args)]
pub(crate) struct Attenuate {
    /// Only these rights: area:verb, several with commas between.
    #[arg(long)]
    rights: Option<Rights>,
    /// It ends that much after now, if it does not end before: for example 15m or 1d.
    #[arg(long, value_name = "SPAN")]
    expires: Option<String>,
    /// What the audit log adds to its name.
    #[arg(long)]
    label: Option<protocol::admin_key::KeyName>,
    #[command(flatten)]
    from: KeySource,
}

/// Where a key is read from. Never a flag: others on this machine can see those.
#[derive(Debug, Args)]
pub(crate) struct KeySource {
    /// A file with the key; standard input without it.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl KeySource {
    fn read(&self) -> Result<MintedKey, CliError> {
        // A little more than a key, so that what is too long is seen to be.
        let limit = MAX_LENGTH as u64 + 16;
        let mut text = Zeroizing::new(String::new());
        match &self.key_file {
            Some(file) => std::fs::File::open(file)?.take(limit).read_to_string(&mut text)?,
            None => io::stdin().lock().take(limit).read_to_string(&mut text)?,
        };
        MintedKey::presented(text.trim()).map_err(usage)
    }
}

fn usage(error: impl std::fmt::Display) -> CliError {
    CliError::Usage(error.to_string())
}

/// What a holder does with a key of their own; `None` for what needs a server or the store.
pub(super) fn offline(
    command: &Command,
    environment: &Environment,
    json: bool,
) -> Option<Result<(), CliError>> {
    match command {
        Command::Attenuate(order) => Some(attenuate(order, environment)),
        Command::Inspect { from } => Some(inspect(from, environment, json)),
        Command::Mint { .. } | Command::Revoke { .. } | Command::List => None,
    }
}

fn attenuate(order: &Attenuate, environment: &Environment) -> Result<(), CliError> {
    let span = order.expires.as_deref().map(lifetime).transpose().map_err(usage)?;
    let end = span.map(|span| {
        environment
            .now()
            .checked_add_signed(span)
            .unwrap_or(chrono::DateTime::<chrono::Utc>::MAX_UTC)
    });
    let less =
        Narrowing { rights: order.rights.clone(), expires_at: end, label: order.label.clone() };
    let narrowed = order.from.read()?.narrow(&less, environment.random_bytes()).map_err(usage)?;
    Ok(output::line(narrowed.expose())?)
}

fn inspect(from: &KeySource, environment: &Environment, json: bool) -> Result<(), CliError> {
    let key = Inspected::of(&from.read()?).map_err(usage)?;
    let narrowings: Vec<_> = key
        .narrowings
        .iter()
        .map(|block| {
            serde_json::json!({
                "label": block.label.as_ref().map(ToString::to_string),
                "rights": block.rights.as_ref().map(Rights::words),
                "expires_at": block.expires_at.map(|at| at.to_rfc3339()),
            })
        })
        .collect();
    let expired = key.expires_at <= environment.now();
    if json {
        return Ok(output::json(&serde_json::json!({
            "id": key.id,
            "name": key.name.as_str(),
            "minted": { "rights": key.minted_rights.words(), "expires_at": key.minted_until.to_rfc3339() },
            "narrowings": narrowings,
            "rights": key.rights.words(),
            "expires_at": key.expires_at.to_rfc3339(),
            "expired": expired,
            "verified": false,
        }))?);
    }
    let ended = if expired { " (has ended)" } else { "" };
    output::fields(&[
        ("id", key.id.to_string()),
        ("name", key.name.to_string()),
        ("minted with", key.minted_rights.to_string()),
        ("rights", key.rights.to_string()),
        ("expires", format!("{}{ended}", key.expires_at.to_rfc3339())),
    ])?;
    for (number, block) in narrowings.iter().enumerate() {
        output::line(&format!("narrowed {}  {block}", number + 1))?;
    }
    let caution =
        "This is what the key says. Whether it is signed, and not revoked, its server knows.";
    Ok(output::line(caution)?)
}

pub(super) async fn run(command: Command, counter: &Counter<'_>) -> Result<(), CliError> {
    match command {
        Command::Mint { name, rights, expires } => {
            let body = NewAdminKey { name, rights, expires_in: expires };
            counter.show(MintAdminKey { body }, minted).await
        }
        Command::Revoke { id } => {
            let path = AdminKeyPath { id };
            let said = |key: &AdminKeyView| table(std::slice::from_ref(key));
            counter.show(RevokeAdminKey { path }, said).await
        }
        Command::List => {
            let query = AdminKeyQuery::default();
            counter.show(ListAdminKeys { query }, |list| table(&list.keys)).await
        }
        offline_command @ (Command::Attenuate(_) | Command::Inspect { .. }) => {
            offline(&offline_command, counter.environment, counter.json).unwrap_or(Ok(()))
        }
    }
}

fn minted(key: &MintedAdminKey) -> io::Result<()> {
    output::fields(&[
        ("id", key.about.id.to_string()),
        ("name", key.about.name.clone()),
        ("rights", key.about.rights.join(",")),
        ("expires", key.about.expires_at.to_rfc3339()),
        ("key", key.key.clone()),
    ])?;
    output::line("The key is shown this once. Keep it where secrets are kept.")
}

fn table(keys: &[AdminKeyView]) -> io::Result<()> {
    let rows = keys.iter().map(|key| {
        vec![
            key.id.to_string(),
            key.name.clone(),
            key.rights.join(","),
            key.status.clone(),
            key.expires_at.to_rfc3339(),
            key.last_used_at.map(|at| at.to_rfc3339()).unwrap_or_default(),
        ]
    });
    output::table(&["ID", "NAME", "RIGHTS", "STATUS", "EXPIRES", "LAST USED"], rows.collect())
}
