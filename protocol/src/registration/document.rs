//! The registration document as it is posted (RFC 7591 §2).

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{
    MAX_AGENT_DESCRIPTION, MAX_CONTACTS, MAX_DOCUMENT, MAX_KEYS, MAX_NAME, MAX_TYPES, MAX_WORD,
};
use crate::client::ClientMetadataExtras;
use crate::document_url::{DocumentUrl, FetchPolicy};
use crate::error::OAuthError;
use crate::jose::RegisteredKeys;
use crate::resource::MAX_URI_LENGTH;
use crate::text;

/// Known members; all others, `scope` among them, are ignored. `null` and an empty
/// string count as missing; a member that occurs twice or has the wrong type refuses
/// the document.
#[derive(Debug, Deserialize)]
pub(super) struct Document {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) redirect_uris: Vec<String>,
    client_name: Option<String>,
    pub(super) grant_types: Option<Vec<String>>,
    pub(super) response_types: Option<Vec<String>>,
    #[serde(default, deserialize_with = "non_empty")]
    pub(super) token_endpoint_auth_method: Option<String>,
    /// What some clients send beside it: everything they could do.
    pub(super) token_endpoint_auth_methods: Option<Vec<String>>,
    #[serde(default, deserialize_with = "non_empty")]
    pub(super) token_endpoint_auth_signing_alg: Option<String>,
    #[serde(default, deserialize_with = "non_empty")]
    pub(super) application_type: Option<String>,
    pub(super) agent: Option<bool>,
    agent_description: Option<String>,
    client_uri: Option<String>,
    logo_uri: Option<String>,
    tos_uri: Option<String>,
    policy_uri: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    contacts: Vec<String>,
    software_id: Option<String>,
    software_version: Option<String>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
    dpop_bound_access_tokens: Option<bool>,
}

impl Document {
    pub(super) fn read(body: &[u8]) -> Result<Self, OAuthError> {
        if body.len() > MAX_DOCUMENT {
            return Err(OAuthError::invalid_client_metadata(
                "The registration document is longer than 64 KiB.",
            ));
        }
        // A sequence would be taken for the members in the order they are declared in.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(OAuthError::invalid_client_metadata(
                "The registration document must be a JSON object.",
            ));
        }
        let document: Self = serde_json::from_slice(body).map_err(|error| {
            OAuthError::invalid_client_metadata(format!(
                "The registration document cannot be read: {error}."
            ))
        })?;
        let too_many =
            |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| list.len() > MAX_TYPES);
        if [&document.grant_types, &document.response_types, &document.token_endpoint_auth_methods]
            .into_iter()
            .any(too_many)
        {
            return Err(OAuthError::invalid_client_metadata(
                "grant_types, response_types or token_endpoint_auth_methods is too long.",
            ));
        }
        Ok(document)
    }

    /// Whether it has anything that an assertion could be verified with.
    pub(super) fn has_keys(&self) -> bool {
        self.jwks.is_some() || self.jwks_uri.as_deref().is_some_and(|uri| !uri.is_empty())
    }

    pub(super) fn client_name(&self) -> Result<Option<String>, OAuthError> {
        line("client_name", self.client_name.as_deref(), MAX_NAME)
    }

    pub(super) fn agent_description(&self) -> Result<Option<String>, OAuthError> {
        line("agent_description", self.agent_description.as_deref(), MAX_AGENT_DESCRIPTION)
    }

    /// What is only repeated, checked.
    pub(super) fn extras(&self, from: FetchPolicy) -> Result<ClientMetadataExtras, OAuthError> {
        let extras = ClientMetadataExtras {
            client_uri: web_uri("client_uri", self.client_uri.as_deref())?,
            logo_uri: web_uri("logo_uri", self.logo_uri.as_deref())?,
            tos_uri: web_uri("tos_uri", self.tos_uri.as_deref())?,
            policy_uri: web_uri("policy_uri", self.policy_uri.as_deref())?,
            contacts: self.contacts()?,
            software_id: line("software_id", self.software_id.as_deref(), MAX_WORD)?,
            software_version: line("software_version", self.software_version.as_deref(), MAX_WORD)?,
            jwks: self.jwks.as_ref().map(check_jwks).transpose()?,
            jwks_uri: fetched_uri("jwks_uri", self.jwks_uri.as_deref(), from)?,
            token_endpoint_auth_signing_alg: None,
            dpop_bound_access_tokens: self.dpop_bound_access_tokens.unwrap_or_default(),
        };
        one_or_the_other(&extras)?;
        Ok(extras)
    }

    fn contacts(&self) -> Result<Vec<String>, OAuthError> {
        if self.contacts.len() > MAX_CONTACTS {
            return Err(OAuthError::invalid_client_metadata("contacts has more than 10 entries."));
        }
        let contacts: Result<Vec<Option<String>>, OAuthError> =
            self.contacts.iter().map(|contact| line("contacts", Some(contact), MAX_WORD)).collect();
        Ok(contacts?.into_iter().flatten().collect())
    }
}

