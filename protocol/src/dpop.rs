//! DPoP: proof that whoever asks holds the key a token is bound to (RFC 9449).
//!
//! A proof is judged in one go by [`Proof::verify`], the cheap checks first and the
//! signature last. What is left for the caller is to see that its one use has not been
//! spent before; a `jti` that is spent before the signature is checked could be spent by
//! anybody.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::error::{ErrorCode, OAuthError};
use crate::jose::{
    Compact, CompactRefusal, JwkRefusal, NumericDate, ProofAlgorithm, VerifyingKey, thumbprint,
};
use crate::replay::{OneTimeUse, Purpose};

mod nonce;
mod target;

pub use nonce::NonceKey;

#[cfg(test)]
mod tests;

/// Longest proof, in bytes: an RSA key of 4096 bits and some URL.
const MAX_PROOF: usize = 8 * 1024;
/// Longest `jti`, in bytes.
const MAX_JTI: usize = 256;
/// What `typ` has to be (RFC 9449 §4.2).
const TYPE: &str = "dpop+jwt";

/// A proof on its way to be verified. Does not print.
#[derive(Clone)]
pub struct Proof {
    token: Compact,
    claims: Claims,
    key: VerifyingKey,
    jkt: String,
}

/// RFC 9449 §4.2. Others (`exp`, `ath`, whatever a client adds) count for nothing here.
#[derive(Clone, Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: NumericDate,
    nonce: Option<String>,
}

#[derive(Deserialize)]
struct KeyHeader {
    jwk: Value,
}

/// What a proof is measured against.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// The URL of the request as the issuer is configured, whatever headers say.
    pub url: &'a str,
    /// The time.
    pub now: DateTime<Utc>,
    /// How far `iat` may be away from it, either way (`dpop.proof_lifetime`).
    pub lifetime: TimeDelta,
    /// The nonces that count, when one is needed (`dpop.require_nonce`).
    pub nonces: Option<&'a NonceKey>,
}

/// What a good proof proves.
#[derive(Clone, PartialEq, Eq)]
pub struct Proven {
    /// Whose key it is (RFC 9449 §6.1).
    pub jkt: String,
    /// To be spent before anything is done for it.
    pub once: OneTimeUse,
}

/// Why a proof proves nothing. The words go to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofRefusal {
    /// RFC 9449 §4.3, check 1.
    #[error("there is more than one DPoP header")]
    Several,
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] CompactRefusal),
    /// The header says that it is something else.
    #[error("its typ is not dpop+jwt")]
    Type,
    /// There is no key in the header, or none that could sign.
    #[error("its jwk cannot be used: {0}")]
    Key(#[from] JwkRefusal),
    /// A claim is missing, is there twice, or has the wrong JSON type.
    #[error("jti, htm, htu and iat are needed, each of its type")]
    Claims,
    /// `jti` is empty or too long.
    #[error("its jti must have 1 to 256 bytes")]
    Id,
    /// Made for another method.
    #[error("its htm is not the method of this request")]
    Method,
    /// Made for another URL.
    #[error("its htu is not the URL of this request")]
    Url,
    /// `iat` is too long ago.
    #[error("its iat is too long ago; make a new proof for each request")]
    Old,
    /// `iat` lies ahead.
    #[error("its iat lies in the future; check the clock")]
    Ahead,
    /// There is no nonce, or none of ours that still counts.
    #[error("it needs the nonce that comes with this answer")]
    Nonce,
    /// The signature is not that of the key it brings.
    #[error("its signature is not by the key in its jwk")]
    Signature,
    /// It was used before.
    #[error("it was used before; make a new proof for each request")]
    Replayed,
}

impl ProofRefusal {
    /// One word, for the metric.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Several => "several",
            Self::Unreadable(CompactRefusal::Algorithm) => "algorithm",
            Self::Unreadable(_) => "unreadable",
            Self::Type => "typ",
            Self::Key(_) => "jwk",
            Self::Claims => "claims",
            Self::Id => "jti",
            Self::Method => "htm",
            Self::Url => "htu",
            Self::Old | Self::Ahead => "iat",
            Self::Nonce => "nonce",
            Self::Signature => "signature",
            Self::Replayed => "replayed",
        }
    }
}

impl From<ProofRefusal> for OAuthError {
    fn from(refusal: ProofRefusal) -> Self {
        let code = match refusal {
            ProofRefusal::Nonce => ErrorCode::UseDpopNonce,
            _ => ErrorCode::InvalidDpopProof,
        };
        Self::new(code, format!("The DPoP proof is refused: {refusal}."))
    }
}

impl Proof {
    /// Takes a proof apart. Nothing is believed yet.
    ///
    /// # Errors
    /// What is wrong with its form or its key.
    pub fn read(proof: &str) -> Result<Self, ProofRefusal> {
        let token = Compact::read(proof, MAX_PROOF)?;
        if token.header().typ.as_deref() != Some(TYPE) {
            return Err(ProofRefusal::Type);
        }
        let KeyHeader { jwk } = token.header_as().ok_or(ProofRefusal::Key(JwkRefusal::Shape))?;
        let key = VerifyingKey::from_jwk(&jwk)?;
        if !key.fits(token.algorithm()) {
            return Err(ProofRefusal::Key(JwkRefusal::Algorithm));
        }
        let jkt = thumbprint(&jwk).ok_or(ProofRefusal::Key(JwkRefusal::Numbers))?;
        let claims: Claims = token.claims().ok_or(ProofRefusal::Claims)?;
        if !(1..=MAX_JTI).contains(&claims.jti.len()) {
            return Err(ProofRefusal::Id);
        }
        Ok(Self { token, claims, key, jkt })
    }

    /// The algorithms a proof may be signed by, for the metadata.
    #[must_use]
    pub fn algorithms() -> &'static [ProofAlgorithm] {
        ProofAlgorithm::ALL
    }

    /// Whether it proves the possession of its key for this very request. What is left is
    /// to spend [`Proven::once`].
    ///
    /// # Errors
    /// The first check it fails (RFC 9449 §4.3).
    pub fn verify(&self, expected: &Expected<'_>) -> Result<Proven, ProofRefusal> {
        let Claims { jti, htm, htu, iat, nonce } = &self.claims;
        if htm != expected.method {
            return Err(ProofRefusal::Method);
        }
        let url = target::normal(htu).ok_or(ProofRefusal::Url)?;
        if target::normal(expected.url).as_deref() != Some(&*url) {
            return Err(ProofRefusal::Url);
        }
        let age = expected.now - iat.0;
        if age > expected.lifetime {
            return Err(ProofRefusal::Old);
        }
        if -age > expected.lifetime {
            return Err(ProofRefusal::Ahead);
        }
        if let Some(nonces) = expected.nonces
            && !nonce.as_ref().is_some_and(|nonce| nonces.accepts(nonce, expected.now))
        {
            return Err(ProofRefusal::Nonce);
        }
        if !self.token.is_signed_by(&self.key) {
            return Err(ProofRefusal::Signature);
        }
        // Twice the time in which it is accepted here: a replica whose clock is behind
        // accepts it for longer than we would.
        let forgotten = iat.0 + expected.lifetime * 2;
        let names = [self.jkt.as_bytes(), url.as_bytes(), jti.as_bytes()];
        let once = OneTimeUse::new(Purpose::DpopProof, &names, forgotten);
        Ok(Proven { jkt: self.jkt.clone(), once })
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof").field("jkt", &self.jkt).finish_non_exhaustive()
    }
}

impl fmt::Debug for Proven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proven").field("jkt", &self.jkt).finish_non_exhaustive()
    }
}
