//! The public keys of a client or another server (RFC 7517 §5).

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::compact::Compact;
use super::verifying_key::{JwkRefusal, ProofAlgorithm, VerifyingKey};

/// Most keys in a set.
pub const MAX_KEYS: usize = 32;
/// Most keys that one signature is tried with, those of the name that it gives before those
/// without a name: a signature of nobody's must not cost a verification for each key.
const MAX_TRIES: usize = 8;

/// Why a document is no set of keys that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetRefusal {
    /// No JSON object with an array `keys` that has 1 to [`MAX_KEYS`] entries.
    #[error("it must be a JSON object with a member keys, an array of 1 to {MAX_KEYS} keys")]
    Shape,
    /// One of them is private or symmetric.
    #[error("key {0} cannot stay: {reason}", reason = JwkRefusal::Secret)]
    Secret(usize),
    /// None of them can verify a signature; this is what is wrong with the first.
    #[error("none of the keys can be used; of key 1: {0}")]
    Useless(JwkRefusal),
}

/// Why no key of a set stands behind a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureRefusal {
    /// The set has no key of that name, or the signature names none. A newer set may.
    #[error("no key of the client fits this signature")]
    UnknownKey,
    /// The named key is there, and this is not its signature.
    #[error("the signature is not that key's")]
    WrongSignature,
}

/// Keys that verify signatures. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: Arc<[VerifyingKey]>,
}

impl KeySet {
    /// Reads a JWK set. Keys that are of no use here are left out (RFC 7517 §5); one
    /// that is secret refuses the set.
    ///
    /// # Errors
    /// See [`KeySetRefusal`].
    pub fn parse(document: &Value) -> Result<KeySet, KeySetRefusal> {
        let (set, left_out) = KeySet::read(document)?;
        set.is_of_use(left_out)?;
        Ok(set)
    }

    /// Whether there is a key, when `left_out` is why there might be none.
    fn is_of_use(&self, left_out: Option<JwkRefusal>) -> Result<(), KeySetRefusal> {
        match left_out {
            Some(refusal) if self.keys.is_empty() => Err(KeySetRefusal::Useless(refusal)),
            _ => Ok(()),
        }
    }

    /// The set, perhaps without any key, and what is wrong with the first that is left out.
    fn read(document: &Value) -> Result<(KeySet, Option<JwkRefusal>), KeySetRefusal> {
        let listed = document.get("keys").and_then(Value::as_array).ok_or(KeySetRefusal::Shape)?;
        if !(1..=MAX_KEYS).contains(&listed.len()) {
            return Err(KeySetRefusal::Shape);
        }
        let (mut keys, mut left_out) = (Vec::new(), None);
        for (index, jwk) in listed.iter().enumerate() {
            match VerifyingKey::from_jwk(jwk) {
                Ok(key) => keys.push(key),
                Err(JwkRefusal::Secret) => return Err(KeySetRefusal::Secret(index + 1)),
                Err(refusal) => left_out = left_out.or(Some(refusal)),
            }
        }
        Ok((KeySet { keys: keys.into() }, left_out))
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// About how many bytes it takes up in memory.
    #[must_use]
    pub fn footprint(&self) -> usize {
        self.keys.iter().map(VerifyingKey::footprint).sum()
    }

    /// Whether a key of this set can verify what is signed with `algorithm`.
    #[must_use]
    pub fn has_one_for(&self, algorithm: ProofAlgorithm) -> bool {
        self.keys.iter().any(|key| key.fits(algorithm))
    }

    /// Whether a key of this set signed `token`. A key without a name of its own is
    /// tried for any name.
    ///
    /// # Errors
    /// See [`SignatureRefusal`].
    pub fn verify(&self, token: &Compact) -> Result<(), SignatureRefusal> {
        let wanted = token.header().kid.as_deref();
        let fitting = || self.keys.iter().filter(|key| key.fits(token.algorithm()));
        let of_the_name = fitting().filter(|key| wanted.is_some() && key.kid() == wanted);
        let of_no_other = fitting().filter(|key| wanted.is_none() || key.kid().is_none());
        let mut named = false;
        for key in of_the_name.chain(of_no_other).take(MAX_TRIES) {
            if token.is_signed_by(key) {
                return Ok(());
            }
            named |= wanted.is_some() && key.kid() == wanted;
        }
        Err(if named { SignatureRefusal::WrongSignature } else { SignatureRefusal::UnknownKey })
    }
}

/// A set that a client registered by value: as it was written, and as it is used.
#[derive(Debug, Clone)]
pub struct RegisteredKeys {
    document: Value,
    keys: KeySet,
    left_out: Option<JwkRefusal>,
}

impl RegisteredKeys {
    /// Takes a set at registration.
    ///
    /// # Errors
    /// [`KeySetRefusal`]; a set of keys that are merely of no use here is taken, see
    /// [`RegisteredKeys::usable`].
    pub fn parse(document: &Value) -> Result<RegisteredKeys, KeySetRefusal> {
        let (keys, left_out) = KeySet::read(document)?;
        Ok(RegisteredKeys { document: document.clone(), keys, left_out })
    }

    /// The keys, when there is at least one that can verify a signature.
    ///
    /// # Errors
    /// [`KeySetRefusal::Useless`], with what is wrong with the first.
    pub fn usable(&self) -> Result<&KeySet, KeySetRefusal> {
        self.keys.is_of_use(self.left_out)?;
        Ok(&self.keys)
    }

    /// The keys, of which there may be none.
    #[must_use]
    pub fn keys(&self) -> &KeySet {
        &self.keys
    }
}

impl PartialEq for RegisteredKeys {
    fn eq(&self, other: &RegisteredKeys) -> bool {
        self.document == other.document
    }
}

impl Eq for RegisteredKeys {}

impl Serialize for RegisteredKeys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.document.serialize(serializer)
    }
}

/// From the store. What was registered under earlier rules and would be refused now is
/// kept and verifies nothing; it must not make the client unreadable.
impl<'de> Deserialize<'de> for RegisteredKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RegisteredKeys, D::Error> {
        let document = Value::deserialize(deserializer)?;
        let (keys, left_out) = KeySet::read(&document).unwrap_or_default();
        Ok(RegisteredKeys { document, keys, left_out })
    }
}

#[cfg(test)]
#[path = "key_set_tests.rs"]
mod tests;
