//! `authserver admin`: works on the configured store, or on a server with its admin key.

mod agent;
mod audit;
mod client;
mod data;
mod dcr;
mod exchange;
mod fronting;
mod grant;
mod issuance;
mod key;
mod lockout;
mod policy;
mod resource;
mod scope_map;
mod scopes;
mod secret;
mod system;
mod token;
mod user;

use std::io;
use std::str::FromStr;

use actors::audit::Origin;
use actors::keys::Upkeep;
use actors::runtime::Environment;
use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand};
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use super::key_move::Destination;
use super::{CliError, output};
use crate::admin::{Office, Operation, Remote};
use crate::administration::{Change, Desk};
use crate::app::{Booted, Powers, boot, stop_keepers};
use crate::config::{Config, parse_duration};

/// The identity in the audit log of whoever can reach the store itself.
pub(super) const OPERATOR: &str = "admin:cli";

#[derive(Debug, Args)]
pub(super) struct Admin {
    #[command(flatten)]
    pub(super) place: Place,
    #[command(subcommand)]
    area: Area,
}

/// Where a command works, and how it says what came of it.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// Work on this server, through its admin listener: https://host:port. Without it,
    /// on the configured store.
    #[arg(long, global = true, value_name = "URL", env = "AUTHPLANE_SERVER")]
    server: Option<String>,
    /// The admin key for --server. Others on this machine can see a flag: better set the
    /// variable.
    #[arg(
        long,
        global = true,
        value_name = "KEY",
        env = "AUTHPLANE_ADMIN_KEY",
        hide_env_values = true
    )]
    key: Option<String>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Area {
    /// OAuth clients.
    #[command(subcommand)]
    Client(client::Command),
    /// Agents: clients that act for people.
    #[command(subcommand)]
    Agent(agent::Command),
    /// People who sign in here.
    #[command(subcommand)]
    User(user::Command),
    /// Resources: what tokens are issued for.
    #[command(subcommand)]
    Resource(resource::Command),
    /// Fronting links: which resource may reach which other one on the user's behalf.
    #[command(subcommand)]
    Fronting(fronting::Command),
    /// Token exchanges, tried without tokens.
    #[command(subcommand)]
    Exchange(exchange::Command),
    /// What people agreed to.
    #[command(subcommand)]
    Grant(grant::Command),
    /// Tokens that were issued.
    #[command(subcommand)]
    Issuance(issuance::Command),
    /// Lockouts after failed sign-ins and client authentications.
    #[command(subcommand)]
    Lockout(lockout::Command),
    /// Signing keys.
    #[command(subcommand)]
    Key(key::Command),
    /// Server secrets, with which refresh tokens, nonces and admin keys are made.
    #[command(subcommand)]
    Secret(secret::Command),
    /// What is encrypted in the database.
    #[command(subcommand)]
    Data(data::Command),
    /// Admin keys: mint, narrow, look at, revoke them.
    #[command(subcommand)]
    Token(token::Command),
    /// Who may register clients.
    #[command(subcommand)]
    Dcr(dcr::Command),
    /// The audit log.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Figures for an overview.
    Stats,
}

/// Which part of a list.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Part {
    /// How many [default: 100].
    #[arg(long)]
    limit: Option<u64>,
    /// How many to skip before.
    #[arg(long)]
    offset: Option<u64>,
}

/// A time as it is typed: RFC 3339, or how long ago.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moment {
    /// This time.
    At(DateTime<Utc>),
    /// So long before now.
    Ago(TimeDelta),
}

impl Moment {
    fn at(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Moment::At(time) => time,
            Moment::Ago(duration) => now - duration,
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(typed: &str) -> Result<Moment, String> {
        if let Ok(time) = DateTime::parse_from_rfc3339(typed) {
            return Ok(Moment::At(time.to_utc()));
        }
        let ago = parse_duration(typed).and_then(|ago| TimeDelta::from_std(ago).ok());
        ago.map(Moment::Ago).ok_or_else(|| {
            "write a time (2027-01-31T12:00:00Z), or how long ago: 36h, 7d, 2w".to_owned()
        })
    }
}

/// What a flag says about a member of a patch.
fn change<T>(flag: Option<T>) -> Change<T> {
    flag.map_or(Change::Keep, Change::Set)
}

impl Place {
    /// The server the command is for, if it is for one.
    ///
    /// # Errors
    /// When its URL or the key is no good.
    pub(super) fn server(&self) -> Result<Option<Remote>, CliError> {
        let Some(url) = &self.server else { return Ok(None) };
        let key = self.key().ok_or_else(|| {
            let missing = "--server needs the admin key: set AUTHPLANE_ADMIN_KEY, or --key";
            CliError::Usage(missing.to_owned())
        })?;
        let remote = Remote::new(url, key);
        Ok(Some(remote.map_err(|error| CliError::Usage(format!("--server: {error}")))?))
    }

