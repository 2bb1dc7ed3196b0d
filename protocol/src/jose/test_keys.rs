//! Keys for the tests of this crate, and tokens nobody but an attacker would make.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    AccessTokenClaims, KeyRing, KeyState, PublishedKey, SigningAlgorithm, SigningKey, TokenRefusal,
};

pub(super) const ISSUER: &str = "https://auth.example.com";

/// The RSA key of RFC 7517 Appendix A.2, which RFC 7638 §3.1 takes the thumbprint of.
pub(super) const RFC_7517_KEY: &[u8] = include_bytes!("test_keys/rfc7517_a2.pem");
/// The same key as PKCS#1.
pub(super) const RFC_7517_KEY_PKCS1: &[u8] = include_bytes!("test_keys/rfc7517_a2_pkcs1.pem");
/// Made for these tests, used nowhere else.
pub(crate) const RSA_1024: &[u8] = include_bytes!("test_keys/rsa1024.pem");
/// Made for these tests, used nowhere else.
pub(crate) const RSA_2047: &[u8] = include_bytes!("test_keys/rsa2047.pem");

/// A key pair of which the test knows the private half.
pub(crate) struct Pair {
    pub(crate) pem: String,
    pub(crate) key: Arc<SigningKey>,
    pub(crate) encoding: EncodingKey,
}

/// One key per algorithm for all tests: making an RSA key takes its time.
pub(crate) static ES256: LazyLock<Pair> = LazyLock::new(|| fresh(SigningAlgorithm::Es256));
pub(crate) static RS256: LazyLock<Pair> = LazyLock::new(|| fresh(SigningAlgorithm::Rs256));
pub(crate) static EDDSA: LazyLock<Pair> = LazyLock::new(|| fresh(SigningAlgorithm::EdDsa));

pub(super) fn all() -> [&'static Pair; 3] {
    [&ES256, &RS256, &EDDSA]
}

pub(crate) fn fresh(algorithm: SigningAlgorithm) -> Pair {
    let pem = fresh_pem(algorithm);
    let encoding = match algorithm {
        SigningAlgorithm::Es256 => EncodingKey::from_ec_pem(pem.as_bytes()),
        SigningAlgorithm::Rs256 => EncodingKey::from_rsa_pem(pem.as_bytes()),
        SigningAlgorithm::EdDsa => EncodingKey::from_ed_pem(pem.as_bytes()),
    }
    .unwrap();
    let key = Arc::new(SigningKey::from_pem(algorithm, pem.as_bytes()).unwrap());
    Pair { pem, key, encoding }
}

fn fresh_pem(algorithm: SigningAlgorithm) -> String {
    match algorithm {
        SigningAlgorithm::Es256 => ec_pem(&ECDSA_P256_SHA256_FIXED_SIGNING),
        SigningAlgorithm::Rs256 => {
            let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
            let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
            pem("PRIVATE KEY", der.as_ref())
        }
        SigningAlgorithm::EdDsa => {
            let random = machine_random();
            pem("PRIVATE KEY", Ed25519KeyPair::generate_pkcs8v1(&random).unwrap().as_ref())
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "key generation demands this very type")]
fn machine_random() -> SystemRandom {
    SystemRandom::new()
}

/// A P-384 key, which is none for ES256.
pub(crate) fn p384_pem() -> String {
    ec_pem(&ECDSA_P384_SHA384_FIXED_SIGNING)
}

fn ec_pem(algorithm: &'static EcdsaSigningAlgorithm) -> String {
    let random = machine_random();
    pem("PRIVATE KEY", EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap().as_ref())
}

pub(super) fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

pub(super) fn published(key: &Pair, state: KeyState) -> PublishedKey {
    PublishedKey { key: Arc::clone(&key.key), state }
}

/// A ring in which `key` signs.
pub(super) fn ring_of(key: &Pair) -> KeyRing {
    KeyRing::new(vec![published(key, KeyState::Active)]).unwrap()
}

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

pub(super) fn claims() -> AccessTokenClaims {
    AccessTokenClaims {
        iss: ISSUER.to_owned(),
        sub: "user-1".to_owned(),
        aud: vec!["https://mcp.example.com/".to_owned()],
        exp: now().timestamp() + 300,
        iat: now().timestamp(),
        jti: Uuid::from_u128(7),
        client_id: "app".to_owned(),
        scope: "read write".to_owned(),
        auth_time: None,
        acr: None,
        amr: None,
        cnf: None,
        agent_id: None,
        act: None,
        agent_chain: None,
    }
}

/// The header of a token of ours.
pub(super) fn header(pair: &Pair) -> Value {
    json!({ "typ": "at+jwt", "alg": pair.key.algorithm().as_str(), "kid": pair.key.kid() })
}

/// A token of ours with one header member changed; `null` takes it away.
pub(super) fn with_header(pair: &Pair, member: &str, value: Value) -> String {
    let claims = serde_json::to_value(claims()).unwrap();
    signed(pair, &changed(header(pair), member, value).to_string(), &claims.to_string())
}

/// A token of ours with one claim changed; `null` takes it away.
pub(super) fn with_claim(pair: &Pair, member: &str, value: Value) -> String {
    let claims = changed(serde_json::to_value(claims()).unwrap(), member, value);
    signed(pair, &header(pair).to_string(), &claims.to_string())
}

fn changed(mut object: Value, member: &str, value: Value) -> Value {
    let members = object.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(member);
    } else {
        members.insert(member.to_owned(), value);
    }
    object
}

/// A JWS over exactly this text, signed as the key's own algorithm demands.
pub(super) fn signed(pair: &Pair, header: &str, payload: &str) -> String {
    let algorithm: Algorithm = pair.key.algorithm().jose();
    signed_as(algorithm, &pair.encoding, header, payload)
}

pub(crate) fn signed_as(
    algorithm: Algorithm,
    key: &EncodingKey,
    header: &str,
    payload: &str,
) -> String {
    let message = format!("{}.{}", base64url(header), base64url(payload));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

pub(crate) fn base64url(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

pub(super) fn recognised(token: &str, ring: &KeyRing) -> Result<AccessTokenClaims, TokenRefusal> {
    AccessTokenClaims::recognise(token, ring, ISSUER, now())
}

/// What a server whose only key is `pair` says to `token`.
pub(super) fn refusal(token: &str, pair: &Pair) -> Option<TokenRefusal> {
    recognised(token, &ring_of(pair)).err()
}
