//! What clients send, and what an attacker would.

use jsonwebtoken::{Algorithm, EncodingKey};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::client::ClientMetadataExtras;
use crate::error::OAuthError;
use crate::fixtures::{at, machine};
use crate::jose::test_keys::{EDDSA, ES256, Pair, RS256, base64url, fresh, signed_as};
use crate::jose::{ProofAlgorithm, RegisteredKeys, SigningAlgorithm};

const ISSUER: &str = "https://as.example/tenant";
const CLIENT: &str = "m1";

fn jwks(pairs: &[&Pair]) -> Value {
    let keys: Vec<Value> = pairs
        .iter()
        .map(|pair| {
            let mut jwk = serde_json::to_value(pair.key.public_jwk()).unwrap();
            jwk.as_object_mut().unwrap().remove("alg");
            jwk
        })
        .collect();
    json!({ "keys": keys })
}

/// A client with these keys.
fn client_with(pairs: &[&Pair]) -> Client {
    let jwks = Some(RegisteredKeys::parse(&jwks(pairs)).unwrap());
    Client {
        auth_method: AuthMethod::PrivateKeyJwt,
        secret_hash: None,
        metadata: ClientMetadataExtras { jwks, ..ClientMetadataExtras::default() },
        ..machine()
    }
}

fn good() -> Value {
    json!({
        "iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "jti": "j-1",
        "iat": at(0).timestamp(), "exp": at(300).timestamp(),
    })
}

/// The good claims with one changed; `null` takes it away.
fn with(member: &str, value: Value) -> Value {
    let mut claims = good();
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(member);
    } else {
        claims[member] = value;
    }
    claims
}

fn es256(claims: &Value) -> String {
    let header = json!({ "alg": "ES256", "kid": ES256.key.kid() });
    signed_as(Algorithm::ES256, &ES256.encoding, &header.to_string(), &claims.to_string())
}

fn expected() -> Expected<'static> {
    Expected { issuer: ISSUER, endpoint: "/oauth/introspect", now: at(0) }
}

fn prove_at(
    token: &str,
    client: &Client,
    now: DateTime<Utc>,
) -> Result<OneTimeUse, AssertionRefusal> {
    let assertion = ClientAssertion::read(token, None)?;
    assertion.judge(client, &Expected { now, ..expected() })?;
    assertion.verify(client.metadata.jwks.as_ref().unwrap().keys())
}

fn prove(token: &str, client: &Client) -> Result<OneTimeUse, AssertionRefusal> {
    prove_at(token, client, at(0))
}

fn refusal(claims: &Value) -> AssertionRefusal {
    prove(&es256(claims), &client_with(&[&ES256])).unwrap_err()
}

#[test]
fn each_algorithm_proves_a_client() {
    let client = client_with(&[&ES256, &RS256, &EDDSA]);
    for (name, algorithm, pair) in [
        ("ES256", Algorithm::ES256, &*ES256),
        ("RS256", Algorithm::RS256, &*RS256),
        ("PS256", Algorithm::PS256, &*RS256),
        ("EdDSA", Algorithm::EdDSA, &*EDDSA),
    ] {
        for header in [
            json!({ "alg": name }),
            json!({ "alg": name, "kid": pair.key.kid() }),
            json!({ "alg": name, "typ": "JWT", "x5t": "ignored" }),
            json!({ "alg": name, "typ": "client-authentication+jwt" }),
        ] {
            let token =
                signed_as(algorithm, &pair.encoding, &header.to_string(), &good().to_string());
            let once = prove(&token, &client).unwrap();
            assert_eq!(once.expires_at, at(300) + SKEW, "{header}");
        }
    }
}

