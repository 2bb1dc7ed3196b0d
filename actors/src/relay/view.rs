//! What operators see of the relay.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};

/// Whether this process hears what others change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayState {
    /// It does.
    Up,
    /// It does not, and goes by the database instead of its memory.
    Down,
    /// There are no others: SQLite has one server.
    InProcess,
}

impl RelayState {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            RelayState::Up => "up",
            RelayState::Down => "down",
            RelayState::InProcess => "in_process",
        }
    }
}

/// How the relay is.
#[derive(Debug, Clone)]
pub struct RelayStatus {
    /// Whether it listens.
    pub state: RelayState,
    /// Since when.
    pub since: DateTime<Utc>,
    /// How long news takes, as of the last heartbeat.
    pub lag: Option<Duration>,
    /// How often a lost connection was replaced since the process started.
    pub reconnects: u64,
    /// Why the connection was lost, or could not be had, last. Never holds secrets.
    pub last_error: Option<String>,
}

/// The status for readers; cheap to clone.
#[derive(Debug, Clone)]
pub struct RelayView(Arc<ArcSwap<RelayStatus>>);

impl RelayView {
    pub(crate) fn not_yet(now: DateTime<Utc>) -> RelayView {
        let status = RelayStatus {
            state: RelayState::Down,
            since: now,
            lag: None,
            reconnects: 0,
            last_error: None,
        };
        RelayView(Arc::new(ArcSwap::from_pointee(status)))
    }

    /// How it is at this moment.
    #[must_use]
    pub fn status(&self) -> Arc<RelayStatus> {
        self.0.load_full()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut RelayStatus)) {
        let mut status = RelayStatus::clone(&self.0.load());
        change(&mut status);
        self.0.store(Arc::new(status));
    }

    pub(super) fn is_now(&self, state: RelayState, now: DateTime<Utc>) {
        self.change(|status| {
            if status.state != state {
                (status.state, status.since, status.lag) = (state, now, None);
            }
        });
    }
}
