//! Which key material is taken, and the name it gets.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::super::test_keys::{
    EDDSA, ES256, RFC_7517_KEY, RFC_7517_KEY_PKCS1, RS256, RSA_1024, RSA_2047, all, p384_pem, pem,
};
use super::*;

fn refused(algorithm: SigningAlgorithm, pem: &[u8]) -> KeyError {
    SigningKey::from_pem(algorithm, pem).unwrap_err()
}

/// RFC 7638 §3, worked out without the library under test: the required members in
/// lexicographic order, without white space.
fn thumbprint(jwk: &Value) -> String {
    let text = |member: &str| jwk[member].as_str().unwrap();
    let canonical = match text("kty") {
        "EC" => format!(
            r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#,
            text("crv"),
            text("x"),
            text("y")
        ),
        "RSA" => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text("e"), text("n")),
        _ => format!(r#"{{"crv":"{}","kty":"OKP","x":"{}"}}"#, text("crv"), text("x")),
    };
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, canonical.as_bytes()))
}

/// RFC 7638 §3.1.
#[test]
fn the_key_of_the_rfc_has_the_thumbprint_of_the_rfc() {
    let key = SigningKey::from_pem(SigningAlgorithm::Rs256, RFC_7517_KEY).unwrap();
    assert_eq!(key.kid(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn the_kid_is_the_thumbprint_of_the_published_key() {
    for pair in all() {
        let jwk = serde_json::to_value(pair.key.public_jwk()).unwrap();
        assert_eq!(pair.key.kid(), thumbprint(&jwk));
        assert_eq!(jwk["kid"], pair.key.kid());
    }
}

#[test]
fn the_same_key_has_the_same_name_in_every_process() {
    for pair in all() {
        let again = SigningKey::from_pem(pair.key.algorithm(), pair.pem.as_bytes()).unwrap();
        assert_eq!(again.kid(), pair.key.kid());
    }
    let pkcs1 = SigningKey::from_pem(SigningAlgorithm::Rs256, RFC_7517_KEY_PKCS1).unwrap();
    let pkcs8 = SigningKey::from_pem(SigningAlgorithm::Rs256, RFC_7517_KEY).unwrap();
    assert_eq!(pkcs1.kid(), pkcs8.kid());
}

#[test]
fn rsa_below_2048_bits_is_refused_and_the_reason_given() {
    assert_eq!(refused(SigningAlgorithm::Rs256, RSA_1024), KeyError::TooShort);
    assert_eq!(refused(SigningAlgorithm::Rs256, RSA_2047), KeyError::TooShort);
}

#[test]
fn a_key_of_another_algorithm_is_refused() {
    for pair in all() {
        for algorithm in SigningAlgorithm::ALL {
            if algorithm != pair.key.algorithm() {
                let error = refused(algorithm, pair.pem.as_bytes());
                assert_eq!(error, KeyError::Material(algorithm));
            }
        }
    }
}

#[test]
fn a_key_of_another_curve_is_refused() {
    let error = refused(SigningAlgorithm::Es256, p384_pem().as_bytes());
    assert_eq!(error, KeyError::Material(SigningAlgorithm::Es256));
}

#[test]
fn garbage_is_refused() {
    let base64 = URL_SAFE_NO_PAD.encode([7; 64]);
    let truncated = &ES256.pem[..ES256.pem.len() / 2];
    let other_label = ES256.pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let garbage: [&[u8]; 7] = [
        b"",
        b"not a key",
        b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
        base64.as_bytes(),
        truncated.as_bytes(),
        other_label.as_bytes(),
        &[0xff; 200],
    ];
    for algorithm in SigningAlgorithm::ALL {
        for pem in garbage {
            assert_eq!(refused(algorithm, pem), KeyError::Material(algorithm));
        }
        let noise = pem("PRIVATE KEY", &[0x30; 300]);
        assert_eq!(refused(algorithm, noise.as_bytes()), KeyError::Material(algorithm));
    }
}

#[test]
fn a_key_that_prints_tells_its_name_and_nothing_private() {
    for pair in [&*ES256, &*RS256, &*EDDSA] {
        let printed = format!("{:?}", pair.key);
        assert!(printed.contains(pair.key.kid()));
        let secret = pair.pem.lines().nth(1).unwrap();
        assert!(!printed.contains(&secret[..40]));
        assert!(printed.len() < 150, "{printed}");
    }
}
