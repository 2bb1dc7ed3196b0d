//! A private key that is ready to sign.
//!
//! jsonwebtoken parses the key anew for each token, which costs a third of an ES256
//! signature. Here the key is parsed once, and the header, which is the same for every
//! token of a key, is encoded once. It reads the PEM, and verifies, as before.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use serde::Serialize;

use super::{KeyError, SigningAlgorithm};

enum KeyPair {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

/// A key pair, and the header of what it signs.
pub(super) struct Signer {
    key: KeyPair,
    /// The encoded header with the dot behind it (RFC 7515 §7.1).
    prefix: String,
    random: SystemRandom,
}

impl Signer {
    /// Prepares `key`. The header is the one of every token it will sign.
    pub(super) fn prepare(
        algorithm: SigningAlgorithm,
        key: &EncodingKey,
        header: &Header,
    ) -> Result<Signer, KeyError> {
        let unusable = |_| KeyError::Material(algorithm);
        let der = key.as_bytes();
        let key = match algorithm {
            SigningAlgorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der);
                KeyPair::Es256(pair.map_err(unusable)?)
            }
            SigningAlgorithm::Rs256 => KeyPair::Rs256(RsaKeyPair::from_der(der).map_err(unusable)?),
            SigningAlgorithm::EdDsa => {
                KeyPair::EdDsa(Ed25519KeyPair::from_pkcs8(der).map_err(unusable)?)
            }
        };
        let mut prefix = URL_SAFE_NO_PAD.encode(serde_json::to_vec(header).map_err(failed)?);
        prefix.push('.');
        Ok(Signer { key, prefix, random: random() })
    }

    /// A compact JWS over `claims`.
    pub(super) fn sign<C: Serialize>(&self, claims: &C) -> Result<String, KeyError> {
        let claims = serde_json::to_vec(claims).map_err(failed)?;
        let mut token = String::with_capacity(self.prefix.len() + claims.len() * 2 + 400);
        token.push_str(&self.prefix);
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let message = token.as_bytes();
        let signature = match &self.key {
            KeyPair::Es256(key) => {
                URL_SAFE_NO_PAD.encode(key.sign(&self.random, message).map_err(failed)?)
            }
            KeyPair::EdDsa(key) => URL_SAFE_NO_PAD.encode(key.sign(message)),
            KeyPair::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &self.random, message, &mut signature)
                    .map_err(failed)?;
                URL_SAFE_NO_PAD.encode(signature)
            }
        };
        token.push('.');
        token.push_str(&signature);
        Ok(token)
    }
}

fn failed(error: impl std::fmt::Display) -> KeyError {
    KeyError::Signing(error.to_string())
}

#[expect(clippy::disallowed_methods, reason = "signing demands the library's own random source")]
fn random() -> SystemRandom {
    SystemRandom::new()
}
