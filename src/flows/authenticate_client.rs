//! Client authentication (RFC 6749 §2.3): who is asking, and can they prove it?

use std::sync::Arc;

use actors::audit::Origin;
use actors::denials::Denial;
use actors::documents::DocumentError;
use actors::replay::{Spend, Spent};
use protocol::client::{AuthMethod, Client};
use protocol::client_auth::{
    AssertionRefusal, ClientAssertion, Expected, Presented, authenticate, invalid_client,
    unknown_client,
};
use protocol::document_url::DocumentUrl;
use protocol::jose::SignatureRefusal;
use protocol::replay::OneTimeUse;
use protocol::{ErrorCode, OAuthError};

use super::client_failures::{self, Failed};
use super::denied;
use crate::app::Services;
use crate::failure::{Failure, unavailable};

/// The methods that work here.
pub const METHODS: &[AuthMethod] = &[
    AuthMethod::None,
    AuthMethod::ClientSecretBasic,
    AuthMethod::ClientSecretPost,
    AuthMethod::PrivateKeyJwt,
];

/// The client behind these credentials. `endpoint` is the path below the issuer that was
/// called.
///
/// # Errors
/// `invalid_client` when nothing names a client; and, in the same words, for an unknown
/// client, a suspended one, and credentials that do not prove it. `slow_down` after too
/// many of those.
pub async fn authenticate_client(
    services: &Services,
    presented: &Presented,
    endpoint: &str,
    origin: &Origin,
) -> Result<Arc<Client>, Failure> {
    let Some(client_id) = presented.client_id() else {
        return Err(OAuthError::invalid_client(
            "The request does not say which client is asking. Send client_id, or HTTP Basic credentials.",
        )
        .into());
    };
    let found = services.keepers.catalog.client(client_id).await?;
    let proved = match &found {
        Some(client) => prove(services, client, presented, endpoint).await,
        None => Err(unknown_client().into()),
    };
    match (proved, found) {
        (Ok(()), Some(client)) => Ok(client),
        (Err(failure), found) => {
            if let Some(client) = &found {
                write_down(services, client, presented, &failure, origin);
            }
            let exists = found.is_some();
            let failed = Failed { presented, endpoint, exists };
            Err(client_failures::answer_to(failure, services, failed, origin).await)
        }
        (Ok(()), None) => Err(unknown_client().into()),
    }
}

async fn prove(
    services: &Services,
    client: &Client,
    presented: &Presented,
    endpoint: &str,
) -> Result<(), Failure> {
    if let Presented::Assertion(assertion) = presented {
        return accept(services, client, assertion, endpoint).await;
    }
    let key = &services.secrets.client_secret;
    let matches = |secret: &str, hash: &[u8]| key.verify(secret.as_bytes(), hash);
    Ok(authenticate(presented, client, matches)?)
}

/// `private_key_jwt` (RFC 7523 §3), in this order: what costs nothing, the signature, and
/// last the one use that the assertion has.
async fn accept(
    services: &Services,
    client: &Client,
    assertion: &ClientAssertion,
    endpoint: &str,
) -> Result<(), Failure> {
    let now = services.environment.now();
    let expected = Expected { issuer: services.issuer(), endpoint, now };
    assertion.judge(client, &expected).map_err(OAuthError::from)?;
    let once = verify(services, client, assertion).await?;
    match services.keepers.replay.ask(Spend(once)).await?? {
        Spent::Now => Ok(()),
        Spent::Before => Err(invalid_client("assertion: it was used before").into()),
    }
}

/// Checks the signature with the keys that are registered, or that are published where
/// the client said. If those have no such key, the client may have a new one: they are
/// looked at once more.
async fn verify(
    services: &Services,
    client: &Client,
    assertion: &ClientAssertion,
) -> Result<OneTimeUse, Failure> {
    if let Some(registered) = &client.metadata.jwks {
        return Ok(assertion.verify(registered.keys()).map_err(OAuthError::from)?);
    }
    let documents = &services.keepers.documents;
    let uri = client.metadata.jwks_uri.as_deref().unwrap_or_default();
    let url = DocumentUrl::parse(uri, documents.policy())
        .map_err(|refusal| invalid_client(format!("jwks_uri {refusal}")))?;
    let held = documents.keys(url.clone(), None).await.map_err(unavailable)?.map_err(no_keys)?;
    let refusal = match assertion.verify(&held.keys) {
        Ok(once) => return Ok(once),
        Err(refusal) => refusal,
    };
    let signature = AssertionRefusal::Signature(SignatureRefusal::UnknownKey);
    if refusal != signature {
        return Err(OAuthError::from(refusal).into());
    }
    let seen = Some(held.fetched_at);
    let held = documents.keys(url, seen).await.map_err(unavailable)?.map_err(no_keys)?;
    Ok(assertion.verify(&held.keys).map_err(OAuthError::from)?)
}

/// A document that cannot be had is the client's business, too much to do is ours.
fn no_keys(error: DocumentError) -> Failure {
    match error {
        DocumentError::Failed(_) => invalid_client(format!("jwks_uri: {error}")).into(),
        DocumentError::Busy | DocumentError::Stopping => unavailable(error),
    }
}

/// `auth.denied`, for clients that exist.
fn write_down(
    services: &Services,
    client: &Client,
    presented: &Presented,
    failure: &Failure,
    origin: &Origin,
) {
    let Failure(OAuthError { code, detail, .. }) = failure;
    if *code != ErrorCode::InvalidClient {
        return;
    }
    let denial = Denial::new("auth.denied", origin)
        .client(&client.id)
        .with("method", presented.method())
        .with("reason", detail.as_deref().unwrap_or_default());
    denied::write_down(services, denial);
}