#[test]
fn the_same_jti_is_the_same_use_and_of_one_client_only() {
    let client = client_with(&[&ES256]);
    let key = |claims: &Value, client: &Client| prove(&es256(claims), client).unwrap().key;
    let first = key(&good(), &client);
    assert_eq!(first, key(&with("exp", json!(at(200).timestamp())), &client));
    assert_ne!(first, key(&with("jti", json!("j-2")), &client));
    let other = Client { id: "m2".into(), ..client };
    let mut claims = good();
    (claims["iss"], claims["sub"]) = (json!("m2"), json!("m2"));
    assert_ne!(first, key(&claims, &other));
}

#[test]
fn the_audience_is_the_issuer_or_an_endpoint_and_nothing_else() {
    let accepted = |aud: Value| prove(&es256(&with("aud", aud)), &client_with(&[&ES256])).is_ok();
    for aud in [
        ISSUER,
        "https://as.example/tenant/oauth/token",
        "https://as.example/tenant/oauth/introspect",
    ] {
        assert!(accepted(json!(aud)) && accepted(json!([aud])), "{aud}");
    }
    for aud in [
        json!("https://as.example/tenant/"),
        json!("https://as.example/tenant/oauth/revoke"),
        json!("https://as.example/oauth/token"),
        json!("https://AS.example/tenant"),
        json!("https://as.example/tenant?x"),
        json!(""),
        json!([]),
        json!([ISSUER, ISSUER]),
        json!([ISSUER, "https://attacker.example"]),
        json!(["https://attacker.example", "https://as.example/tenant/oauth/token"]),
    ] {
        assert_eq!(refusal(&with("aud", aud.clone())), AssertionRefusal::Audience, "{aud}");
    }
}