/// Keys are registered by value or by reference (RFC 7591 §2).
pub(super) fn one_or_the_other(keys: &ClientMetadataExtras) -> Result<(), OAuthError> {
    if keys.jwks.is_some() && keys.jwks_uri.is_some() {
        return Err(OAuthError::invalid_client_metadata(
            "jwks and jwks_uri exclude each other (RFC 7591 section 2).",
        ));
    }
    Ok(())
}

fn or_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn non_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|word| !word.is_empty()))
}

/// One visible line; hidden characters are dropped, over-long text is refused.
fn line(member: &str, text: Option<&str>, longest: usize) -> Result<Option<String>, OAuthError> {
    let Some(text) = text else { return Ok(None) };
    if text.chars().count() > longest {
        return Err(OAuthError::invalid_client_metadata(format!(
            "{member} is longer than {longest} characters."
        )));
    }
    Ok(Some(text::visible(text, longest)).filter(|line| !line.is_empty()))
}

/// An https URL that a person may follow later.
fn web_uri(member: &str, uri: Option<&str>) -> Result<Option<String>, OAuthError> {
    let Some(uri) = uri.filter(|uri| !uri.is_empty()) else { return Ok(None) };
    // The url crate forgives what browsers forgive; only clean text is shown as a link.
    let parsed = url::Url::parse(uri).ok().filter(|_| text::is_clean_uri(uri, MAX_URI_LENGTH));
    let safe = parsed.is_some_and(|url| {
        url.scheme() == "https" && url.username().is_empty() && url.password().is_none()
    });
    if safe {
        return Ok(Some(uri.to_owned()));
    }
    Err(OAuthError::invalid_client_metadata(format!(
        "{member} must be an https URL without user information, at most {MAX_URI_LENGTH} bytes."
    )))
}

/// An URL that this server fetches from later.
pub(super) fn fetched_uri(
    member: &str,
    uri: Option<&str>,
    policy: FetchPolicy,
) -> Result<Option<String>, OAuthError> {
    let Some(uri) = uri.filter(|uri| !uri.is_empty()) else { return Ok(None) };
    match DocumentUrl::parse(uri, policy) {
        Ok(_) => Ok(Some(uri.to_owned())),
        Err(refusal) => Err(OAuthError::invalid_client_metadata(format!("{member} {refusal}."))),
    }
}

/// A JWK set of public keys. A private or symmetric key must not be repeated to
/// anybody who can read the client, so it is refused (RFC 7591 §2, RFC 7518 §6).
/// The set is kept as it is; PostgreSQL keeps no text with U+0000.
pub(super) fn check_jwks(jwks: &Value) -> Result<RegisteredKeys, OAuthError> {
    let refused = |why: &str| OAuthError::invalid_client_metadata(format!("jwks: {why}."));
    let listed = jwks.get("keys").and_then(Value::as_array).map_or(0, Vec::len);
    if !(1..=MAX_KEYS).contains(&listed) || text::holds_nul(jwks) {
        return Err(refused(&format!(
            "it must be a JSON object with a member keys, an array of 1 to {MAX_KEYS} public keys \
             (RFC 7517 section 5), without U+0000"
        )));
    }
    RegisteredKeys::parse(jwks).map_err(|refusal| refused(&refusal.to_string()))
}
