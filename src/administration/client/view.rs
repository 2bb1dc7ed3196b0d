//! Clients as operators see them.

use chrono::{DateTime, Utc};
use protocol::client::{AuthMethod, Client, ClientStatus, GrantType, RegistrationSource};
use protocol::jose::{ProofAlgorithm, RegisteredKeys};
use protocol::secret::ClientSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A client as operators see it. Empty members are present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientView {
    /// `client_id`.
    pub id: String,
    /// Name shown to people.
    pub name: String,
    /// Registered redirect URIs.
    pub redirect_uris: Vec<String>,
    /// Grants the client may use.
    #[schema(value_type = Vec<String>)]
    pub grant_types: Vec<GrantType>,
    /// `["code"]` or none.
    pub response_types: Vec<String>,
    /// How it authenticates.
    #[schema(value_type = String)]
    pub token_endpoint_auth_method: AuthMethod,
    /// Scope ceiling; null is none.
    pub scope: Option<String>,
    /// Slug of the resource meant when a request names none.
    pub default_resource: Option<String>,
    /// Whether it is an agent.
    pub agent: bool,
    /// What the agent is for.
    pub agent_description: Option<String>,
    /// Its public keys by value; left out when it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub jwks: Option<RegisteredKeys>,
    /// Where it publishes its public keys; left out when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Whether it gets tokens bound to a key only.
    pub dpop_bound: bool,
    /// The one algorithm of its assertions; left out when any of its keys may sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub token_endpoint_auth_signing_alg: Option<ProofAlgorithm>,
    /// Whether it works.
    #[schema(value_type = String)]
    pub status: ClientStatus,
    /// Where it came from.
    #[schema(value_type = String)]
    pub registration_source: RegistrationSource,
    /// Where its metadata document is, for clients that have one.
    pub cimd_url: Option<String>,
    /// When it was registered.
    pub issued_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl From<&Client> for ClientView {
    fn from(client: &Client) -> ClientView {
        let uris = client.redirect_uris.iter();
        let document = client.source == RegistrationSource::Cimd;
        ClientView {
            id: client.id.clone(),
            name: client.name.clone(),
            redirect_uris: uris.map(|uri| uri.as_str().to_owned()).collect(),
            grant_types: client.grant_types.clone(),
            response_types: client.response_types.clone(),
            token_endpoint_auth_method: client.auth_method,
            scope: client.ceiling.as_ref().map(ToString::to_string),
            default_resource: client.default_resource.clone(),
            agent: client.agent,
            agent_description: client.agent_description.clone(),
            jwks: client.metadata.jwks.clone(),
            jwks_uri: client.metadata.jwks_uri.clone(),
            dpop_bound: client.metadata.dpop_bound_access_tokens,
            token_endpoint_auth_signing_alg: client.metadata.token_endpoint_auth_signing_alg,
            status: client.status,
            registration_source: client.source,
            cimd_url: document.then(|| client.id.clone()),
            issued_at: client.created_at,
            updated_at: client.updated_at,
        }
    }
}

/// Clients, and how many there are in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientList {
    /// The part that was asked for.
    pub clients: Vec<ClientView>,
    /// How many meet the filter.
    pub total: u64,
}

/// A client that was made or changed. Should that have given it a secret, this is the
/// only time it is shown.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct ClientWithSecret {
    /// `client_id`.
    pub client_id: String,
    /// The new secret, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// The client.
    #[serde(flatten)]
    pub client: ClientView,
}

impl ClientWithSecret {
    pub(super) fn new(client: &Client, secret: Option<&ClientSecret>) -> ClientWithSecret {
        ClientWithSecret {
            client_id: client.id.clone(),
            client_secret: secret.map(|secret| secret.expose().to_owned()),
            client: ClientView::from(client),
        }
    }
}

impl std::fmt::Debug for ClientWithSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientWithSecret").field("client", &self.client).finish_non_exhaustive()
    }
}

/// A secret that replaces the one before; the only time it is shown.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct RotatedSecret {
    /// `client_id`.
    pub client_id: String,
    /// The secret.
    pub client_secret: String,
}

impl std::fmt::Debug for RotatedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RotatedSecret").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}
