//! `authserver admin token`

use std::io::{self, Read as _};
use std::path::PathBuf;

use actors::runtime::Environment;
use clap::{Args, Subcommand};
use protocol::admin_key::{Inspected, MAX_LENGTH, MintedKey, Narrowing, Rights};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::super::{CliError, output};
use super::{Counter, Part};
use crate::admin::{AdminKeyPath, InspectAdminKey, ListAdminKeys, MintAdminKey, RevokeAdminKey};
use crate::administration::admin_key::{
    AdminKeyList, AdminKeyQuery, AdminKeyView, KeyStanding, MintedAdminKey, NewAdminKey,
    PresentedKey, Standing, lifetime,
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
    /// Show what a key says. Whether it is good is asked of the server, if one and an admin key
    /// for it are given; without, nothing is asked.
    Inspect(Inspect),
    /// Revoke a key, and every key that was narrowed from it.
    Revoke {
        /// The key's id.
        id: Uuid,
    },
    /// List the minted keys, newest first.
    List(Part),
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

/// A look at a key.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Without a server, ask the configured store whether the key is good.
    #[arg(long)]
    verify: bool,
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
/// `asks` is whether there is a server to be asked.
pub(super) fn offline(
    command: &Command,
    environment: &Environment,
    json: bool,
    asks: bool,
) -> Option<Result<(), CliError>> {
    match command {
        Command::Attenuate(order) => Some(attenuate(order, environment)),
        Command::Inspect(look) if !look.verify && !asks => {
            Some(look.from.read().and_then(|key| show(&key, environment, json, None)))
        }
        Command::Inspect(_) | Command::Mint { .. } | Command::Revoke { .. } | Command::List(_) => {
            None
        }
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

/// Asks whether a key is good, and shows the answer with what the key says.
async fn inspect(look: &Inspect, counter: &Counter<'_>) -> Result<(), CliError> {
    let key = look.from.read()?;
    let body = PresentedKey { key: key.expose().to_owned() };
    let answer = counter.office.carry_out(InspectAdminKey { body }).await?;
    show(&key, counter.environment, counter.json, Some(&answer))?;
    match answer.standing {
        Standing::Valid => Ok(()),
        _ => Err(CliError::KeyNoGood(answer.detail)),
    }
}

fn show(
    key: &MintedKey,
    environment: &Environment,
    json: bool,
    answer: Option<&KeyStanding>,
) -> Result<(), CliError> {
    let key = Inspected::of(key).map_err(usage)?;
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
            "standing": answer.map(|answer| answer.standing),
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
    let caution = "This is what the key says; nobody was asked whether it is true. Its server knows: \
                   --server, or --verify where its store is.";
    match answer {
        None => Ok(output::line(caution)?),
        Some(KeyStanding { standing: Standing::Valid, .. }) => {
            Ok(output::line("The key is good.")?)
        }
        // The command ends with why.
        Some(_) => Ok(()),
    }
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
        Command::List(Part { limit, offset }) => {
            let said = |list: &AdminKeyList| {
                table(&list.keys)?;
                output::part(list.keys.len(), list.total, offset)
            };
            counter.show(ListAdminKeys { query: AdminKeyQuery { limit, offset } }, said).await
        }
        Command::Inspect(look) => inspect(&look, counter).await,
        Command::Attenuate(order) => attenuate(&order, counter.environment),
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
