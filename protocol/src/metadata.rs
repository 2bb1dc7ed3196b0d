//! What the server says about itself and its resources (RFC 8414, RFC 9728).
//!
//! Clients configure themselves from these documents, so they name only what is
//! switched on, and every URL starts with the configured issuer, byte for byte.

use serde::{Deserialize, Serialize};

use crate::client::{AuthMethod, GrantType};
use crate::pkce;
use crate::resource::MintResource;
use crate::scope::{OFFLINE_ACCESS, ScopeSet};

mod well_known;

pub use well_known::{
    AUTHORIZATION_SERVER, OPENID_CONFIGURATION, PROTECTED_RESOURCE, endpoint, well_known_paths,
};

#[cfg(test)]
mod tests;

/// The grant profile of ID-JAG (enterprise-managed authorization).
pub const ID_JAG_PROFILE: &str = "urn:ietf:params:oauth:grant-profile:id-jag";

/// What is switched on.
#[derive(Debug, Clone)]
pub struct MetadataInputs<'a> {
    /// The configured issuer, byte for byte.
    pub issuer: &'a str,
    /// Grants that are switched on.
    pub grants: &'a [GrantType],
    /// False when only operators register clients: the endpoint is then not listed.
    pub registration_open: bool,
    /// Scopes of discoverable resources; `offline_access` is added.
    pub scopes_supported: &'a ScopeSet,
    /// Client authentication methods that work.
    pub auth_methods: &'a [AuthMethod],
    /// Signature algorithms for `private_key_jwt`; needed when that is a method.
    pub auth_signing_algs: Option<&'a [&'a str]>,
    /// Client ID Metadata Documents are accepted.
    pub cimd: bool,
    /// DPoP proof algorithms; None while DPoP is off.
    pub dpop_signing_algs: Option<&'a [&'a str]>,
    /// ID-JAG assertions are accepted.
    pub id_jag: bool,
    /// Tokens of agents carry `agent_id`.
    pub agent_identity: bool,
}

/// Authorization server metadata (RFC 8414 §2), in the order of the RFC, then the
/// extensions. The same document answers `/.well-known/openid-configuration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationServerMetadata {
    /// The configured issuer, byte for byte.
    pub issuer: String,
    /// Where users are sent.
    pub authorization_endpoint: String,
    /// Where grants become tokens.
    pub token_endpoint: String,
    /// Public signing keys.
    pub jwks_uri: String,
    /// RFC 7591; absent when only operators register clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_endpoint: Option<String>,
    /// `offline_access` and the scopes of discoverable resources.
    pub scopes_supported: Vec<String>,
    /// Always `["code"]`.
    pub response_types_supported: Vec<String>,
    /// Always `["query"]`.
    pub response_modes_supported: Vec<String>,
    /// Grants that are switched on.
    pub grant_types_supported: Vec<GrantType>,
    /// How clients may authenticate.
    pub token_endpoint_auth_methods_supported: Vec<AuthMethod>,
    /// With `private_key_jwt` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg_values_supported: Option<Vec<String>>,
    /// RFC 7009.
    pub revocation_endpoint: String,
    /// As at the token endpoint.
    pub revocation_endpoint_auth_methods_supported: Vec<AuthMethod>,
    /// With `private_key_jwt` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint_auth_signing_alg_values_supported: Option<Vec<String>>,
    /// RFC 7662.
    pub introspection_endpoint: String,
    /// Confidential methods only: a public caller always hears `active: false`.
    pub introspection_endpoint_auth_methods_supported: Vec<AuthMethod>,
    /// With `private_key_jwt` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_endpoint_auth_signing_alg_values_supported: Option<Vec<String>>,
    /// Always `["S256"]`: MCP clients refuse a server that omits it.
    pub code_challenge_methods_supported: Vec<String>,
    /// Always true (RFC 9207 §3).
    pub authorization_response_iss_parameter_supported: bool,
    /// Always true (RFC 8707).
    pub resource_indicators_supported: bool,
    /// Whether a `client_id` may be an https URL.
    pub client_id_metadata_document_supported: bool,
    /// RFC 9449 §5.1; absent while DPoP is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dpop_signing_alg_values_supported: Option<Vec<String>>,
    /// Names ID-JAG when it is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_grant_profiles_supported: Option<Vec<String>>,
    /// The same switch under its older name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_assertion_supported: Option<bool>,
    /// Tokens of agents carry `agent_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authplane_agent_identity_supported: Option<bool>,
}

