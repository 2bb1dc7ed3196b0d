//! `private_key_jwt`: a client signs what it says about itself (RFC 7523 §2.2 and §3,
//! OpenID Connect Core §9).
//!
//! Three steps, the cheap ones first. [`ClientAssertion::read`] takes the text apart and
//! finds out whose it claims to be. [`ClientAssertion::judge`] compares what it says with
//! what is registered and with the time; nothing has to be fetched for that.
//! [`ClientAssertion::verify`] checks the signature. What remains for the caller is to
//! see that the [`OneTimeUse`] has not been seen before, in this order: a `jti` that is
//! spent before the signature is checked could be spent by anybody.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use crate::client::{AuthMethod, Client, ClientStatus};
use crate::jose::{Compact, CompactRefusal, KeySet, NumericDate, SignatureRefusal};
use crate::metadata::endpoint;
use crate::replay::{OneTimeUse, Purpose};

/// Longest assertion, in bytes.
pub const MAX_ASSERTION: usize = 8 * 1024;
/// How far ahead `exp` may be, and how long ago `iat`: the window in which a `jti` has
/// to be remembered.
pub const MAX_LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// How much two clocks may disagree.
pub const SKEW: TimeDelta = TimeDelta::seconds(60);
/// Longest `jti` and longest `sub`, in bytes. A `client_id` may be an URL.
const MAX_JTI: usize = 256;
const MAX_SUBJECT: usize = 2048;

/// What `typ` may say, if it says anything: other kinds of token must not pass as this.
const TYPES: [&str; 2] = ["JWT", "client-authentication+jwt"];

/// The token endpoint, whose URL is an audience wherever the assertion is used.
const TOKEN_ENDPOINT: &str = "/oauth/token";

/// An assertion on its way to be verified.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientAssertion {
    token: Compact,
    claims: Claims,
}

/// RFC 7523 §3. Strict about types: a number in quotes is none.
#[derive(Clone, PartialEq, Eq, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: NumericDate,
    iat: Option<NumericDate>,
    nbf: Option<NumericDate>,
    jti: String,
}

/// RFC 7519 §4.1.3: one, or a list.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    /// The audience, when there is exactly one.
    fn sole(&self) -> Option<&str> {
        match self {
            Audience::One(audience) => Some(audience),
            Audience::Several(list) => match list.as_slice() {
                [audience] => Some(audience),
                _ => None,
            },
        }
    }
}

/// What an assertion is measured against.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The issuer, byte for byte as configured.
    pub issuer: &'a str,
    /// The path of the endpoint that was called, below the issuer.
    pub endpoint: &'a str,
    /// The time.
    pub now: DateTime<Utc>,
}

