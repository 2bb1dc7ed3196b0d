//! Which key signs, which verify, and what the world sees of them.

use serde_json::Value;

use super::super::test_keys::{
    EDDSA, ES256, Pair, RS256, all, claims, fresh, published, recognised,
};
use super::super::{AccessToken, SigningAlgorithm, TokenRefusal};
use super::*;

fn ring(keys: &[(&Pair, KeyState)]) -> KeyRing {
    KeyRing::new(keys.iter().map(|(key, state)| published(key, *state)).collect()).unwrap()
}

#[test]
fn a_ring_without_an_active_key_is_none() {
    assert_eq!(KeyRing::new(Vec::new()).unwrap_err(), NoSigningKey);
    let none_signs = vec![published(&ES256, KeyState::Next), published(&RS256, KeyState::Retired)];
    assert_eq!(KeyRing::new(none_signs).unwrap_err(), NoSigningKey);
}

#[test]
fn only_the_active_key_signs_wherever_it_stands() {
    let ring =
        ring(&[(&RS256, KeyState::Retired), (&EDDSA, KeyState::Next), (&ES256, KeyState::Active)]);
    assert_eq!(ring.signing_key().kid(), ES256.key.kid());
    let token = AccessToken::sign(&claims(), &ring).unwrap();
    assert!(ES256.key.verified_claims::<Value>(token.expose()).is_some());
    assert!(EDDSA.key.verified_claims::<Value>(token.expose()).is_none());
}

#[test]
fn next_and_retired_keys_verify() {
    let rotated =
        ring(&[(&RS256, KeyState::Retired), (&EDDSA, KeyState::Next), (&ES256, KeyState::Active)]);
    for pair in all() {
        let token = AccessToken::sign(&claims(), &ring(&[(pair, KeyState::Active)])).unwrap();
        assert_eq!(recognised(token.expose(), &rotated), Ok(claims()));
    }
}

#[test]
fn a_key_that_is_gone_verifies_nothing() {
    let token = AccessToken::sign(&claims(), &ring(&[(&RS256, KeyState::Active)])).unwrap();
    let later = ring(&[(&ES256, KeyState::Active)]);
    assert_eq!(recognised(token.expose(), &later), Err(TokenRefusal::UnknownKey));
    assert!(later.by_kid(RS256.key.kid()).is_none());
}

#[test]
fn the_document_publishes_every_key_and_no_private_member() {
    let ring =
        ring(&[(&ES256, KeyState::Active), (&RS256, KeyState::Next), (&EDDSA, KeyState::Retired)]);
    let document: Value = serde_json::from_str(ring.jwks()).unwrap();
    let keys = document["keys"].as_array().unwrap();
    assert_eq!(keys.len(), ring.keys().len());
    for (key, pair) in keys.iter().zip(all()) {
        let mut members: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        let expected: &[&str] = match pair.key.algorithm() {
            SigningAlgorithm::Es256 => &["alg", "crv", "kid", "kty", "use", "x", "y"],
            SigningAlgorithm::Rs256 => &["alg", "e", "kid", "kty", "n", "use"],
            SigningAlgorithm::EdDsa => &["alg", "crv", "kid", "kty", "use", "x"],
        };
        assert_eq!(members, expected, "no d, p, q, dp, dq, qi, oth or k");
        assert_eq!(key["kid"], pair.key.kid());
        assert_eq!(key["alg"], pair.key.algorithm().as_str());
        assert_eq!(key["use"], "sig");
    }
}

#[test]
fn the_etag_is_strong_and_the_same_for_the_same_keys() {
    let keys = [(&*ES256, KeyState::Active), (&*RS256, KeyState::Next)];
    let (one, again) = (ring(&keys), ring(&keys));
    assert_eq!(one.etag(), again.etag());
    assert_eq!(one.jwks(), again.jwks());
    // RFC 9110 §8.8.3: quoted, no `W/`, no quote inside.
    let tag = one.etag().strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap();
    assert!(
        tag.len() >= 16 && tag.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it))
    );
}

#[test]
fn the_etag_changes_with_the_keys_and_not_with_their_states() {
    let alone = ring(&[(&ES256, KeyState::Active)]);
    let with_next = ring(&[(&ES256, KeyState::Active), (&EDDSA, KeyState::Next)]);
    let rotated = ring(&[(&ES256, KeyState::Retired), (&EDDSA, KeyState::Active)]);
    let another = fresh(SigningAlgorithm::Es256);
    assert_ne!(alone.etag(), with_next.etag());
    assert_ne!(alone.etag(), ring(&[(&another, KeyState::Active)]).etag());
    assert_eq!(with_next.etag(), rotated.etag(), "the document is the same, byte for byte");
    assert_eq!(with_next.jwks(), rotated.jwks());
}

#[test]
fn a_ring_prints_no_private_key() {
    let printed = format!("{:?}", ring(&[(&ES256, KeyState::Active)]));
    let secret = ES256.pem.lines().nth(1).unwrap();
    assert!(!printed.contains(&secret[..40]));
    assert!(!printed.contains("signing: "));
}

#[test]
fn states_have_the_words_of_the_admin_api() {
    for (state, word) in
        [(KeyState::Next, "next"), (KeyState::Active, "active"), (KeyState::Retired, "retired")]
    {
        assert_eq!(state.to_string(), word);
        assert_eq!(serde_json::to_value(state).unwrap(), word);
    }
}
