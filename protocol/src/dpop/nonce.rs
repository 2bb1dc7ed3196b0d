//! Nonces for proofs (RFC 9449 §8), which nobody has to remember: a nonce is the slot of
//! time it was made in, and a MAC over it. Every replica with the same key makes and
//! accepts the same ones, and no request causes a write.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};

use crate::secret::HashKey;
use crate::secret_ring::Living;

const SLOT: usize = 8;
const MAC: usize = 16;

/// Makes and recognises nonces.
#[derive(Debug, Clone)]
pub struct NonceKey {
    keys: Living<HashKey>,
    /// Seconds.
    ttl: i64,
}

impl NonceKey {
    /// Uses `keys`, which are for nothing else. A nonce counts for at least `ttl`, and for
    /// less than twice as long.
    #[must_use]
    pub fn new(keys: impl Into<Living<HashKey>>, ttl: TimeDelta) -> NonceKey {
        NonceKey { keys: keys.into(), ttl: ttl.num_seconds().max(1) }
    }

    /// The nonce of this time.
    #[must_use]
    pub fn nonce(&self, now: DateTime<Utc>) -> String {
        self.of(self.slot(now), self.keys.active())
    }

    /// Whether `nonce` is one of ours, of this time or the one before. One of the next is
    /// accepted too: it comes from a replica whose clock is a little ahead.
    #[must_use]
    pub fn accepts(&self, nonce: &str, now: DateTime<Utc>) -> bool {
        if nonce.len() != (SLOT + MAC) * 4 / 3 {
            return false;
        }
        let current = self.slot(now);
        let Some(slot) = URL_SAFE_NO_PAD
            .decode(nonce)
            .ok()
            .and_then(|bytes| Some(i64::from_be_bytes(bytes.get(..SLOT)?.try_into().ok()?)))
        else {
            return false;
        };
        (current.saturating_sub(1)..=current.saturating_add(1)).contains(&slot)
            && self.keys.iter().any(|key| {
                subtle::ConstantTimeEq::ct_eq(self.of(slot, key).as_bytes(), nonce.as_bytes())
                    .into()
            })
    }

    fn slot(&self, now: DateTime<Utc>) -> i64 {
        now.timestamp().div_euclid(self.ttl)
    }

    fn of(&self, slot: i64, key: &HashKey) -> String {
        let mut bytes = [0; SLOT + MAC];
        bytes[..SLOT].copy_from_slice(&slot.to_be_bytes());
        let mac = key.hash(&bytes[..SLOT]);
        bytes[SLOT..].copy_from_slice(&mac[..MAC]);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}
