//! When somebody last looked at what is changed by others as well.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};

/// What changes is announced by so much ahead, and looked at every few seconds. Who could not
/// look for so long may lack what others use by now, and has to say that it is not ready.
pub(crate) const MARGIN: Duration = Duration::from_secs(60);

/// In milliseconds since 1970.
pub(crate) struct LastLook(AtomicI64);

impl LastLook {
    pub(crate) fn at(at: DateTime<Utc>) -> LastLook {
        LastLook(AtomicI64::new(at.timestamp_millis()))
    }

    pub(crate) fn note(&self, at: DateTime<Utc>) {
        self.0.store(at.timestamp_millis(), Ordering::Relaxed);
    }

    pub(crate) fn adopt(&self, other: &LastLook) {
        self.0.store(other.0.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Whether that is longer ago than [`MARGIN`].
    pub(crate) fn is_stale(&self, now: DateTime<Utc>) -> bool {
        let unseen = now.timestamp_millis() - self.0.load(Ordering::Relaxed);
        u128::try_from(unseen).is_ok_and(|unseen| unseen > MARGIN.as_millis())
    }
}