/// Why an assertion does not prove a client. For the log: the client reads the same
/// words whatever the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionRefusal {
    /// It cannot be read.
    #[error("assertion: {0}")]
    Unreadable(#[from] CompactRefusal),
    /// The header says that it is something else.
    #[error("assertion: its typ is that of another kind of token")]
    Type,
    /// A claim is missing, is there twice, or has the wrong JSON type.
    #[error("assertion: iss, sub, aud, exp and jti are needed, each of its type")]
    Claims,
    /// `iss` and `sub` are not both the client.
    #[error("assertion: iss, sub and client_id must be the same")]
    Subject,
    /// The operator has switched the client off.
    #[error("client is {0}")]
    Inactive(ClientStatus),
    /// The client authenticates in another way.
    #[error("the client is registered for {0} and used private_key_jwt")]
    Method(AuthMethod),
    /// The client is registered for another algorithm.
    #[error("assertion: its alg is not the token_endpoint_auth_signing_alg of the client")]
    Algorithm,
    /// It is meant for somebody else, or for several.
    #[error("assertion: aud must be the issuer or the endpoint, and nothing else")]
    Audience,
    /// `exp` has passed.
    #[error("assertion: it has expired")]
    Expired,
    /// `exp` is too far ahead, or `iat` too long ago.
    #[error("assertion: it lives for more than 10 minutes")]
    TooLong,
    /// `iat` or `nbf` lie ahead, or `exp` lies before `iat`.
    #[error("assertion: it is not valid yet")]
    NotYet,
    /// `jti` is empty or too long.
    #[error("assertion: jti must have 1 to 256 bytes")]
    Id,
    /// The signature.
    #[error("assertion: {0}")]
    Signature(#[from] SignatureRefusal),
}

impl ClientAssertion {
    /// Takes an assertion apart and finds out whose it claims to be. `named` is the
    /// `client_id` of the request, which must be the same (RFC 7521 §4.2).
    ///
    /// # Errors
    /// What is wrong with its form or its names.
    pub fn read(assertion: &str, named: Option<&str>) -> Result<Self, AssertionRefusal> {
        let token = Compact::read(assertion, MAX_ASSERTION)?;
        if let Some(typ) = &token.header().typ
            && !TYPES.iter().any(|known| known.eq_ignore_ascii_case(typ))
        {
            return Err(AssertionRefusal::Type);
        }
        let claims: Claims = token.claims().ok_or(AssertionRefusal::Claims)?;
        let subject = &claims.sub;
        // PostgreSQL takes no NUL in a text, and no client id has a control character.
        let is_an_id =
            (1..=MAX_SUBJECT).contains(&subject.len()) && !subject.chars().any(char::is_control);
        if !is_an_id || claims.iss != *subject || named.is_some_and(|named| named != subject) {
            return Err(AssertionRefusal::Subject);
        }
        if !(1..=MAX_JTI).contains(&claims.jti.len()) {
            return Err(AssertionRefusal::Id);
        }
        Ok(Self { token, claims })
    }

    /// The client it claims to be of.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.claims.sub
    }

    /// Whether it may prove `client`, here and now, if its signature is good.
    ///
    /// # Errors
    /// See [`AssertionRefusal`].
    pub fn judge(&self, client: &Client, expected: &Expected<'_>) -> Result<(), AssertionRefusal> {
        if client.id != self.claims.sub {
            return Err(AssertionRefusal::Subject);
        }
        if !client.is_active() {
            return Err(AssertionRefusal::Inactive(client.status));
        }
        if client.auth_method != AuthMethod::PrivateKeyJwt {
            return Err(AssertionRefusal::Method(client.auth_method));
        }
        let registered = client.metadata.token_endpoint_auth_signing_alg;
        if registered.is_some_and(|alg| alg != self.token.algorithm()) {
            return Err(AssertionRefusal::Algorithm);
        }
        self.is_meant_for(expected)?;
        self.is_valid_at(expected.now)
    }

    /// One audience, and it is us. A list of several is refused even with us in it: what
    /// another server could be shown as well must not work here. The issuer is the
    /// audience to use; endpoints are taken because clients were long told to use them.
    fn is_meant_for(&self, expected: &Expected<'_>) -> Result<(), AssertionRefusal> {
        let audience = self.claims.aud.sole().ok_or(AssertionRefusal::Audience)?;
        let ours = audience == expected.issuer
            || [TOKEN_ENDPOINT, expected.endpoint]
                .into_iter()
                .any(|path| audience == endpoint(expected.issuer, path));
        if ours { Ok(()) } else { Err(AssertionRefusal::Audience) }
    }

    fn is_valid_at(&self, now: DateTime<Utc>) -> Result<(), AssertionRefusal> {
        let exp = self.claims.exp.0;
        // Differences, because a sum with the end of time in it would have no result.
        if now - exp >= SKEW {
            return Err(AssertionRefusal::Expired);
        }
        if exp - now > MAX_LIFETIME + SKEW {
            return Err(AssertionRefusal::TooLong);
        }
        if let Some(NumericDate(iat)) = self.claims.iat {
            if iat - now > SKEW || exp < iat {
                return Err(AssertionRefusal::NotYet);
            }
            if now - iat > MAX_LIFETIME + SKEW {
                return Err(AssertionRefusal::TooLong);
            }
        }
        match self.claims.nbf {
            Some(NumericDate(nbf)) if nbf - now > SKEW => Err(AssertionRefusal::NotYet),
            _ => Ok(()),
        }
    }

    /// Checks the signature with the client's keys. What is left is to spend the result.
    ///
    /// # Errors
    /// [`AssertionRefusal::Signature`].
    pub fn verify(&self, keys: &KeySet) -> Result<OneTimeUse, AssertionRefusal> {
        keys.verify(&self.token)?;
        let Claims { sub, jti, exp, .. } = &self.claims;
        let parts = [sub.as_bytes(), jti.as_bytes()];
        Ok(OneTimeUse::new(Purpose::ClientAssertion, &parts, exp.0 + SKEW))
    }
}

impl fmt::Debug for ClientAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAssertion")
            .field("client_id", &self.claims.sub)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "assertion_tests.rs"]
mod tests;
