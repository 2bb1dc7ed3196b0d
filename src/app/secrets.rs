//! The keys of the installation that never change, derived once at boot. Those that do are in the
//! [ring](protocol::secret_ring).

use chrono::TimeDelta;
use protocol::secret::{HashKey, Purpose, RootSecret};
use protocol::secret_ring::Derivation;

use super::settings::longest_family;

use crate::config::Config;

/// Keys derived from the root secret beside the signing keys, or from what the
/// operator configured in its place.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// Keyed hashes of client secrets.
    pub client_secret: HashKey,
    /// Keyed hashes of authorization codes.
    pub code: HashKey,
    /// Keyed hashes of cookies.
    pub cookie: HashKey,
    pub(crate) admin: HashKey,
    /// What the keys of the ring depend on beside it.
    pub(super) ring: Derivation,
    /// Tells this installation's root secret from another's.
    pub(super) fingerprint: [u8; 32],
}

impl Secrets {
    /// Derives the keys.
    #[must_use]
    pub fn derive(config: &Config, root: &RootSecret) -> Secrets {
        let given = |secret: &Option<crate::config::Secret>| {
            secret.as_ref().map(|secret| RootSecret::from_text(secret.expose()))
        };
        let (pepper, cookies) =
            (given(&config.client_secret_pepper), given(&config.session.secret));
        let of =
            |given: &Option<RootSecret>, purpose| given.as_ref().unwrap_or(root).key_for(purpose);
        Secrets {
            client_secret: of(&pepper, Purpose::ClientSecret),
            code: root.key_for(Purpose::AuthorizationCode),
            cookie: of(&cookies, Purpose::Cookie),
            admin: root.key_for(Purpose::AdminKey),
            ring: Derivation {
                cookies,
                nonce_ttl: TimeDelta::from_std(config.dpop.nonce_ttl).unwrap_or(TimeDelta::MAX),
                longest_family: TimeDelta::from_std(longest_family(config))
                    .unwrap_or(TimeDelta::MAX),
            },
            fingerprint: root.fingerprint(),
        }
    }
}
