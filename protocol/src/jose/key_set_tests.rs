use jsonwebtoken::Algorithm;
use serde_json::json;

use super::*;
use crate::jose::test_keys::{EDDSA, ES256, Pair, RS256, fresh, signed_as};
use crate::jose::{CompactRefusal, SigningAlgorithm};

fn jwk(pair: &Pair, kid: Option<&str>) -> Value {
    let mut jwk = serde_json::to_value(pair.key.public_jwk()).unwrap();
    jwk.as_object_mut().unwrap().remove("kid");
    if let Some(kid) = kid {
        jwk["kid"] = json!(kid);
    }
    jwk
}

#[expect(clippy::needless_pass_by_value, reason = "made for the call")]
fn set(keys: Vec<Value>) -> KeySet {
    KeySet::parse(&json!({ "keys": keys })).unwrap()
}

fn signed(pair: &Pair, algorithm: Algorithm, header: &Value) -> Compact {
    let token = signed_as(algorithm, &pair.encoding, &header.to_string(), "{}");
    Compact::read(&token, 8 * 1024).unwrap()
}

fn es256(pair: &Pair, kid: Option<&str>) -> Compact {
    let mut header = json!({ "alg": "ES256" });
    if let Some(kid) = kid {
        header["kid"] = json!(kid);
    }
    signed(pair, Algorithm::ES256, &header)
}

const UNKNOWN: Result<(), SignatureRefusal> = Err(SignatureRefusal::UnknownKey);
const WRONG: Result<(), SignatureRefusal> = Err(SignatureRefusal::WrongSignature);

#[test]
fn keys_of_no_use_are_left_out_and_a_secret_one_refuses_the_set() {
    let mixed = vec![
        json!({ "kty": "EC", "crv": "P-384", "x": "x", "y": "y" }),
        jwk(&ES256, Some("a")),
        json!({ "kty": "RSA", "use": "enc" }),
        json!("no key"),
        jwk(&RS256, None),
    ];
    assert_eq!(set(mixed.clone()).len(), 2);
    let with_secret = [mixed, vec![json!({ "kty": "oct", "k": "c2VjcmV0" })]].concat();
    let refused = KeySet::parse(&json!({ "keys": with_secret })).unwrap_err();
    assert_eq!(refused, KeySetRefusal::Secret(6));
    assert!(refused.to_string().contains("key 6") && refused.to_string().contains("public half"));
}

#[test]
fn a_set_has_keys_and_not_too_many() {
    for bad in [
        json!(null),
        json!([]),
        json!({}),
        json!({ "keys": [] }),
        json!({ "keys": {} }),
        json!({ "keys": vec![jwk(&ES256, None); MAX_KEYS + 1] }),
    ] {
        assert_eq!(KeySet::parse(&bad).unwrap_err(), KeySetRefusal::Shape);
    }
    let useless = json!({ "keys": [{ "kty": "EC", "crv": "P-521" }, { "kty": "RSA" }] });
    assert_eq!(KeySet::parse(&useless).unwrap_err(), KeySetRefusal::Useless(JwkRefusal::Kind));
}

#[test]
fn the_named_key_and_no_other_verifies() {
    let other = fresh(SigningAlgorithm::Es256);
    let keys = set(vec![jwk(&ES256, Some("a")), jwk(&other, Some("b")), jwk(&EDDSA, Some("c"))]);
    assert_eq!(keys.verify(&es256(&ES256, Some("a"))), Ok(()));
    assert_eq!(keys.verify(&es256(&other, Some("b"))), Ok(()));
    assert_eq!(keys.verify(&es256(&other, Some("a"))), WRONG);
    assert_eq!(keys.verify(&es256(&ES256, Some("z"))), UNKNOWN);
    assert_eq!(keys.verify(&es256(&ES256, Some("c"))), UNKNOWN, "of another kind");
}

#[test]
fn without_a_name_every_fitting_key_may_be_meant() {
    let other = fresh(SigningAlgorithm::Es256);
    let keys = set(vec![jwk(&RS256, Some("r")), jwk(&ES256, Some("a")), jwk(&other, None)]);
    assert_eq!(keys.verify(&es256(&ES256, None)), Ok(()));
    assert_eq!(keys.verify(&es256(&other, None)), Ok(()));
    assert_eq!(keys.verify(&es256(&other, Some("whatever"))), Ok(()), "a key without a name");
    let stranger = fresh(SigningAlgorithm::Es256);
    assert_eq!(keys.verify(&es256(&stranger, None)), UNKNOWN);
    assert_eq!(keys.verify(&es256(&stranger, Some("whatever"))), UNKNOWN);
    assert_eq!(keys.verify(&es256(&stranger, Some("a"))), WRONG);
}

