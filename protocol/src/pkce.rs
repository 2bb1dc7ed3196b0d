//! Proof Key for Code Exchange (RFC 7636), `S256` only.
//!
//! The client sends the hash of a secret to the authorization endpoint and the
//! secret itself to the token endpoint. `plain` is refused rather than supported:
//! it protects nothing once a code leaks together with its request (RFC 9700 §2.1.1).

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, de};
use subtle::ConstantTimeEq as _;

use crate::error::OAuthError;

/// The one `code_challenge_method` there is.
pub const S256: &str = "S256";

/// Length of a challenge: 32 bytes of SHA-256 in unpadded base64url.
pub const CHALLENGE_LENGTH: usize = 43;

/// A code challenge of method `S256`. Not a secret: it travels through the browser.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// Reads `code_challenge_method` and `code_challenge` of an authorization request.
    ///
    /// A missing method would mean `plain` (RFC 7636 §4.3), so it is refused too.
    ///
    /// # Errors
    /// `invalid_request` (RFC 7636 §4.4.1) that says which of the two is wrong.
    pub fn parse(method: Option<&str>, challenge: Option<&str>) -> Result<Self, OAuthError> {
        let Some(challenge) = challenge else {
            return Err(OAuthError::invalid_request(
                "code_challenge is missing: this server requires PKCE (RFC 7636) with method S256.",
            ));
        };
        match method {
            Some(S256) => {}
            None => {
                return Err(OAuthError::invalid_request(
                    "code_challenge_method is missing, which would mean 'plain'; send code_challenge_method=S256.",
                ));
            }
            Some(_) => {
                return Err(OAuthError::invalid_request(
                    "code_challenge_method is not supported; send code_challenge_method=S256.",
                ));
            }
        }
        if is_base64url_sha256(challenge) {
            Ok(Self(challenge.to_owned()))
        } else {
            Err(OAuthError::invalid_request(
                "code_challenge must be the 43 characters of an unpadded base64url SHA-256.",
            ))
        }
    }

    /// True when `verifier` is well formed (43–128 unreserved characters, RFC 7636
    /// §4.1) and hashes to this challenge. Compares in constant time.
    #[must_use]
    pub fn verify(&self, verifier: &str) -> bool {
        if !is_verifier(verifier) {
            return false;
        }
        let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
        let computed = URL_SAFE_NO_PAD.encode(hash.as_ref());
        computed.as_bytes().ct_eq(self.0.as_bytes()).into()
    }

    /// The challenge as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// True for the shape of an unpadded base64url SHA-256 value, such as a challenge
/// or an RFC 7638 thumbprint.
pub(crate) fn is_base64url_sha256(text: &str) -> bool {
    text.len() == CHALLENGE_LENGTH
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn is_verifier(verifier: &str) -> bool {
    (43..=128).contains(&verifier.len())
        && verifier
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
}

impl fmt::Debug for CodeChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CodeChallenge").field(&self.0).finish()
    }
}

impl<'de> Deserialize<'de> for CodeChallenge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let challenge = String::deserialize(deserializer)?;
        if is_base64url_sha256(&challenge) {
            Ok(Self(challenge))
        } else {
            Err(de::Error::custom("not an S256 code challenge"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // RFC 7636 Appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn challenge() -> CodeChallenge {
        CodeChallenge::parse(Some(S256), Some(CHALLENGE)).unwrap()
    }

    #[test]
    fn the_vector_of_the_rfc_verifies() {
        assert!(challenge().verify(VERIFIER));
    }

    #[test]
    fn plain_unknown_and_missing_methods_are_refused() {
        for method in [None, Some("plain"), Some("s256"), Some("S512"), Some("S256 ")] {
            let error = CodeChallenge::parse(method, Some(CHALLENGE)).unwrap_err();
            assert_eq!(error.code.as_str(), "invalid_request");
            assert!(error.description.contains("S256"));
        }
    }

    #[test]
    fn a_missing_or_misshapen_challenge_is_refused() {
        assert!(CodeChallenge::parse(Some(S256), None).is_err());
        let padded = format!("{CHALLENGE}=");
        for bad in [VERIFIER.get(1..).unwrap(), padded.as_str(), &"+".repeat(43), ""] {
            assert!(CodeChallenge::parse(Some(S256), Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_challenge_itself_is_no_verifier() {
        assert!(!challenge().verify(CHALLENGE));
    }

    #[test]
    fn verifiers_of_wrong_length_or_alphabet_are_refused_even_if_the_hash_fits() {
        for bad in ["a".repeat(42), "a".repeat(129), format!("{}+", "a".repeat(43)), String::new()]
        {
            let hash = digest::digest(&digest::SHA256, bad.as_bytes());
            let fitting = URL_SAFE_NO_PAD.encode(hash.as_ref());
            assert!(!CodeChallenge::parse(Some(S256), Some(&fitting)).unwrap().verify(&bad));
        }
    }

    #[test]
    fn stored_challenges_are_checked_when_read_back() {
        let json = serde_json::to_string(&challenge()).unwrap();
        assert_eq!(serde_json::from_str::<CodeChallenge>(&json).unwrap(), challenge());
        assert!(serde_json::from_str::<CodeChallenge>("\"short\"").is_err());
    }

    proptest! {
        #[test]
        fn a_verifier_verifies_its_own_challenge_and_no_other(
            verifier in "[A-Za-z0-9._~-]{43,128}",
            other in "[A-Za-z0-9._~-]{43,128}",
        ) {
            let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
            let challenge = CodeChallenge::parse(Some(S256), Some(&URL_SAFE_NO_PAD.encode(hash.as_ref()))).unwrap();
            prop_assert!(challenge.verify(&verifier));
            prop_assert_eq!(challenge.verify(&other), verifier == other);
        }

        #[test]
        fn nothing_a_client_sends_panics(method in ".*", challenge in ".*", verifier in ".*") {
            let _ = CodeChallenge::parse(Some(&method), Some(&challenge));
            prop_assert!(!self::challenge().verify(&verifier));
        }
    }
}
