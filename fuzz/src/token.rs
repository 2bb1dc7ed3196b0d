//! What claims to be a token of ours.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use protocol::dpop::{Expected, NonceKey, Proof};
use protocol::jose::{AccessTokenClaims, thumbprint};
use protocol::refresh_token::RefreshTokenKey;
use protocol::secret::{Purpose, RootSecret};
use protocol::secret_ring::{Derivation, RingKeys, RingSecret, SecretRing};

use crate::world::{ISSUER, RANDOM, SIGNER, now};

/// Any text. Nobody but the key makes an access token.
pub fn access_token(bytes: &[u8]) {
    let Ok(token) = std::str::from_utf8(bytes) else { return };
    let recognised = AccessTokenClaims::recognise(token, &SIGNER.ring, ISSUER, now());
    assert!(recognised.is_err(), "a forged token was taken for ours");
}

/// A header and claims, rightly signed: what we accept is still what we would issue.
pub fn signed_access_token(bytes: &[u8]) {
    let split = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (header, claims) = bytes.split_at(split);
    let claims = claims.get(1..).unwrap_or_default();
    let usual = format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"{}"}}"#, SIGNER.kid);
    let header = if header.is_empty() { usual.as_bytes() } else { header };
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = SIGNER.pair.sign(&*RANDOM, signed.as_bytes()).expect("a signature");
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    let Ok(claims) = AccessTokenClaims::recognise(&token, &SIGNER.ring, ISSUER, now()) else {
        return;
    };
    assert_eq!(claims.iss, ISSUER);
    assert!(claims.exp > now().timestamp());
    let header: serde_json::Value = serde_json::from_slice(header).expect("the header was read");
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(header["alg"], "ES256");
    assert_eq!(header["kid"], SIGNER.kid.as_str());
    assert!(header.get("crit").is_none_or(serde_json::Value::is_null));
}

/// Any text. A refresh token has one spelling only for the secret that it was made with.
pub fn refresh_token(bytes: &[u8]) {
    let Ok(token) = std::str::from_utf8(bytes) else { return };
    let first = ring_of(Vec::new());
    let second = ring_of(vec![RingSecret {
        number: 2,
        secret: RootSecret::from_bytes([8; 32]),
        signs_from: now(),
        drops_earlier: false,
    }]);
    if let Ok(place) = first.recognise(token) {
        assert_eq!(first.token(place, now()).expose(), token);
    }
    if let Ok(place) = second.recognise(token) {
        let maker = if first.recognise(token).is_ok() { &first } else { &second };
        assert_eq!(maker.token(place, now()).expose(), token);
    }
}

fn ring_of(added: Vec<RingSecret>) -> RefreshTokenKey {
    let ring = SecretRing::new(RootSecret::from_bytes([7; 32]), added);
    let (nonce_ttl, longest_family) = (TimeDelta::minutes(5), TimeDelta::days(90));
    let with = Derivation { cookies: None, nonce_ttl, longest_family };
    RingKeys::derive(&ring, &with, now()).expect("32 bytes are a key").refresh_token
}

/// Any text, and the same as a rightly signed proof of possession: a header, a line break and claims.
pub fn dpop_proof(bytes: &[u8]) {
    const URL: &str = "https://auth.example.com/oauth/token";
    let nonces = NonceKey::new(
        RootSecret::from_bytes([7; 32]).key_for(Purpose::DpopNonce),
        TimeDelta::minutes(5),
    );
    let expected = Expected {
        method: "POST",
        url: URL,
        now: now(),
        lifetime: TimeDelta::seconds(60),
        nonces: None,
    };
    if let Some(proof) = std::str::from_utf8(bytes).ok().and_then(|text| Proof::read(text).ok()) {
        assert!(proof.verify(&expected).is_err(), "a proof was made without its key");
    }
    let split = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (header, claims) = bytes.split_at(split);
    let claims = claims.get(1..).unwrap_or_default();
    let usual = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{}}}"#, SIGNER.jwk());
    let header = if header.is_empty() { usual.as_bytes() } else { header };
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = SIGNER.pair.sign(&*RANDOM, signed.as_bytes()).expect("a signature");
    let proof = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    let Ok(proof) = Proof::read(&proof) else { return };
    let Ok(proven) = proof.verify(&expected) else { return };
    assert_eq!(Some(proven.jkt), thumbprint(&SIGNER.jwk()), "somebody else's key is proven");
    let header: serde_json::Value = serde_json::from_slice(header).expect("the header was read");
    assert_eq!((&header["typ"], &header["alg"]), (&"dpop+jwt".into(), &"ES256".into()));
    assert!(header["jwk"].get("d").is_none(), "a private key is taken");
    let claims: serde_json::Value = serde_json::from_slice(claims).expect("the claims were read");
    assert_eq!(claims["htm"], "POST");
    assert!((claims["iat"].as_f64().expect("iat") - 1.8e9).abs() < 62.0);
    let asking_for_one = Expected { nonces: Some(&nonces), ..expected };
    assert!(proof.verify(&asking_for_one).is_err(), "a nonce was guessed");
}
