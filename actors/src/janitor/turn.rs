//! A turn at sweeping, and what is told of it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use entities::sweep_turn::{self, Swept};
use entities::{Store, StoreError};
use tokio::time::Instant;

use super::{Chore, Step, Sweeper};
use crate::runtime::Environment;

/// How long the last turn of a replica is told of. Who has had none since is gone.
const TOLD_FOR: TimeDelta = TimeDelta::days(1);

/// What became of the rows in one turn.
#[derive(Debug, Default)]
pub(super) struct Turn {
    swept: BTreeMap<String, u64>,
    /// Somebody else was at it.
    pub(super) taken: bool,
    /// Chores were left for the next turn.
    pub(super) cut_short: bool,
    failed: Option<StoreError>,
}

impl Turn {
    /// Does the next step of `chore`; whether there may be more of it to do.
    pub(super) async fn step(&mut self, sweeper: &mut Sweeper, chore: Chore) -> bool {
        let (rows, more) = match sweeper.step(chore).await {
            Ok(Step::Swept(rows)) => (rows, true),
            Ok(Step::Last(rows)) => (rows, false),
            Ok(Step::Taken) => {
                self.taken = true;
                (0, false)
            }
            // A chore that fails keeps none of the others from being done.
            Err(error) => {
                let error = error.about(chore.as_str());
                self.failed.get_or_insert(error);
                (0, false)
            }
        };
        if rows > 0 {
            *self.swept.entry(chore.as_str().to_owned()).or_default() += rows;
        }
        more
    }

    /// How many rows went in all, or what went wrong first.
    pub(super) fn outcome(&self) -> Result<u64, StoreError> {
        self.failed.clone().map_or_else(|| Ok(self.swept.values().sum()), Err)
    }

    /// Whether there is anything to tell: nobody else did all of it.
    fn is_ours(&self) -> bool {
        !self.taken || !self.swept.is_empty() || self.failed.is_some()
    }
}

/// Whose turn it is, and since when.
#[derive(Debug)]
pub(super) struct Beginning {
    replica: String,
    at: DateTime<Utc>,
    since: Instant,
}

impl Beginning {
    pub(super) fn now(replica: String, environment: &Environment) -> Beginning {
        Beginning { replica, at: environment.now(), since: Instant::now() }
    }

    /// Writes down, for all replicas to see, how `turn` went. If that fails the turn took
    /// place all the same.
    pub(super) async fn keep(self, turn: &Turn, store: &Store, environment: &Environment) {
        if !turn.is_ours() {
            return;
        }
        let ended_at = environment.now();
        let row = sweep_turn::Model {
            replica: self.replica,
            began_at: self.at,
            ended_at,
            took_ms: i64::try_from(self.since.elapsed().as_millis()).unwrap_or(i64::MAX),
            swept: Swept(turn.swept.clone()),
            finished: !turn.taken && !turn.cut_short && turn.failed.is_none(),
            error: turn.failed.as_ref().map(ToString::to_string),
        };
        let before = ended_at - TOLD_FOR;
        let kept = store.write(move |transaction| {
            Box::pin(async move { sweep_turn::keep(transaction, row, before).await })
        });
        if let Err(error) = kept.await {
            tracing::warn!(%error, "how the sweeping went could not be written down");
        }
    }
}
