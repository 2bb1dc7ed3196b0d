//! Tokens an attacker would send, one attack a test.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::test_keys::{
    EDDSA, ES256, Pair, RS256, base64url, claims, fresh, header, now, published, recognised,
    refusal, ring_of, signed, signed_as, with_claim, with_header,
};
use super::{AccessToken, KeyRing, KeyState, SigningAlgorithm, TokenRefusal};

const MALFORMED: Option<TokenRefusal> = Some(TokenRefusal::Malformed);
const SIGNATURE: Option<TokenRefusal> = Some(TokenRefusal::Signature);
const UNKNOWN: Option<TokenRefusal> = Some(TokenRefusal::UnknownKey);

fn payload() -> String {
    serde_json::to_string(&claims()).unwrap()
}

fn good_token(pair: &Pair) -> String {
    AccessToken::sign(&claims(), &ring_of(pair)).unwrap().expose().to_owned()
}

/// Header, payload and signature of a good ES256 token.
fn good_parts() -> [String; 3] {
    let token = good_token(&ES256);
    let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

fn attacker() -> Pair {
    fresh(SigningAlgorithm::Es256)
}

#[test]
fn alg_none() {
    let [_, payload, signature] = good_parts();
    for none in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({ "typ": "at+jwt", "alg": none, "kid": ES256.key.kid() });
        let header = base64url(header.to_string());
        assert_eq!(refusal(&format!("{header}.{payload}."), &ES256), MALFORMED, "{none}");
        assert_eq!(refusal(&format!("{header}.{payload}.{signature}"), &ES256), MALFORMED);
    }
}

#[test]
fn no_alg_at_all() {
    assert_eq!(refusal(&with_header(&ES256, "alg", Value::Null), &ES256), MALFORMED);
}

#[test]
fn hmac_with_the_public_key_as_its_secret() {
    for pair in [&*ES256, &*RS256, &*EDDSA] {
        let jwk = serde_json::to_string(pair.key.public_jwk()).unwrap();
        let parts: Value = serde_json::from_str(&jwk).unwrap();
        let mut secrets = vec![jwk.into_bytes(), pair.key.kid().as_bytes().to_vec(), Vec::new()];
        for member in ["x", "y", "n"] {
            let Some(text) = parts[member].as_str() else { continue };
            secrets.push(text.as_bytes().to_vec());
            secrets.push(base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap());
        }
        for secret in secrets {
            for (name, algorithm) in [("HS256", Algorithm::HS256), ("HS512", Algorithm::HS512)] {
                let header = json!({ "typ": "at+jwt", "alg": name, "kid": pair.key.kid() });
                let secret = EncodingKey::from_secret(&secret);
                let forged = signed_as(algorithm, &secret, &header.to_string(), &payload());
                assert_eq!(refusal(&forged, pair), SIGNATURE);
            }
        }
    }
}

#[test]
fn the_alg_of_another_curve() {
    for alg in ["ES384", "EdDSA", "RS256", "PS256"] {
        assert_eq!(refusal(&with_header(&ES256, "alg", json!(alg)), &ES256), SIGNATURE, "{alg}");
    }
    for alg in ["ES512", "ES256K", "Ed25519", "es256"] {
        assert_eq!(refusal(&with_header(&ES256, "alg", json!(alg)), &ES256), MALFORMED, "{alg}");
    }
}

#[test]
fn another_rsa_scheme_with_our_own_rsa_key() {
    for (name, algorithm) in
        [("RS384", Algorithm::RS384), ("RS512", Algorithm::RS512), ("PS256", Algorithm::PS256)]
    {
        let header = json!({ "typ": "at+jwt", "alg": name, "kid": RS256.key.kid() }).to_string();
        let forged = signed_as(algorithm, &RS256.encoding, &header, &payload());
        assert_eq!(refusal(&forged, &RS256), SIGNATURE, "{name}");
    }
}

