//! Signing keys and the access tokens made with them (RFC 7515, 7517, 7638, 9068).

mod access_token;
mod algorithm;
mod key_ring;
mod signer;
mod signing_key;

#[cfg(test)]
mod access_token_attacks;
#[cfg(test)]
mod test_keys;

pub use access_token::{AccessToken, AccessTokenClaims, Confirmation, TokenRefusal};
pub use algorithm::{SigningAlgorithm, UnknownAlgorithm};
pub use key_ring::{KeyRing, KeyState, NoSigningKey, PublishedKey};
pub use signing_key::{KeyError, SigningKey};