#[test]
fn claims_that_are_missing_double_or_of_another_type_are_refused() {
    for member in ["iss", "sub", "aud", "exp", "jti"] {
        assert_eq!(refusal(&with(member, Value::Null)), AssertionRefusal::Claims, "{member}");
    }
    for (member, value) in [
        ("iss", json!([CLIENT])),
        ("sub", json!({ "m1": 1 })),
        ("aud", json!(1)),
        ("aud", json!([1])),
        ("aud", json!({ "0": ISSUER })),
        ("jti", json!(7)),
        ("jti", json!(["j"])),
        ("exp", json!("1800000300")),
        ("exp", json!(true)),
        ("exp", json!([1_800_000_300])),
        ("exp", json!(1e300)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(i64::MIN)),
        ("iat", json!("1800000000")),
        ("iat", json!(1e18)),
        ("nbf", json!("now")),
    ] {
        assert_eq!(
            refusal(&with(member, value.clone())),
            AssertionRefusal::Claims,
            "{member} {value}"
        );
    }
    let header = json!({ "alg": "ES256" }).to_string();
    for payload in [
        String::new(),
        "null".into(),
        "[]".into(),
        format!("[\"m1\",\"m1\",\"{ISSUER}\",1800000300,null,null,\"j\"]"),
        good().to_string().replacen('{', r#"{"sub":"m2","#, 1),
        good().to_string().replacen('{', r#"{"exp":1800000100,"#, 1),
    ] {
        let token = signed_as(Algorithm::ES256, &ES256.encoding, &header, &payload);
        let refused = prove(&token, &client_with(&[&ES256])).unwrap_err();
        assert_eq!(refused, AssertionRefusal::Claims, "{payload}");
    }
}

#[test]
fn it_lives_for_ten_minutes_and_clocks_may_differ_by_one() {
    let at_second = |member: &str, second: i64| with(member, json!(at(second).timestamp()));
    let verdict = |claims: &Value| prove(&es256(claims), &client_with(&[&ES256])).err();
    for fine in [
        at_second("exp", -59),
        at_second("exp", 660),
        at_second("iat", 60),
        at_second("nbf", 60),
        at_second("iat", -660),
        with("iat", Value::Null),
        with("exp", json!(1_800_000_300.75)),
    ] {
        // An expiry before the issue is one of its own; without `iat` only the former counts.
        let mut fine = fine;
        if fine["exp"].as_f64() < fine["iat"].as_f64() {
            fine.as_object_mut().unwrap().remove("iat");
        }
        assert_eq!(verdict(&fine), None, "{fine}");
    }
    for (claims, why) in [
        (at_second("exp", -60), AssertionRefusal::Expired),
        (at_second("exp", -1_000_000), AssertionRefusal::Expired),
        (with("exp", json!(0)), AssertionRefusal::Expired),
        (with("exp", json!(-62_135_596_800_i64)), AssertionRefusal::Expired),
        (at_second("exp", 661), AssertionRefusal::TooLong),
        (at_second("exp", 3600), AssertionRefusal::TooLong),
        (with("exp", json!(253_402_300_799_i64)), AssertionRefusal::TooLong),
        (at_second("iat", -661), AssertionRefusal::TooLong),
        (at_second("iat", 61), AssertionRefusal::NotYet),
        (at_second("iat", 299), AssertionRefusal::NotYet),
        (at_second("nbf", 61), AssertionRefusal::NotYet),
        (at_second("exp", -1), AssertionRefusal::NotYet),
    ] {
        assert_eq!(verdict(&claims), Some(why), "{claims}");
    }
    let client = client_with(&[&ES256]);
    let late = prove_at(&es256(&good()), &client, at(360));
    assert_eq!(late.unwrap_err(), AssertionRefusal::Expired);
    for end in [DateTime::<Utc>::MAX_UTC, DateTime::<Utc>::MIN_UTC] {
        assert!(prove_at(&es256(&good()), &client, end).is_err());
    }
}

#[test]
fn iss_sub_and_client_id_are_one() {
    assert_eq!(refusal(&with("iss", json!("other"))), AssertionRefusal::Subject);
    assert_eq!(refusal(&with("sub", json!("other"))), AssertionRefusal::Subject);
    let mut other = good();
    (other["iss"], other["sub"]) = (json!("m2"), json!("m2"));
    assert_eq!(refusal(&other), AssertionRefusal::Subject, "another client's assertion");
    for odd in ["", "m1\0", "m1\n", &"x".repeat(2049)] {
        let mut claims = good();
        (claims["iss"], claims["sub"]) = (json!(odd), json!(odd));
        assert_eq!(refusal(&claims), AssertionRefusal::Subject, "{odd:?}");
    }
    let token = es256(&good());
    assert!(ClientAssertion::read(&token, Some(CLIENT)).is_ok());
    for named in ["m2", "M1", "m1 ", ""] {
        let refused = ClientAssertion::read(&token, Some(named)).unwrap_err();
        assert_eq!(refused, AssertionRefusal::Subject);
    }
}

#[test]
fn a_jti_is_there_and_short() {
    assert_eq!(refusal(&with("jti", json!(""))), AssertionRefusal::Id);
    assert_eq!(refusal(&with("jti", json!("x".repeat(257)))), AssertionRefusal::Id);
    let long = with("jti", json!("é".repeat(128)));
    assert!(prove(&es256(&long), &client_with(&[&ES256])).is_ok());
}

#[test]
fn only_a_client_of_this_method_and_algorithm_in_good_standing_is_proved() {
    let token = es256(&good());
    let keyed = client_with(&[&ES256]);
    for method in [AuthMethod::None, AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost] {
        let client = Client { auth_method: method, ..keyed.clone() };
        assert_eq!(prove(&token, &client).unwrap_err(), AssertionRefusal::Method(method));
    }
    for status in [ClientStatus::Suspended, ClientStatus::Revoked] {
        let client = Client { status, ..keyed.clone() };
        assert_eq!(prove(&token, &client).unwrap_err(), AssertionRefusal::Inactive(status));
    }
    let mut picky = keyed;
    picky.metadata.token_endpoint_auth_signing_alg = Some(ProofAlgorithm::Rs256);
    assert_eq!(prove(&token, &picky).unwrap_err(), AssertionRefusal::Algorithm);
    picky.metadata.token_endpoint_auth_signing_alg = Some(ProofAlgorithm::Es256);
    assert!(prove(&token, &picky).is_ok());
}

#[test]
fn other_kinds_of_token_do_not_pass() {
    let client = client_with(&[&ES256]);
    for typ in ["at+jwt", "dpop+jwt", "oauth-id-jag+jwt", "logout+jwt", "secevent+jwt", "", "JWT "]
    {
        let header = json!({ "alg": "ES256", "typ": typ }).to_string();
        let token = signed_as(Algorithm::ES256, &ES256.encoding, &header, &good().to_string());
        assert_eq!(prove(&token, &client).unwrap_err(), AssertionRefusal::Type, "{typ:?}");
    }
}

#[test]
fn unsigned_and_hmac_assertions_are_refused() {
    let client = client_with(&[&ES256, &RS256]);
    for none in ["none", "None", "NONE", "nOnE"] {
        let header = base64url(json!({ "alg": none }).to_string());
        let token = format!("{header}.{}.", base64url(good().to_string()));
        assert!(prove(&token, &client).is_err(), "{none}");
    }
    let public = jwks(&[&RS256])["keys"][0].to_string();
    let secrets = [public.into_bytes(), RS256.pem.clone().into_bytes(), Vec::new()];
    for secret in secrets {
        for (name, algorithm) in [("HS256", Algorithm::HS256), ("HS512", Algorithm::HS512)] {
            let header = json!({ "alg": name, "kid": RS256.key.kid() }).to_string();
            let key = EncodingKey::from_secret(&secret);
            for header in [header.clone(), header.replace(name, "RS256")] {
                let token = signed_as(algorithm, &key, &header, &good().to_string());
                assert!(prove(&token, &client).is_err(), "{header}");
            }
        }
    }
}

/// RFC 7515 §7.2: what has several ways to be written has several ways to be misread.
#[test]
fn a_json_serialisation_is_no_assertion() {
    let client = client_with(&[&ES256]);
    let token = es256(&good());
    let parts: Vec<&str> = token.split('.').collect();
    let [protected, payload, signature] = parts[..] else { panic!("{token}") };
    let flattened = json!({ "protected": protected, "payload": payload, "signature": signature });
    let mut with_header = flattened.clone();
    with_header["header"] = json!({ "alg": "none" });
    let general = json!({
        "payload": payload,
        "signatures": [{ "protected": protected, "signature": signature }],
    });
    for form in [flattened, with_header, general] {
        let refused = prove(&form.to_string(), &client).unwrap_err();
        assert_eq!(refused, CompactRefusal::Malformed.into(), "{form}");
        // Nor when it is dressed up as a compact one.
        for dressed in [format!("{form}.."), format!("{protected}.{form}.{signature}")] {
            assert!(prove(&dressed, &client).is_err(), "{dressed}");
        }
    }
}

/// Encrypted to whom it may concern and signed by nobody.
#[test]
fn a_jwe_around_the_claims_proves_nothing() {
    let client = client_with(&[&ES256, &RS256]);
    let signed = es256(&good());
    for header in [
        json!({ "alg": "dir", "enc": "A256GCM" }),
        json!({ "alg": "dir", "enc": "A256GCM", "cty": "JWT", "zip": "DEF" }),
        json!({ "alg": "RSA-OAEP", "enc": "A128CBC-HS256", "kid": RS256.key.kid() }),
        json!({ "alg": "ES256", "enc": "A256GCM", "kid": ES256.key.kid() }),
    ] {
        let header = base64url(header.to_string());
        for content in [good().to_string(), signed.clone()] {
            let (content, iv, tag) = (base64url(content), base64url([0; 12]), base64url([0; 16]));
            let five = format!("{header}..{iv}.{content}.{tag}");
            let refused = prove(&five, &client).unwrap_err();
            assert!(matches!(refused, AssertionRefusal::Unreadable(_)), "{five}: {refused}");
            let three = format!("{header}.{content}.{tag}");
            assert!(prove(&three, &client).is_err(), "{three}");
        }
    }
}

/// `zip` is of JWE alone (RFC 7516 §4.1.3): nothing is unpacked, also of who may sign.
#[test]
fn claims_that_are_packed_are_no_claims() {
    let claims = good().to_string().into_bytes();
    let length = u16::try_from(claims.len()).unwrap();
    // RFC 1951 §3.2.4: one last block, stored as it is.
    let deflated = [&[1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), &claims].concat();
    let header = json!({ "alg": "ES256", "kid": ES256.key.kid(), "zip": "DEF" }).to_string();
    let message = format!("{}.{}", base64url(&header), base64url(&deflated));
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &ES256.encoding, Algorithm::ES256).unwrap();
    let refused = prove(&format!("{message}.{signature}"), &client_with(&[&ES256])).unwrap_err();
    assert_eq!(refused, AssertionRefusal::Claims);
}

#[test]
fn keys_that_come_with_the_assertion_are_not_looked_at() {
    let attacker = fresh(SigningAlgorithm::Es256);
    let jwk = serde_json::to_value(attacker.key.public_jwk()).unwrap();
    let client = client_with(&[&ES256]);
    for (member, value) in [
        ("jwk", jwk),
        ("jku", json!("https://attacker.example/jwks.json")),
        ("x5u", json!("https://attacker.example/chain.pem")),
        ("x5c", json!(["MIIB"])),
    ] {
        for kid in [attacker.key.kid(), ES256.key.kid()] {
            let header = json!({ "alg": "ES256", "kid": kid, member: value });
            let token = signed_as(
                Algorithm::ES256,
                &attacker.encoding,
                &header.to_string(),
                &good().to_string(),
            );
            let refused = prove(&token, &client).unwrap_err();
            assert!(matches!(refused, AssertionRefusal::Signature(_)), "{member}");
        }
    }
}

#[test]
fn a_refusal_says_nothing_to_the_client_and_all_to_the_log() {
    let mut said = std::collections::BTreeSet::new();
    for claims in [with("aud", json!("x")), with("exp", json!(0)), with("jti", json!(""))] {
        let error = OAuthError::from(refusal(&claims));
        assert!(error.detail.unwrap().starts_with("assertion: "));
        said.insert((error.code.as_str(), error.description));
    }
    assert_eq!(said.len(), 1);
    assert!(!format!("{:?}", ClientAssertion::read(&es256(&good()), None)).contains("j-1"));
}

proptest! {
    #[test]
    fn no_text_panics(text in ".*", parts in proptest::collection::vec("[A-Za-z0-9_-]{0,40}", 0..5)) {
        let _ = ClientAssertion::read(&text, None);
        let _ = ClientAssertion::read(&parts.join("."), Some("m1"));
    }

    #[test]
    fn no_claims_panic(exp in any::<f64>(), iat in any::<i64>(), nbf in any::<u64>(), jti in ".*", sub in ".*") {
        let mut claims = good();
        claims["exp"] = json!(exp);
        claims["iat"] = json!(iat);
        claims["nbf"] = json!(nbf);
        claims["jti"] = json!(jti);
        (claims["sub"], claims["iss"]) = (json!(sub), json!(sub));
        let _ = prove(&es256(&claims), &client_with(&[&ES256]));
    }

    #[test]
    fn a_changed_byte_proves_nothing(place in 0_usize..400, to in "[A-Za-z0-9_-]") {
        let token = es256(&good());
        let place = place % token.len();
        let mut bytes = token.clone().into_bytes();
        bytes[place] = to.as_bytes()[0];
        let changed = String::from_utf8(bytes).unwrap();
        prop_assume!(changed != token);
        prop_assert!(prove(&changed, &client_with(&[&ES256])).is_err());
    }
}
