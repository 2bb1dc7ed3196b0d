//! Signing keys and the access tokens made with them (RFC 7515, 7517, 7638, 9068); and
//! the keys of others, with which they prove who they are.

mod access_token;
mod algorithm;
mod compact;
mod key_ring;
mod key_set;
mod numeric_date;
mod object;
mod signer;
mod signing_key;
mod verifying_key;

#[cfg(test)]
mod access_token_attacks;
#[cfg(test)]
pub(crate) mod test_keys;

pub use access_token::{AccessToken, AccessTokenClaims, Confirmation, TokenRefusal};
pub use algorithm::{SigningAlgorithm, UnknownAlgorithm};
pub use compact::{Compact, CompactRefusal, SignedHeader};
pub use key_ring::{KeyRing, KeyState, NoSigningKey, PublishedKey, entity_tag};
pub use key_set::{KeySet, KeySetRefusal, MAX_KEYS, RegisteredKeys, SignatureRefusal};
pub use numeric_date::NumericDate;
pub use signing_key::{KeyError, SigningKey};
pub use verifying_key::{JwkRefusal, ProofAlgorithm, VerifyingKey, thumbprint};
