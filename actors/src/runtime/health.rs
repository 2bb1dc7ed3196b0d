//! What can be seen of a keeper from outside, without asking it.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::time::Instant;

use super::{Environment, Outcome};

/// How closely keepers are watched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vigilance {
    /// How often the supervisor asks "are you there?".
    pub(super) heartbeat_every: Duration,
    /// A keeper that has not moved its pulse for this long is unresponsive.
    pub(super) unresponsive_after: Duration,
}

impl Default for Vigilance {
    fn default() -> Vigilance {
        Vigilance {
            heartbeat_every: Duration::from_secs(1),
            unresponsive_after: Duration::from_secs(5),
        }
    }
}

/// Where a keeper is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeeperState {
    /// Being built for the first time.
    Starting,
    /// Running, and its pulse moves.
    Up,
    /// Running, but its pulse has stopped: something in it blocks.
    Unresponsive,
    /// Died; the supervisor is building a new one.
    Restarting,
    /// Out of restarts: only a restart of the process brings it back.
    Failed,
    /// Stopped in the course of a shutdown.
    Stopped,
}

impl KeeperState {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            KeeperState::Starting => "starting",
            KeeperState::Up => "up",
            KeeperState::Unresponsive => "unresponsive",
            KeeperState::Restarting => "restarting",
            KeeperState::Failed => "failed",
            KeeperState::Stopped => "stopped",
        }
    }
}

/// One line of `/health` and of `authserver status`.
#[derive(Debug, Clone, Serialize)]
pub struct KeeperHealth {
    /// The keeper's name; shards carry their number.
    pub keeper: String,
    /// Where it is in its life.
    pub state: KeeperState,
    /// Messages waiting or being worked on.
    pub mailbox_depth: usize,
    /// How many it takes on before it answers `Busy`.
    pub mailbox_capacity: usize,
    /// How often it has been rebuilt since the process started.
    pub restarts: u64,
    /// When it last did well what it was asked or what was due, to the second or so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_success: Option<DateTime<Utc>>,
    /// Why it died, could not start, or could not do its work last, if that ever was. Never
    /// holds secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<Mishap>,
}

/// Something that went wrong in a keeper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mishap {
    /// What.
    pub what: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// As much of an error as is kept, in bytes: databases quote statements.
const TELLS: usize = 300;

impl Mishap {
    fn new(mut what: String, at: DateTime<Utc>) -> Mishap {
        if what.len() > TELLS {
            what.truncate(what.floor_char_boundary(TELLS));
            what.push('…');
        }
        Mishap { what, at }
    }
}

/// Written by shell and supervisor, read by anyone.
pub(super) struct Pulse {
    environment: Environment,
    born: Instant,
    unresponsive_after: Duration,
    beat_at_ms: AtomicU64,
    /// Messages waiting or being worked on.
    pub(super) depth: AtomicUsize,
    pub(super) restarts: AtomicU64,
    /// Something was done well since this was last looked at.
    did_well: AtomicBool,
    /// When that last was, in milliseconds since 1970; 0 is never.
    did_well_at_ms: AtomicI64,
    state: Mutex<(KeeperState, Option<Mishap>)>,
}

impl Pulse {
    pub(super) fn new(unresponsive_after: Duration, environment: Environment) -> Pulse {
        Pulse {
            environment,
            born: Instant::now(),
            unresponsive_after,
            beat_at_ms: AtomicU64::new(0),
            depth: AtomicUsize::new(0),
            restarts: AtomicU64::new(0),
            did_well: AtomicBool::new(false),
            did_well_at_ms: AtomicI64::new(0),
            state: Mutex::new((KeeperState::Starting, None)),
        }
    }

    pub(super) fn beat(&self) {
        let now = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat_at_ms.store(now, Ordering::Relaxed);
    }

    pub(super) fn set(&self, state: KeeperState, error: Option<String>) {
        let mut held = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        held.0 = state;
        if let Some(error) = error {
            held.1 = Some(Mishap::new(error, self.environment.now()));
        }
    }

    /// Takes down how a message or tick went. Each of them comes through here, so what goes
    /// well costs no look at a clock: [`Pulse::last_success`] has that.
    pub(super) fn note(&self, outcome: &impl Outcome) {
        match outcome.mishap() {
            None => {
                if !self.did_well.load(Ordering::Relaxed) {
                    self.did_well.store(true, Ordering::Relaxed);
                }
            }
            Some(mishap) => {
                let mishap = Mishap::new(mishap, self.environment.now());
                self.state.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(mishap);
            }
        }
    }

    /// When something last went well: exact to how often this is asked, which the supervisor
    /// does with each heartbeat.
    pub(super) fn last_success(&self) -> Option<DateTime<Utc>> {
        if self.did_well.swap(false, Ordering::Relaxed) {
            let now = self.environment.now().timestamp_millis();
            self.did_well_at_ms.store(now, Ordering::Relaxed);
        }
        let at = self.did_well_at_ms.load(Ordering::Relaxed);
        DateTime::from_timestamp_millis(at).filter(|_| at != 0)
    }

    pub(super) fn read(&self) -> (KeeperState, Option<Mishap>) {
        let (state, error) = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let beat = Duration::from_millis(self.beat_at_ms.load(Ordering::Relaxed));
        let silent_for = self.born.elapsed().saturating_sub(beat);
        if state == KeeperState::Up && silent_for > self.unresponsive_after {
            return (KeeperState::Unresponsive, error);
        }
        (state, error)
    }
}