#[test]
fn the_kid_of_another_of_our_keys() {
    let other = attacker();
    let keys =
        [(&*ES256, KeyState::Active), (&other, KeyState::Next), (&*EDDSA, KeyState::Retired)];
    let ring = KeyRing::new(keys.map(|(key, state)| published(key, state)).to_vec()).unwrap();
    for kid in [other.key.kid(), EDDSA.key.kid()] {
        let forged = with_header(&ES256, "kid", json!(kid));
        assert_eq!(recognised(&forged, &ring).err(), SIGNATURE);
    }
}

#[test]
fn our_kid_over_a_strangers_signature() {
    let forged = signed(&attacker(), &header(&ES256).to_string(), &payload());
    assert_eq!(refusal(&forged, &ES256), SIGNATURE);
}

#[test]
fn no_kid() {
    assert_eq!(refusal(&with_header(&ES256, "kid", Value::Null), &ES256), MALFORMED);
}

#[test]
fn a_kid_we_do_not_have() {
    for kid in ["", "unknown", "../../dev/null", "' OR 1=1 --", "*"] {
        assert_eq!(refusal(&with_header(&ES256, "kid", json!(kid)), &ES256), UNKNOWN, "{kid}");
    }
}

/// Nobody has to look for a key of what is no good whoever signed it.
#[test]
fn a_kid_we_do_not_have_over_what_is_not_ours_or_over() {
    let attacker = attacker();
    let header = header(&attacker).to_string();
    let saying = |member: &str, value: Value| {
        let mut claims: Value = serde_json::from_str(&payload()).unwrap();
        claims[member] = value;
        claims.to_string()
    };
    let elsewhere = saying("iss", json!("https://elsewhere.example"));
    let over = saying("exp", json!(now().timestamp()));
    for payload in [elsewhere, over, "{}".to_owned(), "[]".to_owned(), String::new()] {
        let forged = signed(&attacker, &header, &payload);
        assert_eq!(refusal(&forged, &ES256), SIGNATURE, "{payload}");
    }
    let parts = |payload: &str| format!("{}.{payload}.AAAA", URL_SAFE_NO_PAD.encode(&header));
    for payload in ["", "!", "AAAA"] {
        assert_eq!(refusal(&parts(payload), &ES256), SIGNATURE, "{payload}");
    }
}

#[test]
fn a_kid_that_is_no_string() {
    for kid in [json!(1), json!([ES256.key.kid()]), json!({ "kid": ES256.key.kid() })] {
        assert_eq!(refusal(&with_header(&ES256, "kid", kid), &ES256), MALFORMED);
    }
}

#[test]
fn another_kind_of_token_signed_by_us() {
    let others = ["JWT", "AT+JWT", "at+jwt ", "at", "dpop+jwt", "logout+jwt", "secevent+jwt", ""];
    for typ in others {
        assert_eq!(refusal(&with_header(&ES256, "typ", json!(typ)), &ES256), MALFORMED, "{typ}");
    }
    assert_eq!(refusal(&with_header(&ES256, "typ", Value::Null), &ES256), MALFORMED);
}

#[test]
fn a_key_that_comes_with_the_token() {
    let attacker = attacker();
    let jwk = serde_json::to_value(attacker.key.public_jwk()).unwrap();
    let carriers = [
        ("jwk", jwk),
        ("jku", json!("https://attacker.example/jwks.json")),
        ("x5u", json!("https://attacker.example/chain.pem")),
        ("x5c", json!(["MIIB"])),
    ];
    for (member, value) in carriers {
        for kid in [attacker.key.kid(), ES256.key.kid()] {
            let mut header = header(&attacker);
            header["kid"] = json!(kid);
            header[member] = value.clone();
            let forged = signed(&attacker, &header.to_string(), &payload());
            let unknown = kid == attacker.key.kid();
            let expected = if unknown { UNKNOWN } else { SIGNATURE };
            assert_eq!(refusal(&forged, &ES256), expected, "{member}");
        }
        // Where our own key has signed it, what else the header says does not matter.
        let ours = with_header(&ES256, member, value);
        assert_eq!(refusal(&ours, &ES256), None, "{member}");
    }
}

