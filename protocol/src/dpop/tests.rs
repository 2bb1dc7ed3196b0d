//! The examples of RFC 9449, and what an attacker would send instead.

use jsonwebtoken::{Algorithm, EncodingKey};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::fixtures::at;
use crate::jose::test_keys::{EDDSA, ES256, Pair, RS256, base64url, fresh, p384_pem, signed_as};
use crate::jose::{SigningAlgorithm, thumbprint};
use crate::secret::{Purpose as KeyPurpose, RootSecret};

const URL: &str = "https://as.example/tenant/oauth/token";

fn expected() -> Expected<'static> {
    Expected {
        method: "POST",
        url: URL,
        now: at(0),
        lifetime: TimeDelta::seconds(60),
        nonces: None,
    }
}

fn public(pair: &Pair) -> Value {
    let jwk = serde_json::to_value(pair.key.public_jwk()).unwrap();
    let needed = ["kty", "crv", "x", "y", "n", "e"];
    let members = jwk.as_object().unwrap().iter();
    members
        .filter(|(name, _)| needed.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn header(pair: &Pair) -> Value {
    json!({ "typ": "dpop+jwt", "alg": pair.key.algorithm().as_str(), "jwk": public(pair) })
}

fn claims() -> Value {
    json!({ "jti": "j-1", "htm": "POST", "htu": URL, "iat": at(0).timestamp() })
}

/// With one member changed; `null` takes it away.
fn with(mut object: Value, member: &str, value: Value) -> Value {
    if value.is_null() {
        object.as_object_mut().unwrap().remove(member);
    } else {
        object[member] = value;
    }
    object
}

fn signed(pair: &Pair, header: &Value, claims: &Value) -> String {
    let algorithm: Algorithm = pair.key.algorithm().as_str().parse().unwrap();
    signed_as(algorithm, &pair.encoding, &header.to_string(), &claims.to_string())
}

fn es256(claims: &Value) -> String {
    signed(&ES256, &header(&ES256), claims)
}

fn judge(proof: &str) -> Result<Proven, ProofRefusal> {
    judge_by(proof, &expected())
}

fn judge_by(proof: &str, expected: &Expected<'_>) -> Result<Proven, ProofRefusal> {
    Proof::read(proof)?.verify(expected)
}

fn refusal(proof: &str) -> ProofRefusal {
    judge(proof).unwrap_err()
}

/// RFC 9449 §4.1, and its key's thumbprint in §6.1.
#[test]
fn the_example_of_the_rfc_is_good() {
    let proof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
    let then = DateTime::from_timestamp(1_562_262_616, 0).unwrap();
    let expected = Expected { url: "https://server.example.com/token", now: then, ..expected() };
    let proven = judge_by(proof, &expected).unwrap();
    assert_eq!(proven.jkt, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

/// RFC 7638 §3.1 and RFC 8037 Appendix A.3.
#[test]
fn thumbprints_are_those_of_the_rfcs() {
    let rsa = json!({ "kty": "RSA", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" });
    assert_eq!(thumbprint(&rsa).unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    let ed25519 = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    assert_eq!(thumbprint(&ed25519).unwrap(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_eq!(thumbprint(&public(&ES256)).unwrap(), ES256.key.kid());
    assert_eq!(thumbprint(&json!({ "kty": "oct", "k": "AA" })), None);
    let injected = json!({ "kty": "OKP", "crv": "Ed25519\",\"x\":\"AA", "x": "BB" });
    assert_eq!(thumbprint(&injected), None);
}

#[test]
fn every_algorithm_on_the_list_proves_its_key() {
    for pair in [&*ES256, &*RS256, &*EDDSA] {
        let proven = judge(&signed(pair, &header(pair), &claims())).unwrap();
        assert_eq!(proven.jkt, pair.key.kid());
    }
    let pss = with(header(&RS256), "alg", json!("PS256"));
    let pss = signed_as(Algorithm::PS256, &RS256.encoding, &pss.to_string(), &claims().to_string());
    assert_eq!(judge(&pss).unwrap().jkt, RS256.key.kid());

    let pem = p384_pem();
    let key = EncodingKey::from_ec_pem(pem.as_bytes()).unwrap();
    let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&key, Algorithm::ES384).unwrap();
    let mut jwk = serde_json::to_value(jwk).unwrap();
    jwk["kid"] = json!("some clients name it");
    let head = json!({ "typ": "dpop+jwt", "alg": "ES384", "jwk": jwk });
    let proof = signed_as(Algorithm::ES384, &key, &head.to_string(), &claims().to_string());
    assert_eq!(judge(&proof).unwrap().jkt, thumbprint(&jwk).unwrap());
    let claimed = with(head, "alg", json!("ES256"));
    let proof = signed_as(Algorithm::ES384, &key, &claimed.to_string(), &claims().to_string());
    assert!(judge(&proof).is_err());
}

#[test]
fn only_a_proof_of_this_type_is_one() {
    for typ in [json!("JWT"), json!("at+jwt"), json!("DPOP+JWT"), json!("dpop+jwt "), json!(null)] {
        let other = with(header(&ES256), "typ", typ);
        assert_eq!(refusal(&signed(&ES256, &other, &claims())), ProofRefusal::Type);
    }
}

#[test]
fn none_and_hmac_are_no_proof() {
    let unsigned = with(header(&ES256), "alg", json!("none"));
    let unsigned =
        format!("{}.{}.", base64url(unsigned.to_string()), base64url(claims().to_string()));
    assert_eq!(refusal(&unsigned).reason(), "algorithm");
    for alg in ["HS256", "HS512", "ES512", "ES256K", "RS384", "", "es256"] {
        let other = with(header(&ES256), "alg", json!(alg));
        let key = EncodingKey::from_secret(b"public key");
        let proof = signed_as(Algorithm::HS256, &key, &other.to_string(), &claims().to_string());
        assert_eq!(refusal(&proof).reason(), "algorithm", "{alg}");
    }
}

#[test]
fn the_key_has_to_be_a_public_one_that_can_sign() {
    let key = |jwk: Value| refusal(&signed(&ES256, &with(header(&ES256), "jwk", jwk), &claims()));
    assert_eq!(key(json!(null)), ProofRefusal::Key(JwkRefusal::Shape));
    assert_eq!(key(json!([public(&ES256)])), ProofRefusal::Key(JwkRefusal::Shape));
    assert_eq!(key(json!("AA")), ProofRefusal::Key(JwkRefusal::Shape));
    for member in ["d", "k", "p", "q", "dp", "dq", "qi", "oth"] {
        let private = with(public(&ES256), member, json!("AQAB"));
        assert_eq!(key(private), ProofRefusal::Key(JwkRefusal::Secret), "{member}");
    }
    let symmetric = json!({ "kty": "oct", "k": "AQAB" });
    assert_eq!(key(symmetric), ProofRefusal::Key(JwkRefusal::Secret));
    let off_the_curve = with(public(&ES256), "y", public(&ES256)["x"].clone());
    assert_eq!(key(off_the_curve), ProofRefusal::Key(JwkRefusal::Numbers));
    assert_eq!(key(public(&EDDSA)), ProofRefusal::Key(JwkRefusal::Algorithm));
    let mut short = public(&RS256);
    let n = short["n"].as_str().unwrap()[..172].to_owned();
    short["n"] = json!(n);
    assert_eq!(key(short), ProofRefusal::Key(JwkRefusal::Strength));
}

#[test]
fn the_key_in_the_header_is_the_one_that_signed() {
    let other = fresh(SigningAlgorithm::Es256);
    let foreign = signed(&other, &header(&ES256), &claims());
    assert_eq!(refusal(&foreign), ProofRefusal::Signature);
    let good = es256(&claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (head, _) = message.split_once('.').unwrap();
    let moved = with(claims(), "htm", json!("POST"));
    let moved = with(moved, "jti", json!("j-2"));
    let swapped = format!("{head}.{}.{signature}", base64url(moved.to_string()));
    assert_eq!(refusal(&swapped), ProofRefusal::Signature);
    assert_eq!(refusal(&format!("{message}.")), ProofRefusal::Signature);
}

#[test]
fn it_is_for_this_method_and_this_url() {
    for method in ["GET", "post", "POST ", ""] {
        let claims = with(claims(), "htm", json!(method));
        assert_eq!(refusal(&es256(&claims)), ProofRefusal::Method, "{method:?}");
    }
    for url in [
        "https://as.example/tenant/oauth/token?x=1",
        "https://as.example/tenant/oauth/token#x",
        "HTTPS://AS.Example:443/tenant/oauth/token",
        "https://as.example/tenant/./oauth/../oauth/%74oken",
    ] {
        assert!(judge(&es256(&with(claims(), "htu", json!(url)))).is_ok(), "{url}");
    }
    for url in [
        "http://as.example/tenant/oauth/token",
        "https://as.example:8443/tenant/oauth/token",
        "https://as.example/oauth/token",
        "https://as.example/tenant/oauth/token/",
        "https://as.example/tenant/oauth%2Ftoken",
        "https://as.example/tenant/oauth/TOKEN",
        "https://as.example/tenant/oauth/introspect",
        "https://evil.example/tenant/oauth/token",
        "https://as.example.evil.example/tenant/oauth/token",
        "https://as.example@evil.example/tenant/oauth/token",
        "https://user@as.example/tenant/oauth/token",
        "https:\\\\as.example\\tenant\\oauth\\token",
        " https://as.example/tenant/oauth/token",
        "/tenant/oauth/token",
        "ftp://as.example/tenant/oauth/token",
        "",
    ] {
        assert_eq!(refusal(&es256(&with(claims(), "htu", json!(url)))), ProofRefusal::Url, "{url}");
    }
}

#[test]
fn it_counts_for_a_minute_either_way() {
    for (second, answer) in [
        (0, None),
        (-60, None),
        (60, None),
        (-61, Some(ProofRefusal::Old)),
        (61, Some(ProofRefusal::Ahead)),
        (-1_000_000_000, Some(ProofRefusal::Old)),
    ] {
        let proof = es256(&with(claims(), "iat", json!(at(second).timestamp())));
        assert_eq!(judge(&proof).err(), answer, "{second}");
    }
    let a_year_ahead = with(claims(), "exp", json!(at(31_536_000).timestamp()));
    assert!(judge(&es256(&a_year_ahead)).is_ok(), "exp counts for nothing");
    let over = with(claims(), "exp", json!(1));
    assert!(judge(&es256(&over)).is_ok());
}

#[test]
fn claims_have_to_be_there_once_and_of_their_type() {
    for member in ["jti", "htm", "htu", "iat"] {
        for value in [json!(null), json!([1]), json!({ "a": 1 }), json!(true)] {
            let proof = es256(&with(claims(), member, value.clone()));
            assert_eq!(refusal(&proof), ProofRefusal::Claims, "{member} {value}");
        }
    }
    assert_eq!(refusal(&es256(&with(claims(), "iat", json!("1800000000")))), ProofRefusal::Claims);
    let twice = claims().to_string().replace("\"jti\"", "\"jti\":\"other\",\"jti\"");
    let twice = signed_as(Algorithm::ES256, &ES256.encoding, &header(&ES256).to_string(), &twice);
    assert_eq!(refusal(&twice), ProofRefusal::Claims);
    for jti in [String::new(), "j".repeat(257)] {
        assert_eq!(refusal(&es256(&with(claims(), "jti", json!(jti)))), ProofRefusal::Id);
    }
    assert_eq!(refusal(&"a".repeat(9000)).reason(), "unreadable");
    assert_eq!(refusal("a.b.c").reason(), "unreadable");
    let critical = with(header(&ES256), "crit", json!(["exp"]));
    assert_eq!(refusal(&signed(&ES256, &critical, &claims())).reason(), "unreadable");
}

#[test]
fn its_one_use_is_known_by_key_url_and_jti_and_remembered_for_as_long_as_it_counts() {
    let once = |proof: &str| judge(proof).unwrap().once;
    let one = once(&es256(&claims()));
    assert_eq!(one.key, once(&es256(&claims())).key, "signed anew it is the same");
    let spelt = with(claims(), "htu", json!("https://AS.example:443/tenant/oauth/token"));
    assert_eq!(one.key, once(&es256(&spelt)).key, "and spelt another way as well");
    assert_ne!(one.key, once(&es256(&with(claims(), "jti", json!("j-2")))).key);
    assert_ne!(one.key, once(&signed(&EDDSA, &header(&EDDSA), &claims())).key);
    assert_eq!(one.expires_at, at(120));
}

fn nonces(seed: u8) -> NonceKey {
    let key = RootSecret::from_bytes([seed; 32]).key_for(KeyPurpose::DpopNonce);
    NonceKey::new(key, TimeDelta::seconds(60))
}

#[test]
fn a_nonce_is_asked_for_and_then_counts() {
    let (ours, theirs) = (nonces(1), nonces(2));
    let needing = Expected { nonces: Some(&ours), ..expected() };
    let with_nonce = |nonce: Value| es256(&with(claims(), "nonce", nonce));
    for missing in [json!(null), json!(""), json!("abc"), json!(theirs.nonce(at(0)))] {
        let refused = judge_by(&with_nonce(missing), &needing).unwrap_err();
        assert_eq!(OAuthError::from(refused).code, ErrorCode::UseDpopNonce);
    }
    assert!(judge_by(&with_nonce(json!(ours.nonce(at(0)))), &needing).is_ok());
    assert!(judge_by(&with_nonce(json!(ours.nonce(at(-60)))), &needing).is_ok());
    assert!(judge_by(&with_nonce(json!(ours.nonce(at(-180)))), &needing).is_err());
    assert_eq!(
        judge_by(&with_nonce(json!(5)), &needing).unwrap_err(),
        ProofRefusal::Claims,
        "a number is none"
    );
    assert!(judge(&with_nonce(json!("whatever"))).is_ok(), "nobody asked for one");
}

proptest! {
    #[test]
    fn a_nonce_counts_for_its_time_to_live_and_not_for_twice_that(
        made in 0_i64..4_000_000_000, later in 0_i64..400,
    ) {
        let key = nonces(1);
        let moment = |second| DateTime::from_timestamp(second, 0).unwrap();
        let nonce = key.nonce(moment(made));
        let accepted = key.accepts(&nonce, moment(made + later));
        prop_assert!(accepted || later > 60);
        prop_assert!(!accepted || later < 120);
        prop_assert!(!nonces(2).accepts(&nonce, moment(made)));
    }

    #[test]
    fn an_altered_nonce_is_none(at_byte in 0_usize..32, with in "[A-Za-z0-9_=.-]") {
        let key = nonces(1);
        let mut altered = key.nonce(at(0));
        altered.replace_range(at_byte..=at_byte, &with);
        prop_assume!(altered != key.nonce(at(0)));
        prop_assert!(!key.accepts(&altered, at(0)));
    }

    #[test]
    fn nothing_that_is_sent_makes_it_panic(proof in "\\PC{0,300}", nonce in "\\PC{0,40}") {
        prop_assert!(judge(&proof).is_err());
        prop_assert!(!nonces(1).accepts(&nonce, at(0)));
    }

    /// RFC 3986 §6.2.2: what is done to one spelling does not change what it names.
    #[test]
    fn normalising_is_idempotent_and_forgives_case_port_and_escapes_only(
        host in "[a-z]{1,8}(\\.[a-z]{2,5}){0,2}", path in "(/[A-Za-z0-9._~%-]{0,6}){0,4}",
        query in "(\\?[a-z=&]{0,8})?",
    ) {
        let url = format!("https://{host}{path}{query}");
        let Some(normal) = target::normal(&url) else { return Ok(()) };
        prop_assert_eq!(target::normal(&normal), Some(normal.clone()), "{}", url);
        let shouted = format!("HTTPS://{}:443{path}#fragment", host.to_uppercase());
        prop_assert_eq!(target::normal(&shouted), Some(normal.clone()));
        for other in [format!("http://{host}{path}"), format!("https://x{host}{path}"),
            format!("https://{host}:444{path}"), format!("https://{host}{path}/x")] {
            prop_assert_ne!(target::normal(&other), Some(normal.clone()), "{}", other);
        }
        // An unreserved character may be escaped; a reserved one is another character then.
        if let Some(place) = path.find(|c: char| c.is_ascii_alphabetic())
            && !path.contains('%') {
            let byte = path.as_bytes()[place];
            let escaped = format!("{}%{byte:02x}{}", &path[..place], &path[place + 1..]);
            prop_assert_eq!(target::normal(&format!("https://{host}{escaped}")), Some(normal));
        }
    }
}
