//! Making key pairs.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::jose::SigningAlgorithm;
use zeroize::{Zeroize as _, Zeroizing};

/// A fresh private key as PKCS#8 PEM. Randomness is the crypto library's own: keys
/// are made inside it and never pass through ours.
#[expect(clippy::disallowed_methods, reason = "key generation demands the crypto library's own")]
pub(super) fn private_key_pem(algorithm: SigningAlgorithm) -> Option<Zeroizing<String>> {
    let random = SystemRandom::new();
    match algorithm {
        SigningAlgorithm::Es256 => {
            let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
            key.ok().map(|key| pem(key.as_ref()))
        }
        SigningAlgorithm::Rs256 => {
            let key = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
            let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = key.as_der().ok()?;
            Some(pem(der.as_ref()))
        }
        SigningAlgorithm::EdDsa => {
            let key = Ed25519KeyPair::generate_pkcs8v1(&random);
            key.ok().map(|key| pem(key.as_ref()))
        }
    }
}

/// RFC 7468 §10.
fn pem(der: &[u8]) -> Zeroizing<String> {
    let mut body = STANDARD.encode(der);
    let mut text = String::with_capacity(body.len() + 128);
    text.push_str("-----BEGIN PRIVATE KEY-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END PRIVATE KEY-----\n");
    body.zeroize();
    Zeroizing::new(text)
}
