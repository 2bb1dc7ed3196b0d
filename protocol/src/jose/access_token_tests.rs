//! What we sign we recognise, and the times and names we check ourselves.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::SigningAlgorithm;
use super::super::test_keys::{
    EDDSA, ES256, ISSUER, Pair, RS256, all, claims, now, recognised, refusal, ring_of, with_claim,
};
use super::*;

fn token_of(pair: &Pair) -> String {
    AccessToken::sign(&claims(), &ring_of(pair)).unwrap().expose().to_owned()
}

/// One of the two JSON parts of a token.
fn part(token: &str, index: usize) -> Value {
    use base64::Engine as _;
    let encoded = token.split('.').nth(index).unwrap();
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(encoded).unwrap();
    serde_json::from_slice(&json).unwrap()
}

#[test]
fn a_token_of_every_algorithm_is_recognised_with_the_claims_it_was_signed_with() {
    for pair in all() {
        assert_eq!(recognised(&token_of(pair), &ring_of(pair)), Ok(claims()));
    }
    assert_eq!(all().map(|pair| pair.key.algorithm()), SigningAlgorithm::ALL);
}

#[test]
fn optional_claims_survive_the_round_trip() {
    let claims = AccessTokenClaims {
        auth_time: Some(1),
        acr: Some("urn:example:loa2".to_owned()),
        amr: Some(vec!["pwd".to_owned(), "otp".to_owned()]),
        cnf: Some(Confirmation { jkt: "thumbprint".to_owned() }),
        agent_id: Some("agent".to_owned()),
        aud: vec!["https://a.example".to_owned(), "https://b.example".to_owned()],
        ..claims()
    };
    let ring = ring_of(&ES256);
    let token = AccessToken::sign(&claims, &ring).unwrap();
    assert_eq!(recognised(token.expose(), &ring), Ok(claims));
}

#[test]
fn the_header_names_type_algorithm_and_key_and_nothing_else() {
    for pair in all() {
        let expected = json!({
            "typ": "at+jwt", "alg": pair.key.algorithm().as_str(), "kid": pair.key.kid(),
        });
        assert_eq!(part(&token_of(pair), 0), expected);
    }
}

#[test]
fn the_audience_is_an_array_even_when_it_is_one_and_what_is_absent_is_not_null() {
    let payload = part(&token_of(&ES256), 1);
    assert_eq!(payload["aud"], json!(["https://mcp.example.com/"]));
    let members: Vec<&str> = payload.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["aud", "client_id", "exp", "iat", "iss", "jti", "scope", "sub"]);
}

#[test]
fn a_token_does_not_print_itself() {
    let token = AccessToken::sign(&claims(), &ring_of(&ES256)).unwrap();
    assert_eq!(format!("{token:?}"), "AccessToken(…)");
}

#[test]
fn a_token_is_good_until_the_second_it_expires_and_not_in_it() {
    let ring = ring_of(&ES256);
    let token = token_of(&ES256);
    let at = |second| {
        let moment = DateTime::from_timestamp(claims().exp + second, 0).unwrap();
        AccessTokenClaims::recognise(&token, &ring, ISSUER, moment).err()
    };
    assert_eq!(at(-1), None);
    assert_eq!(at(0), Some(TokenRefusal::Expired));
    assert_eq!(at(1), Some(TokenRefusal::Expired));
}

#[test]
fn a_token_that_expired_before_time_began_has_expired() {
    for exp in [0, -1, i64::MIN] {
        let token = with_claim(&ES256, "exp", json!(exp));
        assert_eq!(refusal(&token, &ES256), Some(TokenRefusal::Expired));
    }
}

#[test]
fn a_token_of_another_issuer_with_the_same_key_is_refused() {
    let similar = [
        "https://auth.example.com/",
        "https://auth.example.com/tenant",
        "https://AUTH.example.com",
        "http://auth.example.com",
        "",
    ];
    for issuer in similar {
        let token = with_claim(&ES256, "iss", json!(issuer));
        assert_eq!(refusal(&token, &ES256), Some(TokenRefusal::Issuer), "{issuer}");
    }
}

/// The same token with the byte at `at` replaced by `byte`, or `None` if that is none.
fn altered(token: &str, at: usize, byte: u8) -> Option<String> {
    let mut bytes = token.as_bytes().to_vec();
    let at = at % bytes.len();
    if bytes[at] == byte {
        return None;
    }
    bytes[at] = byte;
    String::from_utf8(bytes).ok()
}

proptest! {
    #[test]
    fn any_single_altered_byte_makes_a_token_refused(
        which in 0..3_usize,
        at in any::<usize>(),
        byte in 0..128_u8,
    ) {
        let pair = [&*ES256, &*RS256, &*EDDSA][which];
        if let Some(forged) = altered(&token_of(pair), at, byte) {
            prop_assert!(refusal(&forged, pair).is_some(), "{forged}");
        }
    }

    #[test]
    fn any_single_lost_or_doubled_byte_makes_a_token_refused(at in any::<usize>()) {
        let token = token_of(&ES256);
        let at = at % token.len();
        let (lost, doubled) = (
            format!("{}{}", &token[..at], &token[at + 1..]),
            format!("{}{}", &token[..=at], &token[at..]),
        );
        prop_assert!(refusal(&lost, &ES256).is_some());
        prop_assert!(refusal(&doubled, &ES256).is_some());
    }

    #[test]
    fn no_text_whatever_is_a_token_or_a_panic(text in any::<String>()) {
        prop_assert!(refusal(&text, &ES256).is_some());
    }

    #[test]
    fn no_three_parts_whatever_are_a_token_or_a_panic(
        text in "[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,90}",
    ) {
        prop_assert!(refusal(&text, &ES256).is_some());
    }
}

#[test]
fn every_position_of_a_token_is_protected() {
    for pair in all() {
        let token = token_of(pair);
        for at in 0..token.len() {
            let byte = if token.as_bytes()[at] == b'A' { b'B' } else { b'A' };
            let forged = altered(&token, at, byte).unwrap();
            assert!(refusal(&forged, pair).is_some(), "position {at}: {forged}");
        }
    }
}

#[test]
fn now_is_the_callers() {
    assert_eq!(recognised(&token_of(&ES256), &ring_of(&ES256)).unwrap().iat, now().timestamp());
}
