//! The registration response (RFC 7591 §3.2.1).

use std::fmt;

use serde::Serialize;

use crate::client::{ApplicationType, AuthMethod, Client, ClientMetadataExtras, GrantType};
use crate::scope::ScopeSet;

/// What was registered, with the secret in the clear: the only time it is shown.
#[derive(Serialize)]
pub struct RegistrationResponse<'a> {
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    /// Zero: never. Present exactly when a secret is.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<u8>,
    /// Unix seconds.
    client_id_issued_at: i64,
    client_name: &'a str,
    redirect_uris: Vec<&'a str>,
    grant_types: &'a [GrantType],
    response_types: &'a [String],
    token_endpoint_auth_method: AuthMethod,
    application_type: ApplicationType,
    /// The assigned ceiling.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a ScopeSet>,
    agent: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_description: Option<&'a str>,
    #[serde(flatten)]
    metadata: &'a ClientMetadataExtras,
}

impl<'a> RegistrationResponse<'a> {
    /// Describes `client` as it was registered. `secret` is the one just made, in
    /// the clear; None for clients without one.
    #[must_use]
    pub fn new(client: &'a Client, secret: Option<&'a str>) -> Self {
        Self {
            client_id: &client.id,
            client_secret: secret,
            client_secret_expires_at: secret.map(|_| 0),
            client_id_issued_at: client.created_at.timestamp(),
            client_name: &client.name,
            redirect_uris: client.redirect_uris.iter().map(|uri| uri.as_str()).collect(),
            grant_types: &client.grant_types,
            response_types: &client.response_types,
            token_endpoint_auth_method: client.auth_method,
            application_type: client.application_type,
            scope: client.ceiling.as_ref(),
            agent: client.agent,
            agent_description: client.agent_description.as_deref(),
            metadata: &client.metadata,
        }
    }
}

impl fmt::Debug for RegistrationResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistrationResponse")
            .field("client_id", &self.client_id)
            .field("client_secret", &self.client_secret.map(|_| "[redacted]"))
            .finish_non_exhaustive()
    }
}
