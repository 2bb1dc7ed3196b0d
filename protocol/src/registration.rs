//! Dynamic client registration (RFC 7591, contract 01 "Dynamic registration").
//!
//! Anybody may post this document, so everything in it is self-declared and every
//! member has a limit. What a self-registered client cannot have is left out and the
//! response says what was assigned (RFC 7591 §3.2.1); what would be unsafe or
//! useless is refused with the reason.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::client::{
    ApplicationType, AuthMethod, Client, ClientMetadataExtras, ClientStatus, GrantType,
    RegistrationSource,
};
use crate::document_url::FetchPolicy;
use crate::error::OAuthError;
use crate::redirect_uri::{self, PublicOrConfidential, RedirectKind, RedirectUri};
use crate::scope::ScopeSet;

mod document;
mod method;
mod mode;
mod response;

use document::Document;

pub use method::keys_of_client;
pub use mode::{ModeName, RedirectPattern, RegistrationMode};
pub use response::RegistrationResponse;

#[cfg(test)]
mod tests;

/// Longest registration document, in bytes.
pub const MAX_DOCUMENT: usize = 64 * 1024;
/// Longest `client_name`, in characters.
pub const MAX_NAME: usize = 200;
/// Longest `agent_description`, in characters.
pub const MAX_AGENT_DESCRIPTION: usize = 1000;
/// Longest `software_id`, `software_version` or contact, in characters.
pub const MAX_WORD: usize = 320;
/// Most `contacts`.
pub const MAX_CONTACTS: usize = 10;
/// Most keys in `jwks`.
pub const MAX_KEYS: usize = 16;
/// Most entries of `grant_types` and `response_types`.
pub const MAX_TYPES: usize = 32;

/// Grants a client can register itself for. The others need an operator.
pub const SELF_SERVICE_GRANTS: &[GrantType] =
    &[GrantType::AuthorizationCode, GrantType::RefreshToken];

/// What works on this server.
#[derive(Debug, Clone, Copy)]
pub struct Supported<'a> {
    /// Client authentication methods.
    pub methods: &'a [AuthMethod],
    /// From where documents are fetched.
    pub documents: FetchPolicy,
}

/// A registration that passed every rule, with the assigned values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// At least one, each once.
    pub redirect_uris: Vec<RedirectUri>,
    /// One visible line of at most 200 characters. Self-declared.
    pub client_name: Option<String>,
    /// Always with `authorization_code`.
    pub grant_types: Vec<GrantType>,
    /// Always `["code"]`.
    pub response_types: Vec<String>,
    /// One of the supported methods.
    pub auth_method: AuthMethod,
    /// Corrected to native when every redirect URI is on the user's machine.
    pub application_type: ApplicationType,
    /// The client is an agent.
    pub agent: bool,
    /// What the agent is for.
    pub agent_description: Option<String>,
    /// The rest, only repeated.
    pub metadata: ClientMetadataExtras,
}

impl Registration {
    /// Reads and judges a registration document.
    ///
    /// # Errors
    /// `invalid_redirect_uri` that names the URI, else `invalid_client_metadata`
    /// that names the member.
    pub fn from_json(body: &[u8], supported: Supported<'_>) -> Result<Self, OAuthError> {
        let document = Document::read(body)?;
        let redirect_uris =
            parse_redirect_uris(&document.redirect_uris, PublicOrConfidential::Public)?;
        let auth_method = method::choose(&document, &redirect_uris, supported.methods)?;
        // Again with the method known: private-use schemes are for public clients.
        let redirect_uris = if auth_method == AuthMethod::None {
            redirect_uris
        } else {
            parse_redirect_uris(&document.redirect_uris, PublicOrConfidential::Confidential)?
        };
        let metadata = document.extras(supported.documents)?;
        let metadata = method::with_keys_for(auth_method, &document, metadata)?;
        check_response_types(document.response_types.as_deref())?;
        Ok(Self {
            client_name: document.client_name()?,
            grant_types: assign_grants(document.grant_types.as_deref())?,
            response_types: vec!["code".into()],
            auth_method,
            application_type: correct_type(document.application_type.as_deref(), &redirect_uris)?,
            agent: document.agent.unwrap_or(false),
            agent_description: document.agent_description()?,
            metadata,
            redirect_uris,
        })
    }