    /// The admin key, if one was given.
    pub(super) fn key(&self) -> Option<Zeroizing<String>> {
        self.key.clone().filter(|key| !key.is_empty()).map(Zeroizing::new)
    }

    /// Whether it is a program that reads what is printed.
    pub(super) fn json(&self) -> bool {
        self.json
    }
}

/// A counter at which operations are ordered and their answers shown.
pub(super) struct Counter<'a> {
    office: Office<'a>,
    environment: &'a Environment,
    json: bool,
}

impl Counter<'_> {
    /// Carries `operation` out and shows the answer: as JSON, or as `for_people` does.
    async fn show<O: Operation>(
        &self,
        operation: O,
        for_people: impl FnOnce(&O::Answer) -> io::Result<()>,
    ) -> Result<(), CliError> {
        let answer = self.office.carry_out(operation).await?;
        if self.json {
            output::json(&answer)?;
        } else {
            for_people(&answer)?;
        }
        Ok(())
    }
}

impl Admin {
    /// Carries out what needs neither a server nor the store; `None` when the command does.
    pub(super) fn offline(&self, environment: &Environment) -> Option<Result<(), CliError>> {
        match &self.area {
            Area::Token(command) => {
                let Place { server, key, json } = &self.place;
                let asks = server.is_some() && key.as_ref().is_some_and(|key| !key.is_empty());
                token::offline(command, environment, *json, asks)
            }
            _ => None,
        }
    }
}

impl Admin {
    /// Where the command moves the keys to, if it does.
    ///
    /// # Errors
    /// When it is for a server: the files are not there.
    pub(super) fn moves_keys_to(&self) -> Result<Option<Destination>, CliError> {
        let Area::Key(key::Command::Move { to }) = &self.area else { return Ok(None) };
        if self.place.server.is_some() {
            return Err(CliError::Usage(MOVES_HERE.to_owned()));
        }
        Ok(Some(*to))
    }
}

impl Admin {
    /// Whether the command seals rows of the configured store again, for which it needs no keepers.
    pub(super) fn seals_here(&self) -> bool {
        matches!(self.area, Area::Data(data::Command::Reencrypt)) && self.place.server.is_none()
    }
}

/// Why `key move` is not for a server.
const MOVES_HERE: &str = "keys are moved by the command itself, while no server runs: leave out \
    --server (and AUTHPLANE_SERVER), and run it where the configuration and signing.key_path are";

/// Runs one command on a server.
pub(super) async fn run_there(
    command: Admin,
    server: Remote,
    environment: Environment,
) -> Result<(), CliError> {
    let (office, json) = (Office::There(server), command.place.json);
    run(command.area, &Counter { office, environment: &environment, json }).await
}

/// Runs one command with keepers of its own, and stops them whatever comes of it.
pub(super) async fn run_here(
    command: Admin,
    config: Config,
    environment: Environment,
    io: Handle,
) -> Result<(), CliError> {
    let Booted { store, keepers, household, secrets, .. } =
        boot(&config, &environment, io, Upkeep::FirstKeyOnly).await?;
    let desk = Desk {
        config: &config,
        store: &store,
        household: &household,
        keepers: &keepers,
        environment: &environment,
        secrets: &secrets,
        admin: OPERATOR,
        powers: Powers::all(),
        origin: &Origin::local(),
    };
    let (office, json) = (Office::Here(desk), command.place.json);
    let outcome = run(command.area, &Counter { office, environment: &environment, json }).await;
    stop_keepers(&household, &store, config.server.shutdown_wait).await;
    outcome
}

async fn run(area: Area, counter: &Counter<'_>) -> Result<(), CliError> {
    match area {
        Area::Client(command) => client::run(command, counter).await,
        Area::Agent(command) => agent::run(command, counter).await,
        Area::User(command) => user::run(command, counter).await,
        Area::Resource(command) => resource::run(command, counter).await,
        Area::Fronting(command) => fronting::run(command, counter).await,
        Area::Exchange(command) => exchange::run(command, counter).await,
        Area::Grant(command) => grant::run(command, counter).await,
        Area::Issuance(command) => issuance::run(command, counter).await,
        Area::Lockout(command) => lockout::run(command, counter).await,
        Area::Dcr(command) => dcr::run(command, counter).await,
        Area::Audit(command) => audit::run(command, counter).await,
        Area::Stats => system::stats(counter).await,
        Area::Key(command) => key::run(command, counter).await,
        Area::Secret(command) => secret::run(command, counter).await,
        Area::Data(command) => data::run(command, counter).await,
        Area::Token(command) => token::run(command, counter).await,
    }
}
