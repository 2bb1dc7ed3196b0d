//! What readers hold of the secrets.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use protocol::secret_ring::RingKeys;

use crate::last_look::LastLook;

/// The keys that are derived from the ring, for anyone, at any time, without a lock.
#[derive(Clone)]
pub struct SecretRingView(Arc<Shown>);

struct Shown {
    keys: ArcSwap<RingKeys>,
    /// When the ring was last looked at.
    seen_at: LastLook,
}

impl SecretRingView {
    pub(super) fn showing(keys: RingKeys, at: DateTime<Utc>) -> SecretRingView {
        let (keys, seen_at) = (ArcSwap::from_pointee(keys), LastLook::at(at));
        SecretRingView(Arc::new(Shown { keys, seen_at }))
    }

    /// Whether nobody could look at the ring for longer than secrets are announced ahead: another
    /// replica may make things with one that is not known here.
    #[must_use]
    pub fn is_stale(&self, now: DateTime<Utc>) -> bool {
        self.0.seen_at.is_stale(now)
    }

    /// The keys of this moment.
    #[must_use]
    pub fn current(&self) -> Arc<RingKeys> {
        self.0.keys.load_full()
    }

    /// Shows what `other` shows at this moment.
    pub(super) fn adopt(&self, other: &SecretRingView) {
        self.0.keys.store(other.current());
        self.0.seen_at.adopt(&other.0.seen_at);
    }

    pub(super) fn publish(&self, keys: RingKeys, seen_at: DateTime<Utc>) {
        self.0.keys.store(Arc::new(keys));
        self.0.seen_at.note(seen_at);
    }
}

impl fmt::Debug for SecretRingView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretRingView(…)")
    }
}
