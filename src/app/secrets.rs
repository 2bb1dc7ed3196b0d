//! The keys of the installation, derived once at boot.

use std::sync::Arc;

use actors::keys::KeyStoreError;
use chrono::TimeDelta;
use protocol::admin_key::RootKey;
use protocol::agreement::TicketKey;
use protocol::dpop::NonceKey;
use protocol::refresh_token::RefreshTokenKey;
use protocol::secret::{HashKey, Purpose, RootSecret};

use crate::config::Config;

/// Keys derived from the root secret beside the signing keys, or from what the
/// operator configured in its place.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// Keyed hashes of client secrets.
    pub client_secret: HashKey,
    /// Keyed hashes of authorization codes.
    pub code: HashKey,
    /// Refresh tokens.
    pub refresh_token: RefreshTokenKey,
    /// Keyed hashes of cookies.
    pub cookie: HashKey,
    /// Form tokens.
    pub csrf: HashKey,
    /// Nonces for DPoP proofs.
    pub dpop_nonce: NonceKey,
    /// Tickets to the page on which people agree to exchanges.
    pub agreement: TicketKey,
    /// Signs minted admin keys.
    pub minted_admin_keys: Arc<RootKey>,
    pub(super) admin: HashKey,
    /// Tells this installation's root secret from another's.
    pub(super) fingerprint: [u8; 32],
}

impl Secrets {
    /// Derives the keys.
    ///
    /// # Errors
    /// When the root secret is of no use.
    pub fn derive(config: &Config, root: &RootSecret) -> Result<Secrets, KeyStoreError> {
        let given = |secret: &Option<crate::config::Secret>| {
            secret
                .as_ref()
                .map_or_else(|| root.clone(), |secret| RootSecret::from_text(secret.expose()))
        };
        let nonce_ttl = TimeDelta::from_std(config.dpop.nonce_ttl).unwrap_or(TimeDelta::MAX);
        let seed = root.seed_for(Purpose::MintedAdminKeys);
        let minted_admin_keys = RootKey::from_seed(&seed).ok_or(KeyStoreError::AdminKeyPair)?;
        let (pepper, session) =
            (given(&config.client_secret_pepper), given(&config.session.secret));
        Ok(Secrets {
            client_secret: pepper.key_for(Purpose::ClientSecret),
            code: root.key_for(Purpose::AuthorizationCode),
            refresh_token: RefreshTokenKey::new(root.key_for(Purpose::RefreshToken)),
            cookie: session.key_for(Purpose::Cookie),
            csrf: session.key_for(Purpose::Csrf),
            dpop_nonce: NonceKey::new(root.key_for(Purpose::DpopNonce), nonce_ttl),
            agreement: TicketKey::new(root.key_for(Purpose::Agreement)),
            minted_admin_keys: Arc::new(minted_admin_keys),
            admin: root.key_for(Purpose::AdminKey),
            fingerprint: root.fingerprint(),
        })
    }
}
