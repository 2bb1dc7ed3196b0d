//! What may be used once: the `jti` of a client assertion (RFC 7523 §3), of a DPoP
//! proof (RFC 9449 §11.1).
//!
//! A use is known by a hash over what it is for and what names it, so that all of them
//! take the same room however long their names are, and none of one purpose can be
//! taken for one of another.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use chrono::{DateTime, Utc};

/// What is used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A client's assertion about itself: by client and `jti`.
    ClientAssertion,
    /// A DPoP proof: by key thumbprint, `htu` and `jti`.
    DpopProof,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Purpose::ClientAssertion => b"client-assertion",
            Purpose::DpopProof => b"dpop-proof",
        }
    }
}

/// One use, and how long it has to be remembered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OneTimeUse {
    /// SHA-256 over purpose and names.
    pub key: [u8; 32],
    /// From then on it is refused for its age. Whole seconds.
    pub expires_at: DateTime<Utc>,
}

impl OneTimeUse {
    /// The use that these parts name. Their lengths are hashed too: no other division
    /// of the same bytes gives the same key.
    #[must_use]
    pub fn new(purpose: Purpose, parts: &[&[u8]], expires_at: DateTime<Utc>) -> OneTimeUse {
        let mut context = Context::new(&SHA256);
        for part in std::iter::once(purpose.label()).chain(parts.iter().copied()) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut key = [0; 32];
        key.copy_from_slice(context.finish().as_ref());
        OneTimeUse { key, expires_at }
    }
}

impl fmt::Debug for OneTimeUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneTimeUse").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        OneTimeUse::new(purpose, parts, DateTime::UNIX_EPOCH).key
    }

    #[test]
    fn a_use_is_of_one_purpose_and_one_division_of_its_names() {
        let one = key(Purpose::ClientAssertion, &[b"client", b"id"]);
        assert_eq!(one, key(Purpose::ClientAssertion, &[b"client", b"id"]));
        assert_ne!(one, key(Purpose::DpopProof, &[b"client", b"id"]));
        assert_ne!(one, key(Purpose::ClientAssertion, &[b"clien", b"tid"]));
        assert_ne!(one, key(Purpose::ClientAssertion, &[b"clientid"]));
        assert_ne!(one, key(Purpose::ClientAssertion, &[b"client", b"id", b""]));
    }

    proptest! {
        #[test]
        fn different_names_have_different_keys(
            one in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..6), 0..4),
            other in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..6), 0..4),
        ) {
            let hash = |parts: &[Vec<u8>]| {
                let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
                key(Purpose::DpopProof, &parts)
            };
            prop_assert_eq!(one == other, hash(&one) == hash(&other));
        }
    }
}
