//! The same again and again: in place on a terminal, otherwise one block after the other.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use actors::runtime::Environment;
use chrono::{DateTime, Utc};
use serde_json::json;

use super::super::{CliError, output};
use super::screen::{self, Looks};
use super::{ask, first_line, unanswered};
use crate::admin::{Remote, Unfinished};
use crate::administration::system::Status;

/// Clears a terminal and begins at its top. What it showed before stays in its history.
const AFRESH: &str = "\x1b[H\x1b[2J";

/// Shows how the server is until somebody presses Ctrl-C. A server that is away is waited for;
/// one that refuses the key is not.
pub(super) async fn watch(
    server: &Remote,
    every: Duration,
    environment: &Environment,
    looks: Looks,
    in_place: bool,
) -> Result<(), CliError> {
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    let mut seen = Seen::default();
    loop {
        let Some(answer) = unless(&mut interrupted, ask(server)).await else { return Ok(()) };
        match answer {
            Ok(status) => {
                seen.silent = None;
                seen.last = Some(status);
            }
            Err(error) if may_pass(&error) => {
                let why = first_line(&error.to_string()).to_owned();
                let since = seen.silent.take().map_or_else(|| environment.now(), |it| it.0);
                seen.silent = Some((since, why));
            }
            Err(error) => return Err(unanswered(error)),
        }
        seen.show(looks, in_place)?;
        let pause = environment.wait(every);
        if unless(&mut interrupted, pause).await.is_none() {
            return Ok(());
        }
    }
}

/// What `work` comes to, unless there is an interruption first.
async fn unless<T>(
    interrupted: impl Future<Output = std::io::Result<()>>,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        // Where nobody can listen for it, it ends the process.
        Ok(()) = interrupted => None,
        outcome = work => Some(outcome),
    }
}

/// Whether the server may answer again by itself.
fn may_pass(error: &Unfinished) -> bool {
    match error {
        Unfinished::Unreachable(_) => true,
        Unfinished::Refused(problem) | Unfinished::Failed { problem, .. } => {
            problem.status == 429 || problem.status >= 500
        }
    }
}

/// What there is to show.
#[derive(Default)]
struct Seen {
    last: Option<Status>,
    /// Since when there has been no answer, and why.
    silent: Option<(DateTime<Utc>, String)>,
}

impl Seen {
    fn show(&self, looks: Looks, in_place: bool) -> Result<(), CliError> {
        if looks.json {
            let line = match (&self.silent, &self.last) {
                (Some((since, why)), _) => json!({ "no_answer_since": since, "why": why }),
                (None, last) => json!(last),
            };
            return Ok(output::line(&line.to_string())?);
        }
        let mut text = String::new();
        if in_place {
            text.push_str(AFRESH);
        }
        if let Some((since, why)) = &self.silent {
            text.push_str(&screen::silence(*since, why, looks));
        }
        // One that does not redraw has what came before above.
        if let Some(status) = self.last.as_ref().filter(|_| in_place || self.silent.is_none()) {
            if self.silent.is_some() {
                text.push_str("What it said last:\n\n");
            }
            text.push_str(&screen::of(status, looks));
        }
        if !in_place {
            text.push('\n');
        }
        Ok(output::text(&text)?)
    }
}
