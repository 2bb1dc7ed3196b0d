//! Proofs of possession (RFC 9449 §4.2), one for each request.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Outcome;

/// A key, and where the proofs made with it are sent.
pub struct Proofs {
    key: EcdsaKeyPair,
    random: SystemRandom,
    /// The first part, which is the same in all of them.
    header: String,
    url: String,
    made: u64,
}

impl std::fmt::Debug for Proofs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proofs").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Proofs {
    /// With a new key, for POST to `url`.
    ///
    /// # Errors
    /// When no key can be made.
    #[expect(clippy::disallowed_methods, reason = "signing demands this random source")]
    pub fn new(url: &str) -> Outcome<Proofs> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        // SEC 1: an uncompressed point is a mark, x and y.
        let point = key.public_key().as_ref();
        let (x, y) = point.get(1..).ok_or("no point")?.split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let jwk = format!("{{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"{x}\",\"y\":\"{y}\"}}");
        let header = format!("{{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":{jwk}}}");
        Ok(Proofs {
            key,
            random: SystemRandom::new(),
            header: URL_SAFE_NO_PAD.encode(header),
            url: url.to_owned(),
            made: 0,
        })
    }

    /// Another one, made now.
    ///
    /// # Errors
    /// When it cannot be signed.
    #[expect(clippy::disallowed_methods, reason = "a proof says when it was made")]
    pub fn fresh(&mut self) -> Outcome<String> {
        self.made += 1;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let (number, url) = (self.made, &self.url);
        let claims = format!(
            "{{\"jti\":\"proof-{number:016}\",\"htm\":\"POST\",\"htu\":\"{url}\",\"iat\":{now}}}"
        );
        let signed = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.sign(&self.random, signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
