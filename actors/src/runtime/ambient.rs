//! Time and randomness, passed in so that tests can move the one and fix the other.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use rand::Rng as _;
use uuid::Uuid;

/// The server's only source of wall-clock time.
///
/// Times are whole milliseconds: both databases keep them exactly, so a value
/// read back equals the value written.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;
    /// Resolves once `pause` has passed on this clock.
    fn wait(&self, pause: Duration) -> BoxFuture<'static, ()>;
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> DateTime<Utc> {
        let since_epoch = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        let millis = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    fn wait(&self, pause: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(pause))
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug, Clone)]
pub struct TestClock {
    now: tokio::sync::watch::Sender<DateTime<Utc>>,
}

impl TestClock {
    /// A clock that shows `start` until [`TestClock::advance`] is called.
    #[must_use]
    pub fn starting_at(start: DateTime<Utc>) -> TestClock {
        TestClock { now: tokio::sync::watch::Sender::new(start) }
    }

    /// Moves the clock forward; everyone whose wait is over wakes up.
    pub fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now = later(*now, by));
    }

    /// Moves the clock back, as a correction of a machine's clock does. Who waits goes on
    /// waiting for the moment it waits for.
    pub fn step_back(&self, by: Duration) {
        self.now.send_modify(|now| *now -= TimeDelta::from_std(by).unwrap_or(TimeDelta::zero()));
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        *self.now.borrow()
    }

    fn wait(&self, pause: Duration) -> BoxFuture<'static, ()> {
        let mut now = self.now.subscribe();
        let until = later(*now.borrow(), pause);
        Box::pin(async move {
            // The sender lives as long as the clock; if it is gone, nobody can
            // move time any more and the wait never ends.
            if now.wait_for(|now| *now >= until).await.is_err() {
                futures::future::pending::<()>().await;
            }
        })
    }
}

/// `moment` plus `pause`, at most the end of time.
fn later(moment: DateTime<Utc>, pause: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(pause)
        .ok()
        .and_then(|pause| moment.checked_add_signed(pause))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The server's only source of randomness.
pub trait Random: Send + Sync + fmt::Debug {
    /// Fills `bytes` with unpredictable data.
    fn fill(&self, bytes: &mut [u8]);

    /// Fills `bytes` with what distinguishes ids, which are no secrets. There are several for each
    /// request, so a source may be chosen that is faster.
    fn fill_id(&self, bytes: &mut [u8]) {
        self.fill(bytes);
    }
}

/// The operating system's random source.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        // A machine that cannot give randomness cannot make a secret. Stopping
        // this one request is right: a guessable token is worse than none.
        #[expect(clippy::disallowed_methods, reason = "the one place that draws randomness")]
        let drawn = getrandom::fill(bytes);
        #[expect(clippy::panic, reason = "no secret may ever be made without randomness")]
        if let Err(error) = drawn {
            panic!("the operating system gives no randomness: {error}");
        }
    }

    /// A generator of each thread, which the operating system seeds again and again: a call into
    /// the kernel for each id is a twentieth of what a document costs.
    fn fill_id(&self, bytes: &mut [u8]) {
        #[expect(clippy::disallowed_methods, reason = "the one place that draws randomness")]
        rand::rng().fill_bytes(bytes);
    }
}

/// What a keeper may know of the world: time and randomness.
#[derive(Clone, Debug)]
pub struct Environment {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Environment {
    /// An environment over the given clock and random source.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Environment {
        Environment { clock, random }
    }

    /// The machine's own clock and random source.
    #[must_use]
    pub fn system() -> Environment {
        Environment::new(Arc::new(SystemClock), Arc::new(SystemRandom))
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The moment `lifetime` from now, at most the end of time.
    #[must_use]
    pub fn after(&self, lifetime: Duration) -> DateTime<Utc> {
        later(self.now(), lifetime)
    }

    /// Resolves once `pause` has passed on this environment's clock.
    pub fn wait(&self, pause: Duration) -> BoxFuture<'static, ()> {
        self.clock.wait(pause)
    }

    /// `N` unpredictable bytes.
    #[must_use]
    pub fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }

    /// A fresh UUIDv7 (RFC 9562 §5.7): sorts by creation, so that indexes on it
    /// grow at one end.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        let millis = u64::try_from(self.now().timestamp_millis()).unwrap_or(0);
        let mut random = [0; 10];
        self.random.fill_id(&mut random);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}
