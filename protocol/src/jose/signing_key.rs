//! One signing key: private half, public half, and its name.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::SigningAlgorithm;
use super::object::Object;
use super::signer::Signer;

/// Why key material cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The file or row does not hold a PKCS#8 private key of this algorithm.
    #[error("not a PKCS#8 private key for {0}")]
    Material(SigningAlgorithm),
    /// RSA below 2048 bits (RFC 7518 §3.3).
    #[error("RSA keys must have at least 2048 bits; make a longer one")]
    TooShort,
    /// Signing failed.
    #[error("signing failed: {0}")]
    Signing(String),
}

/// A key that signs, with everything a verifier needs to know of it.
///
/// The `kid` is the key's RFC 7638 thumbprint: two processes that hold the same key
/// give it the same name, and nobody can make two keys share one.
#[derive(Clone)]
pub struct SigningKey {
    algorithm: SigningAlgorithm,
    kid: String,
    signer: Arc<Signer>,
    verifying: DecodingKey,
    jwk: Jwk,
}

impl SigningKey {
    /// Takes a PKCS#8 PEM private key; for RSA a PKCS#1 one as well.
    ///
    /// # Errors
    /// When the PEM is none, is of another algorithm, or is an RSA key below 2048 bits.
    pub fn from_pem(algorithm: SigningAlgorithm, pem: &[u8]) -> Result<SigningKey, KeyError> {
        let unusable = |_| KeyError::Material(algorithm);
        let signing = match algorithm {
            SigningAlgorithm::Es256 => EncodingKey::from_ec_pem(pem),
            SigningAlgorithm::Rs256 => EncodingKey::from_rsa_pem(pem),
            SigningAlgorithm::EdDsa => EncodingKey::from_ed_pem(pem),
        }
        .map_err(unusable)?;
        let mut jwk = Jwk::from_encoding_key(&signing, algorithm.jose()).map_err(|error| {
            // The crypto library takes no RSA key below 2048 bits; an operator who
            // brings one must not go looking for a broken file.
            match error.kind() {
                ErrorKind::InvalidRsaKey(reason) if reason == "TooSmall" => KeyError::TooShort,
                _ => KeyError::Material(algorithm),
            }
        })?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(unusable)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let verifying = DecodingKey::from_jwk(&jwk).map_err(unusable)?;
        let header = Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some(kid.clone()),
            ..Header::new(algorithm.jose())
        };
        let signer = Arc::new(Signer::prepare(algorithm, &signing, &header)?);
        let key = SigningKey { algorithm, kid, signer, verifying, jwk };
        // A private key that cannot sign must show at boot, not at the first token.
        key.sign(&serde_json::json!({}))?;
        Ok(key)
    }

    /// RFC 7638 thumbprint (SHA-256, base64url).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm the key signs with.
    #[must_use]
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// The public half as it stands in the JWKS.
    #[must_use]
    pub fn public_jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// Signs claims as a compact JWS with `typ: at+jwt` (RFC 9068 §2.1).
    ///
    /// # Errors
    /// [`KeyError::Signing`]; does not happen with a key that was loaded.
    pub fn sign<C: Serialize>(&self, claims: &C) -> Result<String, KeyError> {
        self.signer.sign(claims)
    }

    /// The claims of a token this key signed. Checks signature and algorithm only:
    /// times and names are the caller's to judge.
    pub(super) fn verified_claims<C: DeserializeOwned>(&self, token: &str) -> Option<C> {
        let mut validation = Validation::new(self.algorithm.jose());
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let decoded = jsonwebtoken::decode::<Object<C>>(token, &self.verifying, &validation);
        decoded.ok().map(|decoded| decoded.claims.0)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "signing_key_tests.rs"]
mod tests;
