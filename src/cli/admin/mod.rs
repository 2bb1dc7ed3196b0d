//! `authserver admin`: works on the configured store.

mod client;
mod grant;
mod key;
mod resource;
mod user;

use actors::audit::Origin;
use actors::keys::Upkeep;
use actors::runtime::Environment;
use clap::Subcommand;
use tokio::runtime::Handle;

use super::CliError;
use crate::administration::Desk;
use crate::app::{Booted, boot, stop_keepers};
use crate::config::Config;

/// The identity in the audit log of whoever can reach the store itself.
const OPERATOR: &str = "admin:cli";

#[derive(Debug, Subcommand)]
pub(super) enum Admin {
    /// OAuth clients.
    #[command(subcommand)]
    Client(client::Command),
    /// People who sign in here.
    #[command(subcommand)]
    User(user::Command),
    /// Resources: what tokens are issued for.
    #[command(subcommand)]
    Resource(resource::Command),
    /// What people agreed to.
    #[command(subcommand)]
    Grant(grant::Command),
    /// Signing keys.
    #[command(subcommand)]
    Key(key::Command),
}

/// Runs one command with keepers of its own, and stops them whatever comes of it.
pub(super) async fn run(
    command: Admin,
    config: Config,
    environment: Environment,
    io: Handle,
) -> Result<(), CliError> {
    let Booted { store, keepers, household, secrets, .. } =
        boot(&config, &environment, io, Upkeep::FirstKeyOnly).await?;
    let desk = Desk {
        config: &config,
        keepers: &keepers,
        environment: &environment,
        secrets: &secrets,
        admin: OPERATOR,
        origin: &Origin::local(),
    };
    let outcome = match command {
        Admin::Client(command) => client::run(command, &desk).await,
        Admin::User(command) => user::run(command, &desk).await,
        Admin::Resource(command) => resource::run(command, &desk).await,
        Admin::Grant(command) => grant::run(command, &desk).await,
        Admin::Key(command) => key::run(command, &desk).await,
    };
    stop_keepers(&household, &store, config.server.shutdown_wait).await;
    outcome
}
