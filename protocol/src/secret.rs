//! Secrets that do not print, and the keyed hashes that are stored in their place.
//!
//! Whatever a client or a browser must present later is 256 random bits behind a
//! prefix that names its kind. The database holds only `HMAC-SHA-256(key, secret)`:
//! a stolen copy of the store opens nothing, and 256 bits need no slow hash.

use std::fmt;

use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

/// The secret of the installation all other keys are derived from: 32 bytes.
#[derive(Clone, ZeroizeOnDrop)]
pub struct RootSecret([u8; 32]);

impl RootSecret {
    /// Wraps 32 random bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> RootSecret {
        RootSecret(bytes)
    }

    /// A root secret from operator-given text of any length (HKDF extract).
    #[must_use]
    pub fn from_text(text: &str) -> RootSecret {
        let salt = hmac::Key::new(hmac::HMAC_SHA256, b"authplane root secret from text");
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hmac::sign(&salt, text.as_bytes()).as_ref());
        RootSecret(bytes)
    }

    /// The key for one purpose (HKDF-SHA-256, RFC 5869). Keys for different
    /// purposes tell nothing about each other.
    #[must_use]
    pub fn key_for(&self, purpose: Purpose) -> HashKey {
        let bytes = self.seed_for(purpose);
        HashKey(hmac::Key::new(hmac::HMAC_SHA256, bytes.as_slice()))
    }

    /// As [`key_for`](Self::key_for), for a key that is no HMAC key: 32 bytes to make it of.
    #[must_use]
    pub fn seed_for(&self, purpose: Purpose) -> Zeroizing<[u8; 32]> {
        let pseudo_random = hkdf::Salt::new(hkdf::HKDF_SHA256, b"authplane").extract(&self.0);
        let info = [purpose.label().as_bytes()];
        let mut bytes = Zeroizing::new([0; 32]);
        let expanded = pseudo_random.expand(&info, hmac::HMAC_SHA256);
        // HKDF-SHA-256 refuses only outputs over 8160 bytes; ours is 32.
        if expanded.and_then(|key| key.fill(bytes.as_mut_slice())).is_err() {
            debug_assert!(false, "HKDF gave no 32 bytes");
        }
        bytes
    }

    /// Tells it from other root secrets, and tells nothing else about it.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.key_for(Purpose::Fingerprint).hash(b"root secret")
    }

    /// The bytes, for writing them to the operator's key store.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for RootSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootSecret(…)")
    }
}

/// What a derived key is for. The label is part of the derivation and never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Keyed hashes of client secrets.
    ClientSecret,
    /// Keyed hashes of authorization codes.
    AuthorizationCode,
    /// MACs of refresh tokens.
    RefreshToken,
    /// Keyed hashes of session and browser cookies.
    Cookie,
    /// MACs of form tokens against cross-site requests.
    Csrf,
    /// Keyed hash of the admin key.
    AdminKey,
    /// The key pair that signs minted admin keys.
    MintedAdminKeys,
    /// MACs of DPoP nonces.
    DpopNonce,
    /// MACs of tickets to the page on which people agree to exchanges.
    Agreement,
    /// Seals what the database holds, where the root secret is kept in a file.
    EncryptionAtRest,
    /// The root secret's own fingerprint.
    Fingerprint,
}

impl Purpose {
    fn label(self) -> &'static str {
        match self {
            Purpose::ClientSecret => "client secret v1",
            Purpose::AuthorizationCode => "authorization code v1",
            Purpose::RefreshToken => "refresh token v1",
            Purpose::Cookie => "cookie v1",
            Purpose::Csrf => "csrf v1",
            Purpose::AdminKey => "admin key v1",
            Purpose::MintedAdminKeys => "minted admin keys v1",
            Purpose::DpopNonce => "dpop nonce v1",
            Purpose::Agreement => "agreement v1",
            Purpose::EncryptionAtRest => "encryption at rest v1",
            Purpose::Fingerprint => "fingerprint v1",
        }
    }
}

