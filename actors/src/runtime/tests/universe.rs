//! A world for one test: a household, a clock that only the test moves, and a check
//! on the way out that every keeper and its thread is gone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::clerk::{Book, Clerk};
use crate::runtime::{
    Environment, Handle, Household, KeeperHealth, KeeperState, Restart, RestartPolicy,
    ShutdownReport, SystemRandom, TestClock,
};

/// How long anything in these tests may take before it counts as not happening.
const PATIENCE: Duration = Duration::from_secs(5);

/// Restarts quickly, and often enough for every story.
pub(super) const QUICK: RestartPolicy = RestartPolicy {
    first_pause: Duration::from_millis(1),
    longest_pause: Duration::from_millis(5),
    budget: 20,
    window: Duration::from_secs(300),
};

pub(super) struct Universe {
    pub(super) clock: TestClock,
    pub(super) household: Household,
    /// What the clerks have written, over all their lives.
    pub(super) book: Book,
    restarts: Arc<Mutex<Vec<Restart>>>,
    /// Keepers that must end [`KeeperState::Failed`].
    given_up: Vec<&'static str>,
}

/// Tells `story` in a universe of its own.
pub(super) fn in_a_universe(story: impl AsyncFnOnce(&mut Universe)) {
    in_a_universe_under(QUICK, story);
}

/// Like [`in_a_universe`], with a restart policy.
pub(super) fn in_a_universe_under(policy: RestartPolicy, story: impl AsyncFnOnce(&mut Universe)) {
    actix_rt::System::new().block_on(async {
        let mut universe = Universe::under(policy);
        story(&mut universe).await;
        universe.end().await;
    });
}

pub(super) fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

/// Waits for something that happens on another thread.
pub(super) async fn eventually(what: &str, happened: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !happened() {
        assert!(tokio::time::Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

impl Universe {
    fn under(policy: RestartPolicy) -> Universe {
        let clock = TestClock::starting_at(noon());
        let environment = Environment::new(Arc::new(clock.clone()), Arc::new(SystemRandom));
        let household = Household::new(environment, policy);
        let restarts = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&restarts);
        household.on_restart(move |restart| heard.lock().unwrap().push(restart));
        Universe { clock, household, book: Book::default(), restarts, given_up: Vec::new() }
    }

    /// Hires a clerk with this many places.
    pub(super) async fn clerk<const PLACES: usize>(&mut self) -> Handle<Clerk<PLACES>> {
        self.clerk_called("clerk").await
    }

    pub(super) async fn clerk_called<const PLACES: usize>(
        &mut self,
        name: &str,
    ) -> Handle<Clerk<PLACES>> {
        let book = self.book.clone();
        self.household
            .supervise_shard(name.to_owned(), move || {
                let clerk = Clerk::writing_in(book.clone());
                Box::pin(async { Ok(clerk) })
            })
            .await
            .unwrap()
    }

    /// The health of the keeper that was started first.
    pub(super) fn health(&self) -> KeeperHealth {
        self.household.health().remove(0)
    }

    /// The places taken with the keeper that was started first.
    pub(super) fn depth(&self) -> usize {
        self.health().mailbox_depth
    }

    pub(super) async fn until_depth_is(&self, depth: usize) {
        eventually(&format!("{depth} places taken"), || self.depth() == depth).await;
    }

    /// The reasons of the restarts the listener has heard of.
    pub(super) fn restarts_heard(&self) -> Vec<String> {
        let heard = self.restarts.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().map(|restart| restart.reason.clone()).collect()
    }

    /// This keeper must be out of restarts in the end.
    pub(super) fn expect_given_up(&mut self, keeper: &'static str) {
        self.given_up.push(keeper);
    }

    /// Shuts down, and waits until the threads of all keepers have ended.
    pub(super) async fn shut_down(&self, patience: Duration) -> ShutdownReport {
        let threads = self.household.arbiters();
        let report = self.household.shut_down(patience).await;
        eventually("every thread ends", || threads.iter().all(|thread| !thread.alive())).await;
        report
    }

    async fn end(self) {
        let report = self.shut_down(PATIENCE).await;
        assert_eq!(report.unfinished, [""; 0], "keepers with unfinished work");
        assert!(self.household.arbiters().is_empty(), "threads that nobody stopped");
        for keeper in self.household.health() {
            let name = &keeper.keeper;
            let expected = match self.given_up.contains(&name.as_str()) {
                true => KeeperState::Failed,
                false => KeeperState::Stopped,
            };
            assert_eq!(keeper.state, expected, "{name}");
            assert_eq!(keeper.mailbox_depth, 0, "{name} still has work");
        }
        let writers = self.book.writers();
        assert_eq!(writers, 0, "clerks that are still somewhere");
    }
}
