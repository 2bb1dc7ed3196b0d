//! Client authentication at the back-channel endpoints (RFC 6749 §2.3).
//!
//! [`Presented::parse`] reads what was sent; [`authenticate`] decides whether it
//! proves the client. Every failure of the second looks the same from outside, so
//! that nobody can find out which client ids exist.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::client::{AuthMethod, Client};
use crate::error::OAuthError;
use crate::form::{self, Parameters};

mod assertion;

#[cfg(test)]
mod tests;

pub use assertion::{
    AssertionRefusal, ClientAssertion, Expected, MAX_ASSERTION, MAX_LIFETIME, SKEW,
};

/// `WWW-Authenticate` of a 401 `invalid_client` (RFC 6749 §5.2, RFC 7617 §2).
pub const BASIC_CHALLENGE: &str = "Basic realm=\"authserver\", charset=\"UTF-8\"";

/// Longest `Authorization` header that is looked at, in bytes.
pub const MAX_AUTHORIZATION: usize = 8 * 1024;

/// The one `client_assertion_type` there is (RFC 7523 §2.2).
pub const JWT_BEARER_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Base64 that takes the padding or leaves it: real clients send both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The client credentials of one request. Secrets are wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub enum Presented {
    /// No client named at all.
    Nothing,
    /// A `client_id`, nothing to prove it: a public client.
    Public {
        /// The id.
        client_id: String,
    },
    /// `client_secret_basic`.
    Basic {
        /// The id, form-decoded.
        client_id: String,
        /// The secret, form-decoded.
        secret: Zeroizing<String>,
        /// The secret as it stood, when decoding changed it: some clients skip the
        /// encoding of RFC 6749 §2.3.1, and a `+` or `%` in a secret tells nothing.
        undecoded: Option<Zeroizing<String>>,
    },
    /// `client_secret_post`.
    Post {
        /// The id.
        client_id: String,
        /// The secret.
        secret: Zeroizing<String>,
    },
    /// `private_key_jwt`: an assertion, not yet verified.
    Assertion(Box<ClientAssertion>),
}

impl Presented {
    /// Reads the `Authorization` header value and the form.
    ///
    /// # Errors
    /// `invalid_request` for two methods at once (RFC 6749 §2.3) or two different
    /// ids; `invalid_client` for a header or an assertion that cannot be read.
    pub fn parse(authorization: Option<&str>, form: &Parameters) -> Result<Self, OAuthError> {
        let secret = form.get("client_secret");
        let assertion = form.get("client_assertion");
        let methods = [authorization.is_some(), secret.is_some(), assertion.is_some()];
        if methods.into_iter().filter(|used| *used).count() > 1 {
            return Err(OAuthError::invalid_request(
                "The client authenticates in more than one way at once; choose one (RFC 6749 section 2.3).",
            ));
        }
        let client_id = form.get("client_id").map(str::to_owned);
        if let Some(header) = authorization {
            return from_header(header, client_id.as_deref());
        }
        if let Some(assertion) = assertion {
            if form.get("client_assertion_type") != Some(JWT_BEARER_ASSERTION) {
                return Err(OAuthError::invalid_request(
                    "client_assertion_type must be urn:ietf:params:oauth:client-assertion-type:jwt-bearer.",
                ));
            }
            let assertion = ClientAssertion::read(assertion, client_id.as_deref())?;
            return Ok(Self::Assertion(Box::new(assertion)));
        }
        if form.get("client_assertion_type").is_some() {
            return Err(OAuthError::invalid_request(
                "client_assertion_type was sent without client_assertion.",
            ));
        }
        match (client_id, secret) {
            (Some(client_id), Some(secret)) => {
                Ok(Self::Post { client_id, secret: Zeroizing::new(secret.to_owned()) })
            }
            (Some(client_id), None) => Ok(Self::Public { client_id }),
            (None, Some(_)) => {
                Err(OAuthError::invalid_request("client_secret was sent without client_id."))
            }
            (None, None) => Ok(Self::Nothing),
        }
    }

    /// The id to look up, if one was sent.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Self::Nothing => None,
            Self::Public { client_id }
            | Self::Basic { client_id, .. }
            | Self::Post { client_id, .. } => Some(client_id),
            Self::Assertion(assertion) => Some(assertion.client_id()),
        }
    }

    /// True when something was presented that claims to prove the client.
    #[must_use]
    pub const fn has_credentials(&self) -> bool {
        !matches!(self, Self::Nothing | Self::Public { .. })
    }

    /// The method that was used.
    #[must_use]
    pub const fn method(&self) -> AuthMethod {
        match self {
            Self::Nothing | Self::Public { .. } => AuthMethod::None,
            Self::Basic { .. } => AuthMethod::ClientSecretBasic,
            Self::Post { .. } => AuthMethod::ClientSecretPost,
            Self::Assertion(_) => AuthMethod::PrivateKeyJwt,
        }
    }
}