#[test]
fn a_signature_of_nobody_costs_few_verifications() {
    let mut many = vec![jwk(&fresh(SigningAlgorithm::Es256), None); MAX_TRIES];
    many.push(jwk(&ES256, None));
    assert_eq!(set(many.clone()).verify(&es256(&ES256, None)), UNKNOWN);
    many.swap_remove(0);
    assert_eq!(set(many).verify(&es256(&ES256, None)), Ok(()));
}

#[test]
fn the_named_key_is_tried_before_those_without_a_name() {
    let mut many = vec![jwk(&fresh(SigningAlgorithm::Es256), None); MAX_TRIES];
    many.push(jwk(&ES256, Some("a")));
    assert_eq!(set(many).verify(&es256(&ES256, Some("a"))), Ok(()));
}

#[test]
fn one_rsa_key_verifies_both_schemes_unless_it_says_which() {
    let both = set(vec![{
        let mut jwk = jwk(&RS256, None);
        jwk.as_object_mut().unwrap().remove("alg");
        jwk
    }]);
    for (name, algorithm) in [("RS256", Algorithm::RS256), ("PS256", Algorithm::PS256)] {
        let token = signed(&RS256, algorithm, &json!({ "alg": name }));
        assert_eq!(both.verify(&token), Ok(()), "{name}");
        let other = if name == "RS256" { "PS256" } else { "RS256" };
        let mislabelled = signed(&RS256, algorithm, &json!({ "alg": other }));
        assert_eq!(both.verify(&mislabelled), UNKNOWN, "{name} called {other}");
    }
}

#[test]
fn a_registered_set_is_repeated_as_it_was_written() {
    let document =
        json!({ "keys": [jwk(&ES256, Some("a")), { "kty": "EC", "crv": "P-521" }], "x": 1 });
    let registered = RegisteredKeys::parse(&document).unwrap();
    assert_eq!(serde_json::to_value(&registered).unwrap(), document);
    assert_eq!(registered.usable().unwrap().len(), 1);
    let read: RegisteredKeys = serde_json::from_value(document).unwrap();
    assert_eq!((read.keys().len(), &read), (1, &registered));
}

#[test]
fn what_was_stored_and_is_no_good_any_more_verifies_nothing() {
    for stored in [json!({ "keys": [{ "kty": "oct" }] }), json!(7)] {
        let keys: RegisteredKeys = serde_json::from_value(stored).unwrap();
        assert!(keys.keys().is_empty());
        assert_eq!(keys.keys().verify(&es256(&ES256, None)), UNKNOWN);
    }
}

#[test]
fn a_token_is_three_parts_of_base64url_with_a_plain_header() {
    let good = signed_as(Algorithm::ES256, &ES256.encoding, r#"{"alg":"ES256"}"#, "{}");
    let read = |token: &str| Compact::read(token, 8 * 1024).map(|_| ()).unwrap_err();
    for odd in [
        String::new(),
        "..".into(),
        "e30.e30".into(),
        format!("{good}.AA"),
        format!("{good}="),
        format!(" {good}"),
        format!("{good}\n"),
        good.replacen('.', ".=", 1),
    ] {
        assert_eq!(read(&odd), CompactRefusal::Malformed, "{odd:?}");
    }
    assert_eq!(read(&"a".repeat(8 * 1024 + 1)), CompactRefusal::TooLong);
    let signed = |header: &str| signed_as(Algorithm::ES256, &ES256.encoding, header, "{}");
    for (header, refusal) in [
        (r#"{"alg":"ES256","crit":["exp"]}"#, CompactRefusal::Critical),
        (r#"{"alg":"ES256","crit":null}"#, CompactRefusal::Critical),
        (r#"{"alg":"none"}"#, CompactRefusal::Algorithm),
        (r#"{"alg":"HS256"}"#, CompactRefusal::Algorithm),
        (r#"{"alg":"es256"}"#, CompactRefusal::Algorithm),
        (r#"{"alg":["ES256"]}"#, CompactRefusal::Malformed),
        (r#"{"alg":"ES256","alg":"ES256"}"#, CompactRefusal::Malformed),
        (r#"{"alg":"ES256","kid":"a","kid":"a"}"#, CompactRefusal::Malformed),
        (r#"{"alg":"ES256","kid":""}"#, CompactRefusal::Malformed),
        (r#"{"alg":"ES256","kid":5}"#, CompactRefusal::Malformed),
        (r#"["ES256",null,null,false]"#, CompactRefusal::Malformed),
        ("{}", CompactRefusal::Malformed),
    ] {
        assert_eq!(read(&signed(header)), refusal, "{header}");
    }
    let huge = format!(r#"{{"alg":"ES256","x":"{}"}}"#, "x".repeat(4 * 1024));
    assert_eq!(read(&signed(&huge)), CompactRefusal::TooLong);
    let deep = format!(r#"{{"alg":"ES256","x":{}{}}}"#, "[".repeat(1000), "]".repeat(1000));
    assert!(Compact::read(&signed(&deep), 8 * 1024).is_ok(), "skipped, without a stack");
}
