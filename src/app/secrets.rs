//! The keys of the installation, derived once at boot.

use std::fmt;

use actors::keys::{KeyFileError, KeyFiles};
use actors::runtime::Environment;
use protocol::refresh_token::RefreshTokenKey;
use protocol::secret::{AdminKey, HashKey, Purpose, RootSecret};

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
    admin: HashKey,
    /// Tells this installation's root secret from another's.
    pub(super) fingerprint: [u8; 32],
}

impl Secrets {
    /// Derives the keys.
    ///
    /// # Errors
    /// When the root secret cannot be read or made.
    pub fn derive(
        config: &Config,
        files: &KeyFiles,
        environment: &Environment,
    ) -> Result<Secrets, KeyFileError> {
        let root = files.root_secret(environment.random_bytes())?;
        let given = |secret: &Option<crate::config::Secret>| {
            secret
                .as_ref()
                .map_or_else(|| root.clone(), |secret| RootSecret::from_text(secret.expose()))
        };
        let (pepper, session) =
            (given(&config.client_secret_pepper), given(&config.session.secret));
        Ok(Secrets {
            client_secret: pepper.key_for(Purpose::ClientSecret),
            code: root.key_for(Purpose::AuthorizationCode),
            refresh_token: RefreshTokenKey::new(root.key_for(Purpose::RefreshToken)),
            cookie: session.key_for(Purpose::Cookie),
            csrf: session.key_for(Purpose::Csrf),
            admin: root.key_for(Purpose::AdminKey),
            fingerprint: root.key_for(Purpose::Fingerprint).hash(b"root secret"),
        })
    }
}

/// Who may use the admin surface.
#[derive(Clone)]
pub struct AdminAccess {
    hash_key: HashKey,
    expected: [u8; 32],
}

impl AdminAccess {
    /// The configured key, or the one made at first boot. The second half is the key
    /// in the clear when it was made just now: the only time it can be shown.
    ///
    /// # Errors
    /// When its hash cannot be read or written.
    pub fn establish(
        config: &Config,
        files: &KeyFiles,
        secrets: &Secrets,
        environment: &Environment,
    ) -> Result<(AdminAccess, Option<AdminKey>), KeyFileError> {
        let hash_key = secrets.admin.clone();
        if let Some(key) = &config.admin.api_key {
            let expected = hash_key.hash(key.expose().as_bytes());
            return Ok((AdminAccess { hash_key, expected }, None));
        }
        let fresh = AdminKey::from_random(environment.random_bytes());
        let fresh_hash = fresh.hash(&hash_key);
        let expected = files.admin_key_hash(fresh_hash)?;
        let made = (expected == fresh_hash).then_some(fresh);
        Ok((AdminAccess { hash_key, expected }, made))
    }

    /// Whether `key` is the key; takes the same time either way.
    #[must_use]
    pub fn admits(&self, key: &str) -> bool {
        self.hash_key.verify(key.as_bytes(), &self.expected)
    }
}

impl fmt::Debug for AdminAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminAccess(…)")
    }
}
