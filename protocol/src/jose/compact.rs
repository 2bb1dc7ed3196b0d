//! A JWS that somebody else made, in compact serialisation (RFC 7515 §7.1), read
//! strictly and not yet believed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use zeroize::Zeroizing;

use super::object::Object;
use super::verifying_key::{MAX_KID, ProofAlgorithm, VerifyingKey};

/// Longest header, in bytes of its encoding.
const MAX_HEADER: usize = 4 * 1024;
/// Longest signature, in bytes: RSA of 4096 bits.
const MAX_SIGNATURE: usize = 512;

/// The members of a protected header that are looked at. What would bring a key along
/// (`jwk`, `jku`, `x5u`, `x5c`) is not among them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SignedHeader {
    /// The algorithm, as it is written there.
    pub alg: String,
    /// Which of the signer's keys.
    pub kid: Option<String>,
    /// What kind of token it is.
    pub typ: Option<String>,
    #[serde(default, deserialize_with = "is_present")]
    crit: bool,
}

fn is_present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// Why a text is no JWS that could be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CompactRefusal {
    /// Longer than the caller allows.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of base64url, or the header is no JSON object with an `alg`.
    #[error("the token is not a compact JWS")]
    Malformed,
    /// RFC 7515 §4.1.11: nothing is critical that we would understand.
    #[error("the token has a critical header")]
    Critical,
    /// Not on the list: `none`, HMAC, another curve.
    #[error("the token is signed by an algorithm that is not accepted")]
    Algorithm,
}

/// The parts of a JWS. Whoever has one can present it, so it does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Compact {
    header: SignedHeader,
    algorithm: ProofAlgorithm,
    /// What the signature is over: the first two parts as they were sent.
    message: Zeroizing<String>,
    payload: Zeroizing<Vec<u8>>,
    signature: Vec<u8>,
}

impl Compact {
    /// Takes a token of at most `longest` bytes apart.
    ///
    /// # Errors
    /// See [`CompactRefusal`].
    pub fn read(token: &str, longest: usize) -> Result<Compact, CompactRefusal> {
        if token.len() > longest {
            return Err(CompactRefusal::TooLong);
        }
        let malformed = CompactRefusal::Malformed;
        let (message, signature) = token.rsplit_once('.').ok_or(malformed)?;
        let (header, payload) = message.split_once('.').ok_or(malformed)?;
        if header.len() > MAX_HEADER {
            return Err(CompactRefusal::TooLong);
        }
        // A '.' that is left is in no alphabet of base64, so more than three parts end here.
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed);
        let header: SignedHeader = object(&decoded(header)?).ok_or(malformed)?;
        if header.crit {
            return Err(CompactRefusal::Critical);
        }
        let kid_fits = |kid: &String| (1..=MAX_KID).contains(&kid.len());
        let signature = decoded(signature)?;
        if signature.len() > MAX_SIGNATURE || !header.kid.as_ref().is_none_or(kid_fits) {
            return Err(malformed);
        }
        Ok(Compact {
            algorithm: ProofAlgorithm::parse(&header.alg).ok_or(CompactRefusal::Algorithm)?,
            payload: Zeroizing::new(decoded(payload)?),
            message: Zeroizing::new(message.to_owned()),
            header,
            signature,
        })
    }

    /// The protected header.
    #[must_use]
    pub fn header(&self) -> &SignedHeader {
        &self.header
    }

    /// The algorithm of the header.
    #[must_use]
    pub fn algorithm(&self) -> ProofAlgorithm {
        self.algorithm
    }

    /// The protected header in another shape, for members that are not among those of
    /// [`SignedHeader`].
    #[must_use]
    pub(crate) fn header_as<H: DeserializeOwned>(&self) -> Option<H> {
        let (header, _) = self.message.split_once('.')?;
        object(&URL_SAFE_NO_PAD.decode(header).ok()?)
    }

    /// The claims, as they are claimed. `None` when they are no JSON object of this
    /// shape, or one of the known members is there twice.
    #[must_use]
    pub fn claims<C: DeserializeOwned>(&self) -> Option<C> {
        object(&self.payload)
    }

    /// Whether `key` made the signature, by the algorithm of the header.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        key.verifies(self.algorithm, self.message.as_bytes(), &self.signature)
    }
}

fn object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    serde_json::from_slice(json).ok().map(|Object(members)| members)
}

impl fmt::Debug for Compact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compact").field("header", &self.header).finish_non_exhaustive()
    }
}