    /// Which software it says it is: its name, and where its answers go but for the port. Two
    /// installations of a program say the same. Self-declared: anybody can say anything.
    #[must_use]
    pub fn software(&self) -> String {
        let target = |uri: &RedirectUri| match uri.kind() {
            RedirectKind::Https { host } => host.clone(),
            RedirectKind::LoopbackHttp => "loopback".to_owned(),
            RedirectKind::PrivateUse { scheme } => format!("{scheme}:"),
        };
        let targets: BTreeSet<String> = self.redirect_uris.iter().map(target).collect();
        let name = self.client_name.clone().unwrap_or_default();
        std::iter::once(name).chain(targets).collect::<Vec<_>>().join("\0")
    }

    /// The client this registration makes. The caller brings what only it can know:
    /// a fresh id, the keyed hash of the secret (for methods with one), the ceiling
    /// of `oauth.default_client_scope`, and the time.
    #[must_use]
    pub fn into_client(
        self,
        id: String,
        secret_hash: Option<Vec<u8>>,
        ceiling: Option<ScopeSet>,
        now: DateTime<Utc>,
    ) -> Client {
        Client {
            name: self.client_name.unwrap_or_else(|| id.clone()),
            id,
            redirect_uris: self.redirect_uris,
            grant_types: self.grant_types,
            response_types: self.response_types,
            auth_method: self.auth_method,
            secret_hash,
            ceiling,
            default_resource: None,
            application_type: self.application_type,
            agent: self.agent,
            agent_description: self.agent_description,
            status: ClientStatus::Active,
            source: RegistrationSource::Dcr,
            metadata: self.metadata,
            created_at: now,
            updated_at: now,
        }
    }
}

/// All or nothing: one bad URI refuses the registration and is named.
fn parse_redirect_uris(
    uris: &[String],
    client: PublicOrConfidential,
) -> Result<Vec<RedirectUri>, OAuthError> {
    if uris.is_empty() {
        return Err(OAuthError::invalid_redirect_uri("redirect_uris is missing or empty."));
    }
    if uris.len() > redirect_uri::MAX_PER_CLIENT {
        return Err(OAuthError::invalid_redirect_uri("redirect_uris has more than 100 entries."));
    }
    let mut parsed: Vec<RedirectUri> = Vec::with_capacity(uris.len());
    for uri in uris {
        let uri =
            RedirectUri::parse_registration(uri, client).map_err(|reason| reason.naming(uri))?;
        if !parsed.contains(&uri) {
            parsed.push(uri);
        }
    }
    Ok(parsed)
}

fn is_native_shaped(uris: &[RedirectUri]) -> bool {
    uris.iter().all(|uri| uri.kind().is_local())
}

/// Keeps the grants a self-registered client can have; unknown ones and those that
/// need an operator are left out, and the response shows it.
fn assign_grants(asked: Option<&[String]>) -> Result<Vec<GrantType>, OAuthError> {
    let Some(asked) = asked.filter(|asked| !asked.is_empty()) else {
        return Ok(SELF_SERVICE_GRANTS.to_vec());
    };
    let is_asked = |grant: &&GrantType| asked.iter().any(|word| word == grant.as_str());
    let assigned: Vec<GrantType> = SELF_SERVICE_GRANTS.iter().filter(is_asked).copied().collect();
    if !assigned.contains(&GrantType::AuthorizationCode) {
        return Err(OAuthError::invalid_client_metadata(
            "grant_types must include authorization_code: other clients are created by the operator.",
        ));
    }
    Ok(assigned)
}

fn check_response_types(asked: Option<&[String]>) -> Result<(), OAuthError> {
    let asked = asked.unwrap_or_default();
    if asked.is_empty() || asked.iter().any(|word| word == "code") {
        return Ok(());
    }
    Err(OAuthError::invalid_client_metadata("response_types must include code."))
}

/// Cursor and others say `web` and mean the user's machine. MCP wants the type to
/// be true, because the consent page warns by it.
fn correct_type(asked: Option<&str>, uris: &[RedirectUri]) -> Result<ApplicationType, OAuthError> {
    let asked = match asked {
        None => ApplicationType::Web,
        Some(word) => ApplicationType::parse(word).ok_or_else(|| {
            OAuthError::invalid_client_metadata("application_type must be web or native.")
        })?,
    };
    Ok(if is_native_shaped(uris) { ApplicationType::Native } else { asked })
}
