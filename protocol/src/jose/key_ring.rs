//! The keys of one moment: which signs, which verify, what is published.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::SigningKey;

/// Where a key is in its life. A key that is `gone` is in no ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Published, so that every verifier has it before it signs.
    Next,
    /// Signs.
    Active,
    /// Signs no more; verifies until the last token it signed has expired.
    Retired,
}

impl KeyState {
    /// The word of the admin API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            KeyState::Next => "next",
            KeyState::Active => "active",
            KeyState::Retired => "retired",
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A key and its state.
#[derive(Debug, Clone)]
pub struct PublishedKey {
    /// The key.
    pub key: Arc<SigningKey>,
    /// Where it is in its life.
    pub state: KeyState,
}

/// A ring without an active key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no active signing key")]
pub struct NoSigningKey;

/// An immutable snapshot of all published keys. Readers hold it without a lock.
#[derive(Debug)]
pub struct KeyRing {
    active: Arc<SigningKey>,
    by_kid: HashMap<String, Arc<SigningKey>>,
    states: Vec<PublishedKey>,
    jwks: String,
    etag: String,
}

impl KeyRing {
    /// A ring of these keys; the first active one signs. The JWKS document and its
    /// strong `ETag` are made once, here.
    ///
    /// # Errors
    /// [`NoSigningKey`] when none is active.
    pub fn new(keys: Vec<PublishedKey>) -> Result<KeyRing, NoSigningKey> {
        let active = keys
            .iter()
            .find(|published| published.state == KeyState::Active)
            .map(|published| Arc::clone(&published.key))
            .ok_or(NoSigningKey)?;
        let public: Vec<_> = keys.iter().map(|published| published.key.public_jwk()).collect();
        let jwks = serde_json::json!({ "keys": public }).to_string();
        let etag = entity_tag(&jwks);
        let by_kid = keys
            .iter()
            .map(|published| (published.key.kid().to_owned(), Arc::clone(&published.key)))
            .collect();
        Ok(KeyRing { active, by_kid, states: keys, jwks, etag })
    }

    /// The key that signs.
    #[must_use]
    pub fn signing_key(&self) -> &SigningKey {
        &self.active
    }

    /// The key with this `kid`, whatever its state.
    #[must_use]
    pub fn by_kid(&self, kid: &str) -> Option<&SigningKey> {
        self.by_kid.get(kid).map(Arc::as_ref)
    }

    /// All keys with their states.
    #[must_use]
    pub fn keys(&self) -> &[PublishedKey] {
        &self.states
    }

    /// The JWKS document (RFC 7517 §5).
    #[must_use]
    pub fn jwks(&self) -> &str {
        &self.jwks
    }

    /// The document's strong `ETag`, quotes included.
    #[must_use]
    pub fn etag(&self) -> &str {
        &self.etag
    }
}

/// The strong `ETag` of a document, quotes included (RFC 9110 §8.8.3).
#[must_use]
pub fn entity_tag(document: &str) -> String {
    let hash = digest::digest(&digest::SHA256, document.as_bytes());
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]))
}

#[cfg(test)]
#[path = "key_ring_tests.rs"]
mod tests;
