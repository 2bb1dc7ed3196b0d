//! Signing keys and the access tokens made with them (RFC 7515, 7517, 7638, 9068).

mod access_token;
mod algorithm;
mod key_ring;
mod signing_key;

pub use access_token::{AccessToken, AccessTokenClaims, Confirmation, TokenRefusal};
pub use algorithm::{SigningAlgorithm, UnknownAlgorithm};
pub use key_ring::{KeyRing, KeyState, NoSigningKey, PublishedKey};
pub use signing_key::{KeyError, SigningKey};
