//! `cargo run --release -p bench`: see `docs/performance.md`.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path as FilePath, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use bench::measure::{Plan, carry_out};
use bench::report::{Database, HEADING, Path};
use bench::stop::{Stopped, until_told};
use bench::{Outcome, ceiling, soak};
use clap::{Parser, Subcommand};

/// The temporary PostgreSQL of the integration tests.
#[path = "../../tests/it/kit/postgres.rs"]
#[expect(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    dead_code,
    reason = "it is a part of the tests, which fail loudly, and more than is needed here"
)]
mod postgres;

/// Measures the server against the ceiling.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Internal>,
    /// The server program; built from this workspace when not given.
    #[arg(long)]
    server: Option<PathBuf>,
    /// These databases only.
    #[arg(long, value_delimiter = ',', default_values = ["sqlite", "postgres"])]
    databases: Vec<String>,
    /// These paths only.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Path>,
    /// Length of a round in seconds.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Rounds, of which the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Keep-alive connections.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Tokens to introspect, families to rotate, codes to redeem in a round.
    #[arg(long, default_value_t = 10_000)]
    stock: usize,
    /// Servers that share the load on PostgreSQL. SQLite has one.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    replicas: u8,
    /// One short round of each: about a minute in all.
    #[arg(long)]
    quick: bool,
    /// Measure oidc-provider too, in the same run. Needs node and npm.
    #[arg(long)]
    peer: bool,
    /// Instead of measuring: a mixed load for so many minutes on each database, and
    /// whether anything grows.
    #[arg(long, value_name = "MINUTES")]
    soak: Option<f64>,
    /// What is done in a second of a soak.
    #[arg(long, default_value_t = 150)]
    rate: u32,
    /// Print JSON at the end instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Internal {
    /// Serve as the ceiling.
    #[command(hide = true)]
    Ceiling {
        #[arg(long)]
        address: SocketAddr,
        #[arg(long)]
        jwks: PathBuf,
        #[arg(long)]
        discovery: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            drop(writeln!(io::stderr(), "{problem}"));
            match problem.downcast_ref::<Stopped>() {
                Some(stopped) => ExitCode::from(stopped.status),
                None => ExitCode::FAILURE,
            }
        }
    }
}

fn run(arguments: Arguments) -> Outcome<()> {
    if let Some(Internal::Ceiling { address, jwks, discovery }) = arguments.command {
        return ceiling::serve(address, std::fs::read(jwks)?, std::fs::read(discovery)?);
    }
    // One thread: the generator shares the processors with what it measures.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let program = match &arguments.server {
        Some(program) => program.canonicalize()?,
        None => built()?,
    };
    runtime.block_on(until_told(async {
        match arguments.soak {
            Some(minutes) => soaked(arguments, program, minutes).await,
            None => measured(arguments, program).await,
        }
    }))
}

fn show(line: impl Display) {
    drop(writeln!(io::stdout(), "{line}"));
}

async fn soaked(arguments: Arguments, program: PathBuf, minutes: f64) -> Outcome<()> {
    let mut wrong = false;
    for (database, dsns) in databases(&arguments.databases).await? {
        let folder = tempfile::tempdir()?;
        show(format!("{database}, {} acts a second", arguments.rate));
        show(soak::sample::heading());
        let plan = soak::Plan {
            program: program.clone(),
            folder: folder.path().to_owned(),
            dsn: dsns.into_iter().next(),
            rate: arguments.rate,
            time: Duration::try_from_secs_f64(minutes * 60.0)?,
            every: Duration::from_secs(60),
        };
        let samples = soak::carry_out(plan, |sample| show(sample)).await?;
        let findings = soak::verdict::of(&samples);
        findings.iter().for_each(show);
        wrong |= findings.iter().any(|finding| !finding.fine);
    }
    match wrong {
        true => Err("something grows, is too large or was answered wrongly".into()),
        false => Ok(()),
    }
}

async fn measured(arguments: Arguments, program: PathBuf) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let quick = arguments.quick;
    let plan = Plan {
        program,
        folder: folder.path().to_owned(),
        databases: databases(&arguments.databases).await?,
        only: arguments.only,
        connections: arguments.connections,
        replicas: usize::from(arguments.replicas),
        rounds: if quick { 1 } else { arguments.rounds },
        round: Duration::try_from_secs_f64(if quick { 1.0 } else { arguments.seconds })?,
        peer: arguments.peer.then(|| root().join("bench/peers/oidc-provider")),
        stock: if quick { arguments.stock.min(2000) } else { arguments.stock },
    };
    let myself = std::env::current_exe()?;
    let ceiling = || {
        let mut command = Command::new(&myself);
        command.arg("ceiling");
        command
    };
    let live = !arguments.json;
    if live {
        show(HEADING);
    }
    let report = carry_out(plan, Some(&ceiling), |row| {
        if live {
            show(row);
        }
    })
    .await?;
    if live {
        report.processes.iter().for_each(show);
    } else {
        show(serde_json::to_string_pretty(&report)?);
    }
    Ok(())
}

async fn databases(names: &[String]) -> Outcome<Vec<(Database, Vec<String>)>> {
    let mut databases = Vec::new();
    for name in names {
        databases.push(match name.as_str() {
            "sqlite" => (Database::Sqlite, Vec::new()),
            "postgres" => {
                let mut dsns = Vec::new();
                for _ in 0..3 {
                    dsns.push(postgres::fresh_database().await.to_string());
                }
                // A token is on the disk before it leaves, here as there.
                postgres::durable().await;
                (Database::Postgres, dsns)
            }
            other => return Err(format!("no database '{other}': sqlite or postgres").into()),
        });
    }
    Ok(databases)
}

/// The folder of the workspace.
fn root() -> PathBuf {
    FilePath::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Builds the server for release, as it is shipped.
fn built() -> Outcome<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    let arguments = ["build", "--release", "--locked", "--package", "authserver"];
    let status = cargo.current_dir(root()).args(arguments).status()?;
    if !status.success() {
        return Err("the server cannot be built".into());
    }
    // Where this program is decides where the other one is.
    let mine = std::env::current_exe()?;
    let target = mine.parent().and_then(FilePath::parent).ok_or("this program is nowhere")?;
    Ok(target.join("release").join("authserver"))
}
