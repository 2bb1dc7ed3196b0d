//! Sweeps what is of no use any more, a little at a time, one replica at a time; and counts
//! what is there, each replica for its own metrics.

mod census;
mod retention;
mod sweeper;

use std::time::Duration;

use entities::{Store, StoreError};
use tokio::time::Instant;

use crate::runtime::{Ask, Desk, Environment, Keeper, Letter, Receive};

pub use retention::Retention;
pub use sweeper::{Chore, Step, Sweeper};

/// How long the janitor is at it each minute at most. What is left waits for the next:
/// more expires in a minute than can be swept in one only while a backlog is worked off.
const AT_IT_FOR: Duration = Duration::from_secs(30);
/// Steps after which a chore that goes on and on lets the others have their turn.
const STEPS: usize = 200;

/// "Sweep all there is now", for tests and for the operator who cannot wait.
#[derive(Debug, Clone, Copy)]
pub struct SweepNow;

impl Ask for SweepNow {
    /// How many rows went.
    type Reply = Result<u64, StoreError>;
}

/// Owns the sweeping.
#[derive(Debug)]
pub struct Janitor {
    store: Store,
    environment: Environment,
    sweeper: Sweeper,
    ticks: u64,
    busy: bool,
}

impl Janitor {
    /// A keeper over `store`.
    #[must_use]
    pub fn new(store: Store, environment: Environment, retention: Retention) -> Janitor {
        let sweeper = Sweeper::new(store.clone(), environment.clone(), retention);
        Janitor { store, environment, sweeper, ticks: 0, busy: false }
    }
}

/// Does every chore for a while. After each step the others may use the database for as
/// long as the step took. A chore that fails keeps none of the others from being done.
async fn at_leisure(mut sweeper: Sweeper) -> (Sweeper, Result<u64, StoreError>) {
    let begun = Instant::now();
    let mut swept = 0;
    let mut failed = None;
    for chore in Chore::all() {
        for _ in 0..STEPS {
            if begun.elapsed() > AT_IT_FOR {
                return (sweeper, failed.map_or(Ok(swept), Err));
            }
            let step_begun = Instant::now();
            match sweeper.step(chore).await {
                Ok(Step::Swept(rows)) => swept += rows,
                Ok(Step::Last(rows)) => {
                    swept += rows;
                    break;
                }
                Ok(Step::Taken) => return (sweeper, failed.map_or(Ok(swept), Err)),
                Err(error) => {
                    failed.get_or_insert(error);
                    break;
                }
            }
            tokio::time::sleep(step_begun.elapsed()).await;
        }
    }
    (sweeper, failed.map_or(Ok(swept), Err))
}

/// How often somebody who cannot wait asks for the turn again, and how long between.
const PATIENCE: usize = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// Does every chore to its end. Others who are at it, the rounds at leisure among them, are
/// waited for a while; a chore that fails is reported when the others are done.
async fn all_there_is(mut sweeper: Sweeper) -> Result<u64, StoreError> {
    let (mut swept, mut waited) = (0, 0);
    let mut failed = None;
    for chore in Chore::all() {
        loop {
            match sweeper.step(chore).await {
                Ok(Step::Swept(rows)) => swept += rows,
                Ok(Step::Last(rows)) => {
                    swept += rows;
                    break;
                }
                Ok(Step::Taken) if waited < PATIENCE => {
                    waited += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Ok(Step::Taken) => return failed.map_or(Ok(swept), Err),
                Err(error) => {
                    failed.get_or_insert(error);
                    break;
                }
            }
        }
    }
    failed.map_or(Ok(swept), Err)
}

impl Keeper for Janitor {
    const NAME: &'static str = "janitor";
    const CAPACITY: usize = 4;
    const TICK: Option<Duration> = Some(Duration::from_secs(60));

    fn tick(&mut self, desk: &mut Desk<'_, Self>) {
        if self.busy {
            return;
        }
        self.busy = true;
        let census = census::take(self.store.clone(), self.environment.now(), self.ticks);
        self.ticks += 1;
        desk.spawn(census, |_, (), _| {});
        desk.spawn(at_leisure(self.sweeper.clone()), |janitor, (sweeper, outcome), _| {
            janitor.busy = false;
            janitor.sweeper = sweeper;
            match outcome {
                Ok(0) => {}
                Ok(rows) => tracing::debug!(rows, "swept what was of no use any more"),
                Err(error) => tracing::warn!(%error, "sweeping failed; it is tried again"),
            }
        });
    }
}

impl Receive<SweepNow> for Janitor {
    fn receive(&mut self, letter: Letter<SweepNow>, desk: &mut Desk<'_, Self>) {
        let Some((SweepNow, answer)) = letter.open() else { return };
        // From the first client on, wherever the round at leisure is.
        let sweeper = self.sweeper.afresh();
        desk.spawn(all_there_is(sweeper), |_, outcome, _| answer.give(outcome));
    }
}
