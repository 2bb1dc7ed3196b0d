//! Sweeps what is of no use any more, a little at a time, one replica at a time; and counts
//! what is there, each replica for its own metrics.

mod census;
mod retention;
mod rounds;
mod sweeper;
mod turn;

use std::time::Duration;

use entities::{Store, StoreError, sweep_turn};
use tokio::time::Instant;

use crate::runtime::{Ask, Desk, Environment, Keeper, Letter, Receive};

pub use retention::Retention;
pub use rounds::{Counted, Rounds};
pub use sweeper::{Chore, Step, Sweeper};

use turn::{Beginning, Turn};

/// How often there is a round.
const EVERY: Duration = Duration::from_secs(60);
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

/// "How did sweeping go?", of every replica's last turn.
#[derive(Debug, Clone, Copy)]
pub struct ListTurns;

impl Ask for ListTurns {
    /// The latest first.
    type Reply = Result<Vec<sweep_turn::Model>, StoreError>;
}

/// Replicas that are told of at most.
const REPLICAS: u64 = 100;

/// Owns the sweeping.
#[derive(Debug)]
pub struct Janitor {
    store: Store,
    environment: Environment,
    sweeper: Sweeper,
    replica: String,
    rounds: Rounds,
    ticks: u64,
    busy: bool,
}

impl Janitor {
    /// A keeper over `store`, of the replica of that name. It tells `rounds` of what it does.
    #[must_use]
    pub fn new(
        store: Store,
        environment: Environment,
        retention: Retention,
        replica: String,
        rounds: Rounds,
    ) -> Janitor {
        let sweeper = Sweeper::new(store.clone(), environment.clone(), retention);
        Janitor { store, environment, sweeper, replica, rounds, ticks: 0, busy: false }
    }
}

/// Does every chore for a while. After each step the others may use the database for as
/// long as the step took.
async fn at_leisure(mut sweeper: Sweeper) -> (Sweeper, Turn) {
    let begun = Instant::now();
    let mut turn = Turn::default();
    for chore in Chore::all() {
        for step in 1.. {
            if begun.elapsed() > AT_IT_FOR {
                turn.cut_short = true;
                return (sweeper, turn);
            }
            let step_begun = Instant::now();
            let more = turn.step(&mut sweeper, chore).await;
            if turn.taken {
                return (sweeper, turn);
            }
            if !more {
                break;
            }
            if step == STEPS {
                turn.cut_short = true;
                break;
            }
            tokio::time::sleep(step_begun.elapsed()).await;
        }
    }
    (sweeper, turn)
}

/// How often somebody who cannot wait asks for the turn again, and how long between.
const PATIENCE: usize = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// Does every chore to its end. Others who are at it, the rounds at leisure among them, are
/// waited for a while; a chore that fails is reported when the others are done.
async fn all_there_is(mut sweeper: Sweeper) -> Turn {
    let (mut turn, mut waited) = (Turn::default(), 0);
    for chore in Chore::all() {
        while turn.step(&mut sweeper, chore).await || turn.taken {
            if turn.taken {
                if waited == PATIENCE {
                    return turn;
                }
                turn.taken = false;
                waited += 1;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    turn
}

impl Keeper for Janitor {
    const NAME: &'static str = "janitor";
    const CAPACITY: usize = 4;
    const TICK: Option<Duration> = Some(EVERY);

    fn tick(&mut self, desk: &mut Desk<'_, Self>) {
        self.rounds.expect_next(self.environment.after(EVERY));
        if self.busy {
            return;
        }
        self.busy = true;
        let now = self.environment.now();
        let census = census::take(self.store.clone(), now, self.ticks, self.rounds.clone());
        self.ticks += 1;
        desk.spawn(census, |_, (), _| {});
        let (store, environment) = (self.store.clone(), self.environment.clone());
        let beginning = Beginning::now(self.replica.clone(), &environment);
        let sweeper = self.sweeper.clone();
        let work = async move {
            let (sweeper, turn) = at_leisure(sweeper).await;
            beginning.keep(&turn, &store, &environment).await;
            (sweeper, turn.outcome())
        };
        desk.spawn(work, |janitor, (sweeper, outcome), desk| {
            janitor.busy = false;
            janitor.sweeper = sweeper;
            desk.note(&outcome);
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
        let (store, environment) = (self.store.clone(), self.environment.clone());
        let beginning = Beginning::now(self.replica.clone(), &environment);
        let work = async move {
            let turn = all_there_is(sweeper).await;
            beginning.keep(&turn, &store, &environment).await;
            turn.outcome()
        };
        desk.spawn(work, |_, outcome, _| answer.give(outcome));
    }
}

impl Receive<ListTurns> for Janitor {
    fn receive(&mut self, letter: Letter<ListTurns>, desk: &mut Desk<'_, Self>) {
        let Some((ListTurns, answer)) = letter.open() else { return };
        let turns = |db| async move { sweep_turn::latest(&db, REPLICAS).await };
        let store = self.store.clone();
        desk.spawn(async move { store.read(turns).await }, |_, outcome, _| answer.give(outcome));
    }
}