/// RFC 7515 §4.1.11: what is critical and not understood must be refused.
#[test]
fn a_critical_header_we_do_not_understand() {
    for crit in [json!(["exp"]), json!(["b64"]), json!([])] {
        assert_eq!(refusal(&with_header(&ES256, "crit", crit), &ES256), MALFORMED);
    }
}

#[test]
fn a_header_that_says_two_things() {
    let kid = ES256.key.kid();
    let twice = [
        format!(r#"{{"typ":"at+jwt","alg":"none","alg":"ES256","kid":"{kid}"}}"#),
        format!(r#"{{"typ":"at+jwt","alg":"ES256","alg":"none","kid":"{kid}"}}"#),
        format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"other","kid":"{kid}"}}"#),
        format!(r#"{{"typ":"JWT","typ":"at+jwt","alg":"ES256","kid":"{kid}"}}"#),
    ];
    for header in twice {
        assert_eq!(refusal(&signed(&ES256, &header, &payload()), &ES256), MALFORMED, "{header}");
    }
}

#[test]
fn a_claim_that_is_there_twice() {
    let payload = payload().replacen('{', r#"{"sub":"admin","#, 1);
    let forged = signed(&ES256, &header(&ES256).to_string(), &payload);
    assert_eq!(refusal(&forged, &ES256), SIGNATURE);
}

#[test]
fn an_expiry_that_is_no_whole_number() {
    let odd = [
        json!("1900000000"),
        json!(1_900_000_000.5),
        json!(1.9e9),
        json!(1e300),
        json!(u64::MAX),
        json!(true),
        json!([1_900_000_000]),
        Value::Null,
    ];
    for exp in odd {
        assert_eq!(refusal(&with_claim(&ES256, "exp", exp.clone()), &ES256), SIGNATURE, "{exp}");
    }
}

#[test]
fn an_audience_that_is_no_array_of_strings() {
    for aud in [json!("https://mcp.example.com/"), json!([1]), json!({}), Value::Null] {
        assert_eq!(refusal(&with_claim(&ES256, "aud", aud.clone()), &ES256), SIGNATURE, "{aud}");
    }
}

#[test]
fn an_issuer_that_is_a_list_with_ours_in_it() {
    let forged = with_claim(&ES256, "iss", json!(["https://auth.example.com"]));
    assert_eq!(refusal(&forged, &ES256), SIGNATURE);
}

#[test]
fn a_truncated_signature() {
    let [header, payload, signature] = good_parts();
    for length in 0..signature.len() {
        let forged = format!("{header}.{payload}.{}", &signature[..length]);
        assert_eq!(refusal(&forged, &ES256), SIGNATURE, "{length}");
    }
}

#[test]
fn an_extended_signature() {
    for pair in [&*ES256, &*RS256, &*EDDSA] {
        let token = good_token(pair);
        for more in ["A", "AA", "AAAA", "AAAAAAAA"] {
            assert_eq!(refusal(&format!("{token}{more}"), pair), SIGNATURE, "{more}");
        }
    }
}

#[test]
fn a_signature_of_zeros() {
    let [header, payload, _] = good_parts();
    for length in [0, 1, 63, 64, 65, 132] {
        let forged = format!("{header}.{payload}.{}", base64url(vec![0; length]));
        assert_eq!(refusal(&forged, &ES256), SIGNATURE, "{length}");
    }
}

#[test]
fn another_payload_under_a_good_signature() {
    let [header, _, signature] = good_parts();
    let mut richer = claims();
    richer.scope = "admin".to_owned();
    let payload = base64url(serde_json::to_string(&richer).unwrap());
    assert_eq!(refusal(&format!("{header}.{payload}.{signature}"), &ES256), SIGNATURE);
}

#[test]
fn json_serialisation_instead_of_compact() {
    let [protected, payload, signature] = good_parts();
    let flattened = json!({ "protected": protected, "payload": payload, "signature": signature });
    let general = json!({
        "payload": payload,
        "signatures": [{ "protected": protected, "signature": signature }],
    });
    assert_eq!(refusal(&flattened.to_string(), &ES256), MALFORMED);
    assert_eq!(refusal(&general.to_string(), &ES256), MALFORMED);
}

/// Unsigned claims, or a good token, in the envelope of RFC 7516 §7.1.
#[test]
fn a_jwe_around_a_token() {
    for header in [
        json!({ "alg": "dir", "enc": "A256GCM", "typ": "at+jwt", "kid": ES256.key.kid() }),
        json!({ "alg": "dir", "enc": "A256GCM", "cty": "at+jwt", "typ": "at+jwt", "zip": "DEF" }),
        json!({ "alg": "RSA-OAEP-256", "enc": "A256GCM", "typ": "at+jwt", "kid": RS256.key.kid() }),
        json!({ "alg": "ES256", "enc": "A256GCM", "typ": "at+jwt", "kid": ES256.key.kid() }),
    ] {
        let header = base64url(header.to_string());
        for content in [payload(), good_token(&ES256)] {
            let (content, iv, tag) = (base64url(content), base64url([0; 12]), base64url([0; 16]));
            for key in [String::new(), base64url([0; 256])] {
                let five = format!("{header}.{key}.{iv}.{content}.{tag}");
                assert_eq!(refusal(&five, &ES256), MALFORMED, "{five}");
                assert_eq!(refusal(&five, &RS256), MALFORMED, "{five}");
            }
            let three = format!("{header}.{content}.{tag}");
            assert!(refusal(&three, &ES256).is_some(), "{three}");
        }
    }
}

/// Ours never look like this; what reads them must not guess what was meant.
#[test]
fn a_claim_of_another_json_type_although_it_is_signed_by_us() {
    let jti = claims().jti.to_string();
    for (claim, values) in [
        ("iat", vec![json!("1800000000"), json!(1.5), json!(true), json!([1]), json!({})]),
        ("jti", vec![json!(7), json!([jti]), json!({ "jti": jti }), json!("x"), json!("")]),
        ("client_id", vec![json!(1), json!(["app"]), json!({ "0": "app" }), json!(false)]),
        ("scope", vec![json!(["read", "write"]), json!(1), json!({}), json!(true)]),
        ("sub", vec![json!(1), json!(["user-1"]), json!({ "id": "user-1" }), json!(true)]),
        ("cnf", vec![json!("x"), json!({}), json!({ "jkt": 1 }), json!(["x"]), json!([{}])]),
        ("amr", vec![json!("pwd"), json!([1]), json!({ "0": "pwd" }), json!([["pwd"]])]),
        ("auth_time", vec![json!("1800000000"), json!(1.5), json!([1])]),
        ("agent_id", vec![json!(1), json!(["a"])]),
    ] {
        for value in values {
            let token = with_claim(&ES256, claim, value.clone());
            assert_eq!(refusal(&token, &ES256), SIGNATURE, "{claim} {value}");
        }
    }
    for claim in ["iat", "jti", "client_id", "scope", "sub"] {
        let token = with_claim(&ES256, claim, Value::Null);
        assert_eq!(refusal(&token, &ES256), SIGNATURE, "no {claim}");
    }
}

#[test]
fn more_or_fewer_parts_than_three() {
    let [header, payload, signature] = good_parts();
    let odd = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "....".to_owned(),
        header.clone(),
        format!("{header}.{payload}"),
        format!(".{payload}.{signature}"),
        format!("{header}.{payload}.{signature}.{signature}"),
        format!("{header}.{payload}.{signature}.{signature}.{signature}"),
    ];
    for token in odd {
        assert_eq!(refusal(&token, &ES256), MALFORMED, "{token}");
    }
}

#[test]
fn something_before_or_after_the_token() {
    let token = good_token(&ES256);
    for trailing in [" ", "\n", ".", "\0", "=", "%00", ",", "#"] {
        assert!(refusal(&format!("{token}{trailing}"), &ES256).is_some(), "{trailing:?}");
        assert!(refusal(&format!("{trailing}{token}"), &ES256).is_some(), "{trailing:?}");
    }
    assert!(refusal(&format!("{token} {token}"), &ES256).is_some());
    assert!(refusal(&format!("Bearer {token}"), &ES256).is_some());
}

#[test]
fn base64_with_padding_or_of_the_other_alphabet() {
    let [header, payload, signature] = good_parts();
    let decode =
        |part: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap();
    let padded = URL_SAFE.encode(decode(&signature));
    assert!(padded.ends_with("=="));
    assert_eq!(refusal(&format!("{header}.{payload}.{padded}"), &ES256), SIGNATURE);
    for pads in ["=", "==", "==="] {
        assert_eq!(refusal(&format!("{header}{pads}.{payload}.{signature}"), &ES256), MALFORMED);
        assert_eq!(refusal(&format!("{header}.{payload}{pads}.{signature}"), &ES256), SIGNATURE);
    }
    // 384 signature bytes without a '-' or '_' among them do not happen.
    let [rsa_message, rsa_signature] = {
        let token = good_token(&RS256);
        let (message, signature) = token.rsplit_once('.').unwrap();
        [message.to_owned(), signature.to_owned()]
    };
    let standard = STANDARD_NO_PAD.encode(decode(&rsa_signature));
    if standard != rsa_signature {
        assert_eq!(refusal(&format!("{rsa_message}.{standard}"), &RS256), SIGNATURE);
    }
}

#[test]
fn a_token_of_20_kib() {
    let token = with_claim(&ES256, "scope", json!("x".repeat(15 * 1024)));
    assert!(token.len() > 20 * 1024);
    assert_eq!(refusal(&token, &ES256), MALFORMED, "although it is signed by us");
    assert_eq!(refusal(&"a".repeat(1 << 20), &ES256), MALFORMED);
    assert_eq!(refusal(&with_claim(&ES256, "scope", json!("x".repeat(8 * 1024))), &ES256), None);
}

#[test]
fn json_nested_deeper_than_a_stack() {
    let depth = 5_000;
    let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let nest = |json: String| json.replacen('{', &format!(r#"{{"deep":{deep},"#), 1);

    let header_nested = signed(&ES256, &nest(header(&ES256).to_string()), &payload());
    assert!(header_nested.len() < 16 * 1024);
    assert_eq!(refusal(&header_nested, &ES256), MALFORMED);
    let only_nested = format!("{}.e30.AA", base64url(deep.as_bytes()));
    assert_eq!(refusal(&only_nested, &ES256), MALFORMED);
    let payload_nested = signed(&ES256, &header(&ES256).to_string(), &nest(payload()));
    assert_eq!(refusal(&payload_nested, &ES256), None, "skipped, without a stack");
}

#[test]
fn a_payload_that_is_no_object() {
    let claims: Value = serde_json::from_str(&payload()).unwrap();
    // The values alone, in the order in which the members are declared.
    let required = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope"];
    let optional = ["auth_time", "acr", "amr", "cnf", "agent_id"];
    let listed: Vec<&Value> = required.iter().chain(&optional).map(|it| &claims[it]).collect();
    let listed = serde_json::to_string(&listed).unwrap();
    for payload in ["", "null", "[]", "\"text\"", "1", "{", "{}", &listed] {
        let forged = signed(&ES256, &header(&ES256).to_string(), payload);
        assert_eq!(refusal(&forged, &ES256), SIGNATURE, "{payload}");
    }
}
