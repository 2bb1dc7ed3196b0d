//! Client authentication (RFC 6749 §2.3): who is asking, and can they prove it?

use std::sync::Arc;

use actors::audit::Origin;
use protocol::OAuthError;
use protocol::client::{AuthMethod, Client};
use protocol::client_auth::{Presented, authenticate, unknown_client};

use super::client_failures;
use crate::app::Services;
use crate::failure::Failure;

/// The methods that work here.
pub const METHODS: &[AuthMethod] =
    &[AuthMethod::None, AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost];

/// The client behind these credentials.
///
/// # Errors
/// `invalid_client` when nothing names a client; and, in the same words, for an unknown
/// client, a wrong secret and a suspended client. `slow_down` after too many of those.
pub async fn authenticate_client(
    services: &Services,
    presented: &Presented,
    origin: &Origin,
) -> Result<Arc<Client>, Failure> {
    let Some(client_id) = presented.client_id() else {
        return Err(OAuthError::invalid_client(
            "The request does not say which client is asking. Send client_id, or HTTP Basic credentials.",
        )
        .into());
    };
    let found = services.keepers.catalog.client(client_id).await?;
    let exists = found.is_some();
    let key = &services.secrets.client_secret;
    let proved = found.ok_or_else(unknown_client).and_then(|client| {
        authenticate(presented, &client, |secret, hash| key.verify(secret.as_bytes(), hash))?;
        Ok(client)
    });
    match proved {
        Ok(client) => Ok(client),
        Err(error) => {
            Err(client_failures::answer_to(error.into(), services, presented, exists, origin).await)
        }
    }
}
