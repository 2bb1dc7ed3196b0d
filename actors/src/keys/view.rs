//! What readers hold of the keys.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use protocol::jose::{AccessTokenClaims, KeyRing, TokenRefusal};

use crate::last_look::LastLook;

/// Tokens whose signature is remembered at most; some megabytes.
const REMEMBERED: u64 = 20_000;
/// A token that nobody shows for so long is forgotten.
const IDLE: Duration = Duration::from_secs(15 * 60);

/// A token, by SHA-256 of every byte of it.
type Fingerprint = [u8; 32];

/// A ring, and the tokens that were found to be signed by it. They go with it: what a
/// dropped key signed is checked against the keys that are left.
struct Snapshot {
    ring: Arc<KeyRing>,
    recognised: moka::sync::Cache<Fingerprint, Arc<AccessTokenClaims>>,
}

impl Snapshot {
    fn of(ring: KeyRing) -> Snapshot {
        let recognised = moka::sync::Cache::builder().max_capacity(REMEMBERED).time_to_idle(IDLE);
        Snapshot { ring: Arc::new(ring), recognised: recognised.build() }
    }
}

/// The current key ring, for anyone, at any time, without a lock.
#[derive(Clone)]
pub struct KeyRingView(Arc<Shown>);

struct Shown {
    snapshot: ArcSwap<Snapshot>,
    /// When the keys were last looked at.
    seen_at: LastLook,
}

impl KeyRingView {
    pub(super) fn showing(ring: KeyRing, at: DateTime<Utc>) -> KeyRingView {
        KeyRingView(Arc::new(Shown {
            snapshot: ArcSwap::from_pointee(Snapshot::of(ring)),
            seen_at: LastLook::at(at),
        }))
    }

    /// Whether nobody could look at the keys for longer than the margin by which they are
    /// published ahead: another replica may sign with one that is not in this ring.
    #[must_use]
    pub fn is_stale(&self, now: DateTime<Utc>) -> bool {
        self.0.seen_at.is_stale(now)
    }

    /// Notes when the keys were looked at.
    pub(super) fn seen_at(&self, at: DateTime<Utc>) {
        self.0.seen_at.note(at);
    }

    /// The ring of this moment.
    #[must_use]
    pub fn current(&self) -> Arc<KeyRing> {
        Arc::clone(&self.0.snapshot.load().ring)
    }

    /// The claims of `token` when it is ours and has not expired, as
    /// [`AccessTokenClaims::recognise`] says. A signature is checked once for a token
    /// and a ring, the rest each time.
    ///
    /// # Errors
    /// See [`TokenRefusal`].
    pub fn recognise(
        &self,
        token: &str,
        issuer: &str,
        now: DateTime<Utc>,
    ) -> Result<Arc<AccessTokenClaims>, TokenRefusal> {
        let snapshot = self.0.snapshot.load();
        let mut fingerprint = Fingerprint::default();
        fingerprint.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        if let Some(claims) = snapshot.recognised.get(&fingerprint) {
            claims.check(issuer, now)?;
            return Ok(claims);
        }
        let claims = AccessTokenClaims::recognise(token, &snapshot.ring, issuer, now)?;
        let claims = Arc::new(claims);
        snapshot.recognised.insert(fingerprint, Arc::clone(&claims));
        Ok(claims)
    }

    /// Shows what `other` shows at this moment.
    pub(super) fn adopt(&self, other: &KeyRingView) {
        self.0.snapshot.store(other.0.snapshot.load_full());
        self.0.seen_at.adopt(&other.0.seen_at);
    }

    pub(super) fn publish(&self, ring: KeyRing) {
        self.0.snapshot.store(Arc::new(Snapshot::of(ring)));
    }
}

impl fmt::Debug for KeyRingView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyRingView").field(&self.current()).finish()
    }
}