impl AuthorizationServerMetadata {
    /// Writes down what is switched on.
    #[must_use]
    pub fn new(inputs: &MetadataInputs<'_>) -> Self {
        let url = |path: &str| endpoint(inputs.issuer, path);
        let methods = inputs.auth_methods.to_vec();
        let confidential =
            methods.iter().copied().filter(|method| *method != AuthMethod::None).collect();
        let signing_algs = inputs
            .auth_signing_algs
            .filter(|_| methods.contains(&AuthMethod::PrivateKeyJwt))
            .map(owned);
        Self {
            issuer: inputs.issuer.to_owned(),
            authorization_endpoint: url("/oauth/authorize"),
            token_endpoint: url("/oauth/token"),
            jwks_uri: url("/.well-known/jwks.json"),
            registration_endpoint: inputs.registration_open.then(|| url("/oauth/register")),
            scopes_supported: server_scopes(inputs.scopes_supported),
            response_types_supported: vec!["code".into()],
            response_modes_supported: vec!["query".into()],
            grant_types_supported: inputs.grants.to_vec(),
            token_endpoint_auth_methods_supported: methods.clone(),
            token_endpoint_auth_signing_alg_values_supported: signing_algs.clone(),
            revocation_endpoint: url("/oauth/revoke"),
            revocation_endpoint_auth_methods_supported: methods,
            revocation_endpoint_auth_signing_alg_values_supported: signing_algs.clone(),
            introspection_endpoint: url("/oauth/introspect"),
            introspection_endpoint_auth_methods_supported: confidential,
            introspection_endpoint_auth_signing_alg_values_supported: signing_algs,
            code_challenge_methods_supported: vec![pkce::S256.into()],
            authorization_response_iss_parameter_supported: true,
            resource_indicators_supported: true,
            client_id_metadata_document_supported: inputs.cimd,
            dpop_signing_alg_values_supported: inputs.dpop_signing_algs.map(owned),
            authorization_grant_profiles_supported: inputs
                .id_jag
                .then(|| vec![ID_JAG_PROFILE.into()]),
            identity_assertion_supported: inputs.id_jag.then_some(true),
            authplane_agent_identity_supported: inputs.agent_identity.then_some(true),
        }
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// `offline_access` first: it belongs to the server, never to a resource.
fn server_scopes(discoverable: &ScopeSet) -> Vec<String> {
    std::iter::once(OFFLINE_ACCESS)
        .chain(discoverable.iter().filter(|scope| *scope != OFFLINE_ACCESS))
        .map(str::to_owned)
        .collect()
}

/// Protected resource metadata (RFC 9728 §2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtectedResourceMetadata {
    /// The resource's URI, byte for byte.
    pub resource: String,
    /// The issuer, alone.
    pub authorization_servers: Vec<String>,
    /// The resource's catalog.
    pub scopes_supported: Vec<String>,
    /// Always `["header"]`: tokens in a body or query leak.
    pub bearer_methods_supported: Vec<String>,
    /// Present when the resource takes DPoP-bound tokens only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dpop_bound_access_tokens_required: Option<bool>,
}

impl ProtectedResourceMetadata {
    /// The document of one resource.
    #[must_use]
    pub fn new(resource: &MintResource, issuer: &str) -> Self {
        Self {
            resource: resource.uri.clone(),
            authorization_servers: vec![issuer.to_owned()],
            scopes_supported: resource.catalog().iter().map(str::to_owned).collect(),
            bearer_methods_supported: vec!["header".into()],
            dpop_bound_access_tokens_required: resource.policy.dpop.required.then_some(true),
        }
    }
}
