//! The command line.

mod admin;
mod health;
mod key_move;
mod output;
mod purge;
mod reencrypt;
mod reference;
mod serve;
mod status;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use actors::runtime::Environment;
use clap::{CommandFactory as _, Parser, Subcommand};
use entities::StoreError;
use tokio::runtime::Runtime;

use crate::admin::{Unfinished, openapi};
use crate::app::BootError;
use crate::config::{Config, ConfigErrors, StorageDriver, locate, reference_markdown};

/// The self-hosted authorization server for the Model Context Protocol.
#[derive(Debug, Parser)]
#[command(name = "authserver", version, arg_required_else_help = true)]
struct Cli {
    /// Configuration file (else AUTHPLANE_CONFIG, else ./config.yaml if it exists).
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve,
    /// Bring the database schema up to date, then exit.
    Migrate,
    /// Ask the server that runs here with this configuration how it is: for health checks.
    Health(health::Health),
    /// Sweep everything that has expired, now and to the end.
    Purge(purge::Purge),
    /// Print the version.
    Version,
    /// Work on clients, users, resources and keys.
    Admin(Box<admin::Admin>),
    /// Show how the server is that runs: its keepers, keys, sweeping and tables.
    ///
    /// Ends with 0 when all is well, and with 1 when something is not or no server answers.
    Status(status::StatusOf),
    /// Print generated documentation.
    #[command(subcommand)]
    Docs(Docs),
}

#[derive(Debug, Subcommand)]
enum Docs {
    /// The configuration reference, as Markdown.
    Config,
    /// The command line, as Markdown.
    Cli,
    /// A description of an API, as OpenAPI 3.1 in JSON.
    #[command(subcommand)]
    Openapi(Openapi),
}

#[derive(Debug, Subcommand)]
enum Openapi {
    /// The admin API.
    Admin,
    /// The public endpoints.
    Public,
}

/// Why a command failed. What is printed says what to do.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    #[error("{0}")]
    Boot(#[from] BootError),
    #[error("{0}")]
    Office(#[from] Unfinished),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Stopped(String),
    #[error("{0}")]
    Unwell(String),
    #[error("{0}")]
    KeyNoGood(String),
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

impl CliError {
    /// What scripts go by. 2 is also what a command line that cannot be read ends with.
    fn exit_code(&self) -> u8 {
        match self {
            CliError::Usage(_) => 2,
            CliError::KeyNoGood(_) => 5,
            CliError::Boot(BootError::Store(
                StoreError::Unreachable(_) | StoreError::Contended(_),
            )) => 75,
            CliError::Office(Unfinished::Refused(problem) | Unfinished::Failed { problem, .. }) => {
                match problem.status {
                    400 | 422 => 2,
                    404 => 3,
                    409 => 4,
                    401 | 403 => 5,
                    429 | 503 => 75,
                    _ => 1,
                }
            }
            _ => 1,
        }
    }
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output went away: nothing to tell anybody.
        Err(CliError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            output::complain(&error.to_string());
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<(), CliError> {
    match cli.command {
        Command::Version => {
            output::line(&format!("authserver {}", env!("CARGO_PKG_VERSION")))?;
            Ok(())
        }
        Command::Docs(Docs::Openapi(Openapi::Admin)) => Ok(output::json(&openapi::document())?),
        Command::Docs(Docs::Openapi(Openapi::Public)) => {
            Ok(output::json(&crate::http::public_document())?)
        }
        Command::Docs(Docs::Cli) => Ok(output::text(&reference::markdown(Cli::command()))?),
        Command::Docs(Docs::Config) => Ok(output::text(&reference_markdown())?),
        Command::Serve => {
            let (config, io) = load_with_io(cli.config.as_ref())?;
            inside(serve::serve(config, Environment::system(), io.handle().clone()))
        }
        Command::Migrate => {
            let (config, io) = load_with_io(cli.config.as_ref())?;
            inside(serve::migrate(config, io.handle().clone()))
        }
        Command::Health(health) => inside(health::health(health, load(cli.config.as_ref())?)),
        Command::Purge(purge) => {
            let (config, io) = load_with_io(cli.config.as_ref())?;
            inside(purge::purge(purge, config, Environment::system(), io.handle().clone()))
        }
        Command::Admin(command) => run_admin(*command, cli.config.as_ref()),
        Command::Status(command) => {
            let configured = || load(cli.config.as_ref());
            let colours = !variables().contains_key("NO_COLOR");
            inside(status::status(command, configured, Environment::system(), colours))
        }
    }
}

fn run_admin(command: admin::Admin, config: Option<&PathBuf>) -> Result<(), CliError> {
    let environment = Environment::system();
    if let Some(done) = command.offline(&environment) {
        return done;
    }
    if let Some(to) = command.moves_keys_to()? {
        let json = command.place.json();
        let (config, io) = load_with_io(config)?;
        return inside(key_move::key_move(to, json, config, environment, io.handle().clone()));
    }
    if command.seals_here() {
        let json = command.place.json();
        let (config, io) = load_with_io(config)?;
        return inside(reencrypt::here(json, config, environment, io.handle().clone()));
    }
    if let Some(server) = command.place.server()? {
        return inside(admin::run_there(command, server, environment));
    }
    let (config, io) = load_with_io(config)?;
    inside(admin::run_here(command, config, environment, io.handle().clone()))
}

/// The configuration, and the runtime database work runs on. Each SQLite connection has a
/// thread of its own, and one more is enough to hand work to them: a second would only wake
/// up with it each time, and find nothing to do.
fn load_with_io(flag: Option<&PathBuf>) -> Result<(Config, Runtime), CliError> {
    let config = load(flag)?;
    let threads = match config.storage.driver {
        StorageDriver::Sqlite => 1,
        StorageDriver::Postgres => 2,
    };
    let io = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("store")
        .enable_all()
        .build()?;
    Ok((config, io))
}

fn inside(work: impl Future<Output = Result<(), CliError>>) -> Result<(), CliError> {
    actix_rt::System::new().block_on(work)
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the process's environment")]
fn variables() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn load(flag: Option<&PathBuf>) -> Result<Config, CliError> {
    let environment = variables();
    let working_directory = std::env::current_dir()?;
    let file = locate(flag.map(PathBuf::as_path), &environment, &working_directory);
    Ok(Config::load(file.as_deref(), &environment)?)
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;

    use super::*;
    use crate::admin::Problem;

    #[test]
    fn what_may_work_later_ends_the_same_on_the_store_and_on_a_server() {
        let problem = || {
            let later = "The server cannot do this right now.";
            Box::new(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                later,
            ))
        };
        let here = Unfinished::Failed { problem: problem(), cause: "the store is away".to_owned() };
        assert_eq!(CliError::Office(here).exit_code(), 75);
        assert_eq!(CliError::Office(Unfinished::Refused(problem())).exit_code(), 75);
    }
}