fn from_header(header: &str, body_id: Option<&str>) -> Result<Presented, OAuthError> {
    let (client_id, secret) = decode_basic(header).ok_or_else(|| {
        invalid_client("Authorization header is not readable as Basic client credentials")
    })?;
    let id = form::decode(client_id.as_bytes()).unwrap_or(client_id);
    // Decoding may bring control characters back; PostgreSQL takes no NUL in a text.
    if id.chars().any(char::is_control) {
        return Err(invalid_client("the client id holds control characters"));
    }
    if body_id.is_some_and(|body_id| body_id != id) {
        return Err(OAuthError::invalid_request(
            "client_id in the body differs from the one in the Authorization header.",
        ));
    }
    // An empty secret is none (RFC 6749 §2.3.1); public clients of some libraries send it.
    if secret.is_empty() {
        return Ok(Presented::Public { client_id: id });
    }
    match form::decode(secret.as_bytes()).map(Zeroizing::new) {
        Some(decoded) if decoded != secret => {
            Ok(Presented::Basic { client_id: id, secret: decoded, undecoded: Some(secret) })
        }
        _ => Ok(Presented::Basic { client_id: id, secret, undecoded: None }),
    }
}

/// Both halves of Basic credentials (RFC 7617 §2), still form-encoded.
fn decode_basic(header: &str) -> Option<(String, Zeroizing<String>)> {
    if header.len() > MAX_AUTHORIZATION {
        return None;
    }
    let (scheme, encoded) = header.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let bytes = Zeroizing::new(BASE64.decode(encoded.trim()).ok()?);
    let pair = Zeroizing::new(std::str::from_utf8(&bytes).ok()?.to_owned());
    if pair.chars().any(char::is_control) {
        return None;
    }
    // An id that is a URL and was not encoded has colons of its own; our secrets have none.
    let is_url = pair.starts_with("https://") || pair.starts_with("http://");
    let (client_id, secret) = if is_url { pair.rsplit_once(':') } else { pair.split_once(':') }?;
    if client_id.is_empty() {
        return None;
    }
    Some((client_id.to_owned(), Zeroizing::new(secret.to_owned())))
}

/// Decides whether `presented` proves that the caller is `client`.
/// `secret_matches(presented_secret, stored_hash)` compares in constant time.
///
/// Basic and post are interchangeable for a client registered for either: SDKs pick
/// by what the metadata lists first, not by what they registered, and the secret
/// proves the same in both places. Between secret, key and nothing there is no
/// leniency. A signed assertion needs keys that may have to be fetched, so it is never
/// good enough here: [`ClientAssertion`] judges it.
///
/// # Errors
/// `invalid_client`, in the same words whatever the reason; the detail says it.
pub fn authenticate(
    presented: &Presented,
    client: &Client,
    secret_matches: impl Fn(&str, &[u8]) -> bool,
) -> Result<(), OAuthError> {
    if presented.client_id() != Some(client.id.as_str()) {
        return Err(invalid_client("the credentials are for another client"));
    }
    if !client.is_active() {
        return Err(invalid_client(format!("client is {}", client.status)));
    }
    let proves = |secret: &str| {
        let hash = client.secret_hash.as_deref();
        hash.is_some_and(|hash| secret_matches(secret, hash))
    };
    let secret_method = client.auth_method.uses_secret();
    match presented {
        Presented::Public { .. } if client.is_public() => Ok(()),
        Presented::Basic { secret, undecoded, .. } if secret_method => {
            let matched = proves(secret) || undecoded.as_ref().is_some_and(|secret| proves(secret));
            if matched { Ok(()) } else { Err(invalid_client("wrong secret")) }
        }
        Presented::Post { secret, .. } if secret_method => {
            if proves(secret) {
                Ok(())
            } else {
                Err(invalid_client("wrong secret"))
            }
        }
        _ => Err(invalid_client(format!(
            "client is registered for {} and used {}",
            client.auth_method,
            presented.method()
        ))),
    }
}

/// The refusal of a client nobody registered. To the caller it is the same as a
/// wrong secret.
#[must_use]
pub fn unknown_client() -> OAuthError {
    invalid_client("unknown client_id")
}

impl From<AssertionRefusal> for OAuthError {
    fn from(refusal: AssertionRefusal) -> Self {
        invalid_client(refusal.to_string())
    }
}

/// The one public sentence for every failed authentication; `detail` is for the log.
#[must_use]
pub fn invalid_client(detail: impl Into<String>) -> OAuthError {
    OAuthError::invalid_client(
        "Client authentication failed: the client is unknown, not active, or its credentials are wrong. \
         Register again if the client was deleted.",
    )
    .with_detail(detail)
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("method", &self.method().as_str())
            .field("client_id", &self.client_id())
            .finish_non_exhaustive()
    }
}
