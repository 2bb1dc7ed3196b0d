use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::jose::test_keys::{EDDSA, ES256, Pair, RS256, RSA_1024, RSA_2047, p384_pem};

fn jwk(pair: &Pair) -> Value {
    serde_json::to_value(pair.key.public_jwk()).unwrap()
}

fn with(pair: &Pair, member: &str, value: Value) -> Value {
    let mut jwk = jwk(pair);
    jwk[member] = value;
    jwk
}

fn refusal(jwk: &Value) -> JwkRefusal {
    VerifyingKey::from_jwk(jwk).unwrap_err()
}

/// The JWS examples of the RFCs: (public key, signing input, signature).
fn examples() -> [(ProofAlgorithm, Value, &'static str, &'static str); 3] {
    [
        // RFC 7515 Appendix A.2
        (
            ProofAlgorithm::Rs256,
            json!({ "kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ" }),
            "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        ),
        // RFC 7515 Appendix A.3
        (
            ProofAlgorithm::Es256,
            json!({ "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" }),
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
        // RFC 8037 Appendix A.4
        (
            ProofAlgorithm::EdDsa,
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }),
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ]
}

#[test]
fn the_examples_of_the_rfcs_verify_and_only_by_their_own_algorithm() {
    for (algorithm, jwk, message, signature) in examples() {
        let key = VerifyingKey::from_jwk(&jwk).unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        for other in ProofAlgorithm::ALL {
            let verified = key.verifies(*other, message.as_bytes(), &signature);
            assert_eq!(verified, *other == algorithm, "{algorithm} as {other}");
        }
        let mut spoilt = signature.clone();
        spoilt[10] ^= 1;
        assert!(!key.verifies(algorithm, message.as_bytes(), &spoilt));
        assert!(!key.verifies(algorithm, format!("{message}A").as_bytes(), &signature));
        assert!(!key.verifies(algorithm, message.as_bytes(), &[]));
    }
}

/// RFC 7517 Appendix A.1: one for encryption, one for RS256.
#[test]
fn the_example_set_of_rfc_7517_has_one_key_for_signatures() {
    let ec = json!({ "kty": "EC", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM", "use": "enc", "kid": "1" });
    assert_eq!(refusal(&ec), JwkRefusal::Purpose);
    let mut signing = ec;
    signing["use"] = json!("sig");
    assert_eq!(VerifyingKey::from_jwk(&signing).unwrap().kid(), Some("1"));
}

#[test]
fn private_and_symmetric_keys_are_refused_whatever_else_is_wrong_with_them() {
    for member in SECRET_MEMBERS {
        assert_eq!(refusal(&with(&RS256, member, json!("AQAB"))), JwkRefusal::Secret, "{member}");
        let odd = json!({ "kty": "odd", "use": "enc", member: null });
        assert_eq!(refusal(&odd), JwkRefusal::Secret, "{member}");
    }
    assert_eq!(refusal(&json!({ "kty": "oct" })), JwkRefusal::Secret);
}

#[test]
fn weak_rsa_keys_are_refused() {
    for pem in [RSA_1024, RSA_2047] {
        let key = EncodingKey::from_rsa_pem(pem);
        // The library may refuse it first, and then there is nothing to make a JWK of.
        let Some(jwk) =
            key.ok().and_then(|key| Jwk::from_encoding_key(&key, Algorithm::RS256).ok())
        else {
            continue;
        };
        assert_eq!(refusal(&serde_json::to_value(jwk).unwrap()), JwkRefusal::Strength);
    }
    let number = |length: usize| URL_SAFE_NO_PAD.encode(vec![0xFF; length]);
    for n in [0, 1, 128, 255, 513, 4096] {
        assert_eq!(refusal(&with(&RS256, "n", json!(number(n)))), JwkRefusal::Strength, "{n}");
    }
    for e in [vec![], vec![0], vec![1], vec![2], vec![1, 0, 0], vec![0xFF; 5], vec![0xFF; 64]] {
        let e = URL_SAFE_NO_PAD.encode(e);
        assert_eq!(refusal(&with(&RS256, "e", json!(e))), JwkRefusal::Strength, "{e}");
    }
}

#[test]
fn leading_zeros_change_nothing() {
    let n = jwk(&RS256)["n"].as_str().unwrap().to_owned();
    let padded = [vec![0; 3], URL_SAFE_NO_PAD.decode(n).unwrap()].concat();
    let padded = with(&RS256, "n", json!(URL_SAFE_NO_PAD.encode(padded)));
    assert!(VerifyingKey::from_jwk(&padded).is_ok());
}

#[test]
fn points_that_are_not_on_the_curve_are_refused() {
    let off = URL_SAFE_NO_PAD.encode([7; 32]);
    assert_eq!(refusal(&with(&ES256, "y", json!(off))), JwkRefusal::Numbers);
    for bad in
        [json!(""), json!(1), json!(null), json!("+/"), json!(URL_SAFE_NO_PAD.encode([1; 33]))]
    {
        assert_eq!(refusal(&with(&ES256, "x", bad.clone())), JwkRefusal::Numbers, "{bad}");
        assert_eq!(refusal(&with(&EDDSA, "x", bad.clone())), JwkRefusal::Numbers, "{bad}");
    }
    let zeros = URL_SAFE_NO_PAD.encode([0; 32]);
    let origin = json!({ "kty": "EC", "crv": "P-256", "x": zeros, "y": zeros });
    assert_eq!(refusal(&origin), JwkRefusal::Numbers);
}

#[test]
fn other_kinds_of_key_are_not_used() {
    let p384 = EncodingKey::from_ec_pem(p384_pem().as_bytes()).unwrap();
    let p384 = Jwk::from_encoding_key(&p384, Algorithm::ES384).unwrap();
    let kind = |jwk: Value| assert_eq!(refusal(&jwk), JwkRefusal::Kind, "{jwk}");
    let mut p384 = serde_json::to_value(p384).unwrap();
    p384.as_object_mut().unwrap().remove("alg");
    // A key of P-384 is used, and is none of another curve, nor by another curve's algorithm.
    let key = VerifyingKey::from_jwk(&p384).unwrap();
    assert!(key.fits(ProofAlgorithm::Es384) && !key.fits(ProofAlgorithm::Es256));
    p384["crv"] = json!("P-521");
    kind(p384.clone());
    p384["crv"] = json!("P-256");
    assert_eq!(refusal(&p384), JwkRefusal::Numbers);
    kind(with(&ES256, "crv", json!("secp256k1")));
    kind(with(&EDDSA, "crv", json!("X25519")));
    kind(with(&ES256, "kty", json!("OKP")));
    kind(with(&EDDSA, "kty", json!("EC")));
    kind(with(&EDDSA, "kty", json!("rsa")));
    for shape in [json!(null), json!("k"), json!([]), json!({}), json!({ "kty": 1 })] {
        assert_eq!(refusal(&shape), JwkRefusal::Shape, "{shape}");
    }
}

#[test]
fn what_the_owner_says_about_the_use_is_meant() {
    for bad in [json!("enc"), json!("SIG"), json!(""), json!(["sig"]), json!(null)] {
        assert_eq!(refusal(&with(&ES256, "use", bad)), JwkRefusal::Purpose);
    }
    for bad in [json!(["encrypt"]), json!([]), json!("verify"), json!(["sign"]), json!(null)] {
        assert_eq!(refusal(&with(&ES256, "key_ops", bad)), JwkRefusal::Purpose);
    }
    assert!(VerifyingKey::from_jwk(&with(&ES256, "key_ops", json!(["verify"]))).is_ok());
    for bad in ["none", "HS256", "ES384", "RS256", "EdDSA", "es256", ""] {
        assert_eq!(refusal(&with(&ES256, "alg", json!(bad))), JwkRefusal::Algorithm, "{bad}");
    }
    let any = VerifyingKey::from_jwk(&{
        let mut jwk = jwk(&RS256);
        jwk.as_object_mut().unwrap().remove("alg");
        jwk
    });
    assert!(any.as_ref().unwrap().fits(ProofAlgorithm::Rs256));
    assert!(any.unwrap().fits(ProofAlgorithm::Ps256));
    let pss = VerifyingKey::from_jwk(&with(&RS256, "alg", json!("PS256"))).unwrap();
    assert!(pss.fits(ProofAlgorithm::Ps256) && !pss.fits(ProofAlgorithm::Rs256));
}

#[test]
fn names_have_a_limit() {
    for bad in [json!(""), json!("x".repeat(MAX_KID + 1)), json!(7), json!(null)] {
        assert_eq!(refusal(&with(&ES256, "kid", bad)), JwkRefusal::Kid);
    }
    assert!(VerifyingKey::from_jwk(&with(&ES256, "kid", json!("x".repeat(MAX_KID)))).is_ok());
}

proptest! {
    #[test]
    fn no_jwk_panics(
        kty in "RSA|EC|OKP|[a-z]{0,3}",
        crv in "P-256|Ed25519|.{0,4}",
        numbers in proptest::collection::vec("[A-Za-z0-9_-]{0,90}", 4),
    ) {
        let _ = VerifyingKey::from_jwk(&json!({
            "kty": kty, "crv": crv, "x": numbers[0], "y": numbers[1], "n": numbers[2], "e": numbers[3],
        }));
    }
}
