//! Client authentication (RFC 6749 §2.3): who is asking, and can they prove it?

use std::sync::Arc;

use protocol::OAuthError;
use protocol::client::{AuthMethod, Client};
use protocol::client_auth::{Presented, authenticate, unknown_client};

use crate::app::Services;
use crate::failure::Failure;

/// The methods that work here.
pub const METHODS: &[AuthMethod] =
    &[AuthMethod::None, AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost];

/// The client behind these credentials.
///
/// # Errors
/// `invalid_client` when nothing names a client; and, in the same words, for an unknown
/// client, a wrong secret and a suspended client.
pub async fn authenticate_client(
    services: &Services,
    presented: &Presented,
) -> Result<Arc<Client>, Failure> {
    let Some(client_id) = presented.client_id() else {
        return Err(OAuthError::invalid_client(
            "The request does not say which client is asking. Send client_id, or HTTP Basic credentials.",
        )
        .into());
    };
    let client = services.keepers.catalog.client(client_id).await?.ok_or_else(unknown_client)?;
    let key = &services.secrets.client_secret;
    authenticate(presented, &client, |secret, hash| key.verify(secret.as_bytes(), hash))?;
    Ok(client)
}
