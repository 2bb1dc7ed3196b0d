//! `authserver purge`: what the janitor of a server does at leisure, done now and to the
//! end. Each step is a short transaction, so that a server beside it goes on working, and
//! stopping in between loses nothing. Whoever interrupts it lets the step at hand end: it would
//! be committed all the same, and the report would not know of it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::rc::Rc;
use std::time::Duration;

use actors::janitor::{Chore, Step, Sweeper};
use actors::runtime::Environment;
use clap::Args;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::{CliError, output};
use crate::app::{BootError, open_migrated, retention};
use crate::config::{Config, parse_duration};

/// How long to wait for another process that sweeps.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a person at a terminal hears how far it is.
const NEWS: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct Purge {
    /// Sweep these tables only, separated by commas.
    #[arg(long, value_name = "TABLES", value_delimiter = ',', value_parser = chore)]
    only: Vec<Chore>,
    /// Stop after this long, for example 10m; what is left waits for the next time.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What was done.
#[derive(Debug, Serialize)]
struct Report {
    /// Whether nothing is left.
    finished: bool,
    /// Rows that went, by table.
    swept: BTreeMap<&'static str, u64>,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .ok_or_else(|| "write a duration with its unit, such as 30s or 10m".to_owned())
}

fn chore(word: &str) -> Result<Chore, String> {
    Chore::all().find(|chore| chore.as_str() == word).ok_or_else(|| {
        let known: Vec<&str> = Chore::all().map(Chore::as_str).collect();
        format!("no such table; use {}", known.join(", "))
    })
}

/// Sweeps until nothing is left, the time is up, or somebody presses Ctrl-C.
pub(super) async fn purge(
    purge: Purge,
    config: Config,
    environment: Environment,
    io: Handle,
) -> Result<(), CliError> {
    let store = open_migrated(&config, io).await?;
    let sweeper = Sweeper::new(store.clone(), environment, retention(&config));
    let mut report = Report { finished: false, swept: BTreeMap::new() };
    let interrupted = Rc::new(Cell::new(false));
    let heard = Rc::clone(&interrupted);
    actix_rt::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            heard.set(true);
        }
    });
    let swept = sweep(sweeper, &purge, &interrupted, &mut report).await;
    store.close().await;
    show(&report, purge.json)?;
    swept?;
    match interrupted.get() && !report.finished {
        true => Err(CliError::Stopped(
            "stopped. What was swept is gone, the rest is as it was; run it again to go on."
                .to_owned(),
        )),
        false => Ok(()),
    }
}

async fn sweep(
    mut sweeper: Sweeper,
    purge: &Purge,
    interrupted: &Cell<bool>,
    report: &mut Report,
) -> Result<(), CliError> {
    let (begun, mut told) = (Instant::now(), Instant::now());
    let limit = purge.timeout.unwrap_or(Duration::MAX);
    let wanted = Chore::all().filter(|it| purge.only.is_empty() || purge.only.contains(it));
    for chore in wanted {
        loop {
            if interrupted.get() || begun.elapsed() >= limit {
                return Ok(());
            }
            let step = sweeper.step(chore).await.map_err(BootError::from)?;
            let rows = report.swept.entry(chore.as_str()).or_default();
            match step {
                Step::Swept(more) => *rows += more,
                Step::Last(more) => {
                    *rows += more;
                    break;
                }
                Step::Taken => tokio::time::sleep(PAUSE).await,
            }
            if told.elapsed() >= NEWS && !purge.json && io::stderr().is_terminal() {
                told = Instant::now();
                // Where nobody listens, nothing is lost.
                drop(writeln!(io::stderr().lock(), "{}: {rows} rows so far", chore.as_str()));
            }
        }
    }
    report.finished = true;
    Ok(())
}

fn show(report: &Report, json: bool) -> Result<(), CliError> {
    if json {
        return Ok(output::json(report)?);
    }
    let rows = report.swept.iter().map(|(table, rows)| vec![(*table).to_owned(), rows.to_string()]);
    output::table(&["TABLE", "ROWS SWEPT"], rows.collect())?;
    if !report.finished {
        output::line("Not finished: there may be more to sweep. Run it again to go on.")?;
    }
    Ok(())
}
