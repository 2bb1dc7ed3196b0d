//! What can be seen of a keeper from outside, without asking it.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

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
    /// Why it died or could not start last, if it ever did. Never holds secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// Written by shell and supervisor, read by anyone.
pub(super) struct Pulse {
    born: Instant,
    unresponsive_after: Duration,
    beat_at_ms: AtomicU64,
    pub(super) restarts: AtomicU64,
    state: Mutex<(KeeperState, Option<String>)>,
}

impl Pulse {
    pub(super) fn new(unresponsive_after: Duration) -> Pulse {
        Pulse {
            born: Instant::now(),
            unresponsive_after,
            beat_at_ms: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
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
        if error.is_some() {
            held.1 = error;
        }
    }

    pub(super) fn read(&self) -> (KeeperState, Option<String>) {
        let (state, error) = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let beat = Duration::from_millis(self.beat_at_ms.load(Ordering::Relaxed));
        let silent_for = self.born.elapsed().saturating_sub(beat);
        if state == KeeperState::Up && silent_for > self.unresponsive_after {
            return (KeeperState::Unresponsive, error);
        }
        (state, error)
    }
}
