//! What is derived from a ring, purpose by purpose.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Living, SecretRing};
use crate::admin_key::{MAX_LIFETIME_DAYS, RootKey, RootKeys};
use crate::agreement::{TICKET_LIFETIME, TicketKey};
use crate::dpop::NonceKey;
use crate::known_browser::KNOWN_FOR_DAYS;
use crate::refresh_token::RefreshTokenKey;
use crate::secret::{HashKey, Purpose, RootSecret};

/// How long the form of a page may be open until the secret that made its token was relieved
/// and is forgotten; it can be loaded again.
const FORM_LIFETIME: TimeDelta = TimeDelta::days(1);

/// What the keys depend on beside the ring.
#[derive(Debug, Clone)]
pub struct Derivation {
    /// The operator's own secret for cookies and forms: those do not depend on the ring then.
    pub cookies: Option<RootSecret>,
    /// How long a nonce counts at least.
    pub nonce_ttl: TimeDelta,
    /// How long a refresh family can last.
    pub longest_family: TimeDelta,
}

impl Derivation {
    /// How long anything lasts that is made with a secret.
    #[must_use]
    pub fn longest(&self) -> TimeDelta {
        let days = TimeDelta::days(KNOWN_FOR_DAYS.max(MAX_LIFETIME_DAYS));
        self.longest_family.max(days)
    }
}

/// The keys of a ring at a moment.
#[derive(Debug)]
pub struct RingKeys {
    /// Refresh tokens.
    pub refresh_token: RefreshTokenKey,
    /// Form tokens.
    pub csrf: Living<HashKey>,
    /// Marks of people in browsers that know them.
    pub known_browser: Living<HashKey>,
    /// Nonces for DPoP proofs.
    pub dpop_nonce: NonceKey,
    /// Tickets to the page on which people agree to exchanges.
    pub agreement: TicketKey,
    /// Minted admin keys.
    pub minted_admin_keys: RootKeys,
}

impl RingKeys {
    /// The keys of `ring` at `now`; `None` would mean that the Biscuit library takes no 32 bytes
    /// for an Ed25519 key.
    #[must_use]
    pub fn derive(ring: &SecretRing, with: &Derivation, now: DateTime<Utc>) -> Option<RingKeys> {
        let keys = |purpose: Purpose, lasting| {
            ring.living(lasting, now, |secret: &RootSecret| secret.key_for(purpose))
        };
        let cookies = |purpose, lasting| match &with.cookies {
            Some(given) => Living::from(given.key_for(purpose)),
            None => keys(purpose, lasting),
        };
        let pairs = ring.living(TimeDelta::days(MAX_LIFETIME_DAYS), now, |secret| {
            RootKey::from_seed(&secret.seed_for(Purpose::MintedAdminKeys))
        });
        // A nonce counts for less than twice its time.
        let nonce_lifetime = with.nonce_ttl.checked_mul(2).unwrap_or(TimeDelta::MAX);
        let nonces = keys(Purpose::DpopNonce, nonce_lifetime);
        Some(RingKeys {
            refresh_token: RefreshTokenKey::new(keys(Purpose::RefreshToken, with.longest_family)),
            csrf: cookies(Purpose::Csrf, FORM_LIFETIME),
            known_browser: cookies(Purpose::Cookie, TimeDelta::days(KNOWN_FOR_DAYS)),
            dpop_nonce: NonceKey::new(nonces, with.nonce_ttl),
            agreement: TicketKey::new(keys(Purpose::Agreement, TICKET_LIFETIME)),
            minted_admin_keys: RootKeys::new(pairs.all_made()?),
        })
    }
}