/// A key for HMAC-SHA-256.
#[derive(Clone)]
pub struct HashKey(hmac::Key);

impl HashKey {
    /// The keyed hash of `message`.
    #[must_use]
    pub fn hash(&self, message: &[u8]) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(hmac::sign(&self.0, message).as_ref());
        hash
    }

    /// Whether `hash` is the keyed hash of `message`; takes the same time either way.
    #[must_use]
    pub fn verify(&self, message: &[u8], hash: &[u8]) -> bool {
        hmac::verify(&self.0, message, hash).is_ok()
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(…)")
    }
}

/// Declares a secret: 256 bits in base64url behind a prefix that names its kind.
macro_rules! opaque_secret {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, ZeroizeOnDrop)]
        pub struct $name(String);

        impl $name {
            /// A fresh secret from 32 random bytes.
            #[must_use]
            pub fn from_random(mut random: [u8; 32]) -> Self {
                let secret = format!(concat!($prefix, "{}"), URL_SAFE_NO_PAD.encode(random));
                random.zeroize();
                Self(secret)
            }

            /// What somebody presented. Only its length is limited here; whether it
            /// is good shows when its hash is looked up.
            #[must_use]
            pub fn presented(text: &str) -> Option<Self> {
                (text.len() <= 256).then(|| Self(text.to_owned()))
            }

            /// The secret itself, for handing it out.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }

            /// What is stored in its place.
            #[must_use]
            pub fn hash(&self, key: &HashKey) -> [u8; 32] {
                key.hash(self.0.as_bytes())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($prefix, "…"))
            }
        }
    };
}

opaque_secret!(
    /// A confidential client's secret (RFC 6749 §2.3.1).
    ClientSecret,
    "apcs_"
);
opaque_secret!(
    /// An authorization code (RFC 6749 §4.1.2).
    AuthorizationCode,
    "apac_"
);
opaque_secret!(
    /// A signed-in browser's session cookie.
    SessionToken,
    "apst_"
);
opaque_secret!(
    /// Names a browser before anybody has signed in with it.
    BrowserToken,
    "apbt_"
);
opaque_secret!(
    /// The operator's key to the admin surface.
    AdminKey,
    "apak_"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_for_different_purposes_differ() {
        let root = RootSecret::from_bytes([7; 32]);
        let one = root.key_for(Purpose::ClientSecret).hash(b"x");
        let other = root.key_for(Purpose::AuthorizationCode).hash(b"x");
        assert_ne!(one, other);
        assert_eq!(one, root.key_for(Purpose::ClientSecret).hash(b"x"));
    }

    #[test]
    fn a_secret_carries_its_prefix_and_never_prints_itself() {
        let secret = ClientSecret::from_random([1; 32]);
        assert!(secret.expose().starts_with("apcs_"));
        assert_eq!(secret.expose().len(), "apcs_".len() + 43);
        assert!(!format!("{secret:?}").contains(&secret.expose()[5..]));
        let root = RootSecret::from_bytes([0x41; 32]);
        assert_eq!(format!("{root:?}"), "RootSecret(…)");
    }

    #[test]
    fn the_hash_is_keyed_and_verifies() {
        let key = RootSecret::from_bytes([1; 32]).key_for(Purpose::Cookie);
        let other = RootSecret::from_bytes([2; 32]).key_for(Purpose::Cookie);
        let secret = SessionToken::from_random([3; 32]);
        assert_ne!(secret.hash(&key), secret.hash(&other));
        assert!(key.verify(secret.expose().as_bytes(), &secret.hash(&key)));
        assert!(!key.verify(b"another", &secret.hash(&key)));
    }

    #[test]
    fn something_absurdly_long_is_not_even_hashed() {
        assert!(SessionToken::presented(&"x".repeat(257)).is_none());
        assert_eq!(SessionToken::presented("x").unwrap().expose(), "x");
    }
}
