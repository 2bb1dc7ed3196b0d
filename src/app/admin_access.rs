//! Who may use the admin surface: whoever has the configured root key, and whoever has a minted
//! key that is good.

use std::fmt;

use actors::Keepers;
use actors::admin_keys::UseAdminKey;
use actors::keys::{KeyStore, KeyStoreError};
use actors::runtime::{AskError, Environment};
use chrono::{DateTime, Utc};
use entities::StoreError;
use protocol::admin_key::{MintedKey, Refusal, Rights};
use protocol::secret::{AdminKey, HashKey};

use super::Secrets;
use crate::config::Config;

/// The identity in the audit log of whoever has the configured key.
const ROOT: &str = "admin:root";

/// Tells good keys from others.
#[derive(Clone)]
pub struct AdminAccess {
    hash_key: HashKey,
    expected: [u8; 32],
}

/// Who was let in.
#[derive(Debug, Clone)]
pub struct Identity {
    /// What the audit log calls them.
    pub name: String,
    /// What they may do.
    pub rights: Rights,
    /// When their key ends, if it does.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What somebody may do, and until when.
#[derive(Debug, Clone)]
pub struct Powers {
    /// What.
    pub rights: Rights,
    /// When their key ends, if it does.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Powers {
    /// Everything, for ever: of the root key, and of whoever can reach the store itself.
    #[must_use]
    pub fn all() -> Powers {
        Powers { rights: Rights::all(), expires_at: None }
    }
}

/// Why somebody was not let in.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// It is neither the root key nor one that we minted.
    #[error("{0}")]
    Key(#[from] Refusal),
    /// It is one that we minted, and is good no more.
    #[error("the key of {}: {why}", minted.holder)]
    Minted {
        /// Whose it is.
        minted: Minted,
        /// Why it is refused.
        why: Withdrawn,
    },
    /// A keeper did not answer.
    #[error(transparent)]
    Keeper(#[from] AskError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A key that we minted, as it was presented.
#[derive(Debug, Clone)]
pub struct Minted {
    /// Whose it was before anybody narrowed it, as the audit log calls them.
    pub holder: String,
    /// What those who narrowed it call it.
    pub labels: String,
}

/// Why a key that we minted is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Withdrawn {
    /// By what it says itself.
    #[error("{0}")]
    Spent(Refusal),
    /// The database knows nothing of it.
    #[error("it has no row in admin_keys")]
    Unknown,
    /// It was revoked.
    #[error("it was revoked")]
    Revoked,
}

impl Withdrawn {
    /// One word for the log and the metric.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Withdrawn::Spent(refusal) => refusal.reason(),
            Withdrawn::Unknown => "unknown",
            Withdrawn::Revoked => "revoked",
        }
    }
}

impl Denied {
    /// One word for the log and the metric.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Denied::Key(refusal) => refusal.reason(),
            Denied::Minted { why, .. } => why.reason(),
            Denied::Keeper(_) | Denied::Store(_) => "unavailable",
        }
    }
}

impl Identity {
    /// Whoever has the configured key: may do everything.
    #[must_use]
    pub fn root() -> Identity {
        Identity { name: ROOT.to_owned(), rights: Rights::all(), expires_at: None }
    }

    /// What they may do, and until when.
    #[must_use]
    pub fn powers(&self) -> Powers {
        Powers { rights: self.rights.clone(), expires_at: self.expires_at }
    }
}

impl AdminAccess {
    /// The configured key, or the one made at first boot. The second half is the key
    /// in the clear when it was made just now: the only time it can be shown.
    ///
    /// # Errors
    /// When its hash cannot be read or written.
    pub async fn establish(
        config: &Config,
        keys: &KeyStore,
        secrets: &Secrets,
        environment: &Environment,
    ) -> Result<(AdminAccess, Option<AdminKey>), KeyStoreError> {
        let hash_key = secrets.admin.clone();
        if let Some(key) = &config.admin.api_key {
            let expected = hash_key.hash(key.expose().as_bytes());
            return Ok((AdminAccess { hash_key, expected }, None));
        }
        let fresh = AdminKey::from_random(environment.random_bytes());
        let fresh_hash = fresh.hash(&hash_key);
        let expected = keys.admin_key_hash(fresh_hash, environment).await?;
        let made = (expected == fresh_hash).then_some(fresh);
        Ok((AdminAccess { hash_key, expected }, made))
    }

    /// Whether `key` is the root key; takes the same time either way.
    #[must_use]
    fn admits(&self, key: &str) -> bool {
        self.hash_key.verify(key.as_bytes(), &self.expected)
    }

    /// Who has `presented`, and what they may do now.
    ///
    /// The root key is compared in constant time. A minted key is verified first, which costs
    /// the database nothing; then its row is read, each time, so that a revocation holds at once.
    ///
    /// # Errors
    /// See [`Denied`]. Whoever presented the key must not learn which it was.
    pub async fn authorize(
        &self,
        presented: &str,
        keepers: &Keepers,
        now: DateTime<Utc>,
    ) -> Result<Identity, Denied> {
        if self.admits(presented) {
            return Ok(Identity::root());
        }
        let key = MintedKey::presented(presented)?;
        let signed = keepers.secret_ring.current().minted_admin_keys.recognise(&key)?;
        let labels = signed.labels().map(ToString::to_string).collect::<Vec<_>>().join("/");
        let minted = Minted { holder: signed.minted_identity(), labels };
        let refused = |why| Denied::Minted { minted: minted.clone(), why };
        let verified = signed.good_at(now).map_err(|why| refused(Withdrawn::Spent(why)))?;
        let row = keepers.admin_keys.ask(UseAdminKey(verified.id)).await??;
        let row = row.ok_or_else(|| refused(Withdrawn::Unknown))?;
        if row.revoked_at.is_some() {
            return Err(refused(Withdrawn::Revoked));
        }
        // The row may end earlier than the signed key, never later.
        if row.expires_at <= now {
            return Err(refused(Withdrawn::Spent(Refusal::Expired)));
        }
        let expires_at = Some(verified.expires_at.min(row.expires_at));
        let (name, rights) = (verified.identity(), verified.rights);
        Ok(Identity { name, rights, expires_at })
    }
}

impl fmt::Debug for AdminAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminAccess(…)")
    }
}
