//! JWT access tokens (RFC 9068): their claims, and how we recognise our own.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::object::optional;
use super::{KeyError, KeyRing};
use crate::exchange::ActChain;

/// Longest token that is looked at, in bytes. Ours stay far below.
const MAX_LENGTH: usize = 16 * 1024;

/// The claims of an access token. No name and no e-mail address: tokens travel
/// through logs and through other people's servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    /// The issuer, as configured, byte for byte.
    pub iss: String,
    /// The user's id, or the client's for a machine token.
    pub sub: String,
    /// The resource URIs the token is for; never empty.
    pub aud: Vec<String>,
    /// Expiry, seconds since the epoch.
    pub exp: i64,
    /// Issued at, seconds since the epoch.
    pub iat: i64,
    /// UUIDv7, the key of the token's issuance.
    pub jti: Uuid,
    /// The client the token was issued to (RFC 8693 §4.3).
    pub client_id: String,
    /// Space-separated scopes (RFC 9068 §2.2.3).
    pub scope: String,
    /// When the user signed in; absent on machine tokens (RFC 9068 §2.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// Authentication context class (OpenID Connect Core §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// How the user signed in (RFC 8176).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amr: Option<Vec<String>>,
    /// The key the token is bound to (RFC 7800).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional")]
    pub cnf: Option<Confirmation>,
    /// The client's id when the client is an agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Who acts for the subject (RFC 8693 §4.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<ActChain>,
    /// The same as a flat list, oldest first; on tokens with `act` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_chain: Option<Vec<String>>,
}

/// RFC 9449 §6.1: the thumbprint of the DPoP key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// RFC 7638 thumbprint.
    pub jkt: String,
}

/// A signed access token. Does not print itself.
#[derive(Clone)]
pub struct AccessToken(String);

impl AccessToken {
    /// Signs `claims` with the ring's active key.
    ///
    /// # Errors
    /// As [`super::SigningKey::sign`].
    pub fn sign(claims: &AccessTokenClaims, ring: &KeyRing) -> Result<AccessToken, KeyError> {
        ring.signing_key().sign(claims).map(AccessToken)
    }

    /// The token, for the response.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(…)")
    }
}

/// Why a presented token is none of ours, or none any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// Not a compact JWS with an `at+jwt` header, or with a critical one beside it.
    #[error("not an access token")]
    Malformed,
    /// Signed with a key we do not publish, or not by that key.
    #[error("the signature is not ours")]
    Signature,
    /// It says that it is ours and has not expired, and names a key that is not in the ring. Somebody
    /// made it up, or another server has a key that this one has not seen.
    #[error("the key is not known")]
    UnknownKey,
    /// The claims name another issuer.
    #[error("issued by somebody else")]
    Issuer,
    /// `exp` is past.
    #[error("expired")]
    Expired,
}

impl AccessTokenClaims {
    /// The claims of `token` when it is ours and has not expired.
    ///
    /// The header chooses among *our* keys by `kid` and nothing else: its `alg` must
    /// be that key's, `jku`, `x5u` and `jwk` count for nothing, and a `crit` is refused.
    ///
    /// # Errors
    /// See [`TokenRefusal`].
    pub fn recognise(
        token: &str,
        ring: &KeyRing,
        issuer: &str,
        now: DateTime<Utc>,
    ) -> Result<AccessTokenClaims, TokenRefusal> {
        if token.len() > MAX_LENGTH {
            return Err(TokenRefusal::Malformed);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenRefusal::Malformed)?;
        // RFC 7515 §4.1.11: nothing is critical that we would understand.
        if header.typ.as_deref() != Some("at+jwt") || header.crit.is_some() {
            return Err(TokenRefusal::Malformed);
        }
        let kid = header.kid.ok_or(TokenRefusal::Malformed)?;
        let Some(key) = ring.by_kid(&kid) else {
            return Err(match AccessTokenClaims::unverified(token) {
                Some(claims) if claims.check(issuer, now).is_ok() => TokenRefusal::UnknownKey,
                _ => TokenRefusal::Signature,
            });
        };
        let claims: AccessTokenClaims =
            key.verified_claims(token).ok_or(TokenRefusal::Signature)?;
        claims.check(issuer, now)?;
        Ok(claims)
    }

    /// What it says, whoever says it.
    fn unverified(token: &str) -> Option<AccessTokenClaims> {
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        serde_json::from_slice(&payload).ok()
    }

    /// Whether claims whose signature is ours still hold, for `issuer` and at `now`.
    ///
    /// # Errors
    /// [`TokenRefusal::Issuer`], [`TokenRefusal::Expired`].
    pub fn check(&self, issuer: &str, now: DateTime<Utc>) -> Result<(), TokenRefusal> {
        if self.iss != issuer {
            return Err(TokenRefusal::Issuer);
        }
        if self.exp <= now.timestamp() {
            return Err(TokenRefusal::Expired);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "access_token_tests.rs"]
mod tests;
