//! `authserver admin data reencrypt`: step after step, until nothing is left to be sealed again.
//!
//! On the store itself it needs no keepers, which do not start while there is a row that does not
//! open; this is the command that says which.

use std::io::{self, IsTerminal as _};

use actors::audit::Origin;
use actors::runtime::Environment;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio::runtime::Handle;

use super::{CliError, output};
use crate::admin::Unfinished;
use crate::administration::system::{EncryptionView, Reencrypted, SealedRow, reencrypt_in};
use crate::app::open_migrated;
use crate::config::Config;

/// What was done.
#[derive(Debug, Serialize)]
struct Report {
    /// Rows that were sealed again.
    changed: u64,
    /// Rows that could not be.
    failures: Vec<SealedRow>,
    /// How everything is sealed now.
    encryption: EncryptionView,
}

/// On the configured store.
pub(super) async fn here(
    json: bool,
    config: Config,
    environment: Environment,
    io: Handle,
) -> Result<(), CliError> {
    let store = open_migrated(&config, io).await?;
    let operator = super::admin::OPERATOR;
    let step = async || {
        let done = reencrypt_in(&store, &config, operator, &Origin::local(), &environment).await;
        Ok(done.map_err(Unfinished::from)?)
    };
    let outcome = to_the_end(step, json).await;
    store.close().await;
    outcome
}

/// Repeats `step` for as long as there is more to do, and shows what came of it.
pub(super) async fn to_the_end(
    mut step: impl AsyncFnMut() -> Result<Reencrypted, CliError>,
    json: bool,
) -> Result<(), CliError> {
    let bar = bar(json);
    let mut changed = 0;
    let last = loop {
        let done = step().await?;
        changed += done.changed;
        bar.set_length(done.encryption.tables.iter().map(|table| table.rows).sum());
        bar.set_position(done.encryption.tables.iter().map(|table| table.current).sum());
        if !done.more {
            break done;
        }
    };
    bar.finish_and_clear();
    let Reencrypted { failures, encryption, .. } = last;
    show(&Report { changed, failures, encryption }, json)
}

/// How far it is, for a person at a terminal.
fn bar(json: bool) -> ProgressBar {
    if json || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let looks = ProgressStyle::with_template("{wide_bar} {pos} of {len} rows");
    ProgressBar::new(0).with_style(looks.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(report: &Report, json: bool) -> Result<(), CliError> {
    if json {
        output::json(report)?;
    } else {
        let rows = report.encryption.tables.iter().map(|table| {
            let figures = [table.rows, table.current, table.old, table.other];
            let figures = figures.iter().map(ToString::to_string);
            std::iter::once(table.table.clone()).chain(figures).collect()
        });
        output::table(&["TABLE", "ROWS", "CURRENT KEY", "OLD KEY", "OTHER"], rows.collect())?;
        output::line(&format!("{} rows were sealed again.", report.changed))?;
    }
    if !report.encryption.done {
        return Err(CliError::Unwell(unsealed(report)));
    }
    if !json {
        output::line(match report.encryption.old_key {
            Some(_) => {
                "Everything is sealed with the current master key. Once every server has it as \
                 data_encryption.aes_master.key_env, leave old_key_env out everywhere."
            }
            None => "Everything is sealed with the current master key.",
        })?;
    }
    Ok(())
}

/// What is left, row by row as far as it is known.
fn unsealed(report: &Report) -> String {
    let named = report.failures.iter().map(|row| format!("\n- {}", row.reason));
    format!(
        "not everything is sealed with the current master key. Keep the one before, and restore or \
         remove what does not open; servers do not start with it:{}",
        named.collect::<String>()
    )
}
