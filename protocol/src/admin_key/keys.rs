//! The key pair of the installation, and minting with it.

use biscuit_auth::builder::{Algorithm, BiscuitBuilder, Fact, fact, string};
use biscuit_auth::datalog::SymbolTable;
use biscuit_auth::format::schema::public_key;
use biscuit_auth::{KeyPair, PublicKey, error};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::attenuate::until;
use super::{KeyName, MAX_LIFETIME_DAYS, MintedKey, Refusal, Rights, Signed, Verified, words};
use crate::secret_ring::Living;

/// Signs minted keys. Every process with the same root secret has the same.
pub struct RootKey(KeyPair);

/// Tells keys of this installation from others.
#[derive(Debug, Clone, Copy)]
pub struct RootPublicKey(pub(super) PublicKey);

/// The key pairs of the installation: one mints, and what the others minted is recognised while
/// it lasts.
#[derive(Debug)]
pub struct RootKeys(Living<RootKey>);

/// What a new key is to say.
#[derive(Debug, Clone)]
pub struct Minted {
    /// Names its row in the store.
    pub id: Uuid,
    /// Who it is for.
    pub name: KeyName,
    /// What it may do.
    pub rights: Rights,
    /// When it is minted.
    pub now: DateTime<Utc>,
    /// The first second it is no longer good.
    pub expires_at: DateTime<Utc>,
}

/// Why no key is minted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotMinted {
    /// It could do nothing.
    #[error("a key needs at least one right, for example clients:read")]
    NoRights,
    /// It would be expired already.
    #[error("a key must be good for some time: its end is not after now")]
    NoLifetime,
    /// It would be good for too long.
    #[error("a key is good for {MAX_LIFETIME_DAYS} days at most: mint another one before it ends")]
    TooLong,
    /// The Biscuit library refused.
    #[error("the key could not be built: {0}")]
    Biscuit(String),
}

impl From<error::Token> for NotMinted {
    fn from(error: error::Token) -> NotMinted {
        NotMinted::Biscuit(error.to_string())
    }
}

impl RootKey {
    /// The key pair whose private half is `seed`; `None` would mean that the library takes
    /// no 32 bytes for an Ed25519 key.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Option<RootKey> {
        pair(seed).map(RootKey)
    }

    /// What verifies its signatures.
    #[must_use]
    pub fn public(&self) -> RootPublicKey {
        RootPublicKey(self.0.public())
    }

    /// A new key. `random` makes the key pair that its holder narrows it with.
    ///
    /// # Errors
    /// See [`NotMinted`].
    pub fn mint(&self, minted: &Minted, random: [u8; 32]) -> Result<MintedKey, NotMinted> {
        let Minted { id, name, rights, now, expires_at } = minted;
        if rights.is_empty() {
            return Err(NotMinted::NoRights);
        }
        if expires_at <= now {
            return Err(NotMinted::NoLifetime);
        }
        if *expires_at - *now > TimeDelta::days(MAX_LIFETIME_DAYS) {
            return Err(NotMinted::TooLong);
        }
        let random = Zeroizing::new(random);
        let next = pair(&random).ok_or_else(|| NotMinted::Biscuit("no key pair".to_owned()))?;
        let mut block = BiscuitBuilder::new()
            .fact(fact(words::KEY, &[string(&id.to_string())]))?
            .fact(fact(words::NAME, &[string(name.as_str())]))?;
        for right in rights.iter() {
            block = block.fact(right_fact(right.area.as_str(), right.verb.as_str()))?;
        }
        let biscuit = block.check(until(*expires_at))?.build_with_key_pair(
            &self.0,
            SymbolTable::new(),
            &next,
        )?;
        Ok(MintedKey::from_bytes(&biscuit.to_vec()?))
    }
}

impl RootKeys {
    /// Uses `pairs`, which are for nothing else.
    #[must_use]
    pub fn new(pairs: impl Into<Living<RootKey>>) -> RootKeys {
        RootKeys(pairs.into())
    }

    /// A new key of the pair that mints. As [`RootKey::mint`].
    ///
    /// # Errors
    /// See [`NotMinted`].
    pub fn mint(&self, minted: &Minted, random: [u8; 32]) -> Result<MintedKey, NotMinted> {
        self.0.active().mint(minted, random)
    }

    /// Whether `key` is ours, by any of the pairs.
    ///
    /// # Errors
    /// See [`Refusal`]; never one that is about the time or about rights.
    pub fn recognise(&self, key: &MintedKey) -> Result<Signed, Refusal> {
        let mut recognised = Err(Refusal::BadSignature);
        for pair in self.0.iter() {
            recognised = pair.public().recognise(key);
            // What cannot be read is not read by another key either.
            if !matches!(recognised, Err(Refusal::BadSignature)) {
                break;
            }
        }
        recognised
    }

    /// What `key` may do at `now`.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn verify(&self, key: &MintedKey, now: DateTime<Utc>) -> Result<Verified, Refusal> {
        self.recognise(key)?.good_at(now)
    }
}

fn right_fact(area: &str, verb: &str) -> Fact {
    fact(words::RIGHT, &[string(area), string(verb)])
}

/// The Ed25519 key pair of 32 bytes.
pub(super) fn pair(seed: &[u8; 32]) -> Option<KeyPair> {
    KeyPair::from_bytes(seed, public_key::Algorithm::from(Algorithm::Ed25519)).ok()
}

impl std::fmt::Debug for RootKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RootKey(…)")
    }
}
