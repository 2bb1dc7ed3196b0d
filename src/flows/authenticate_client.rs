//! Client authentication (RFC 6749 §2.3): who is asking, and can they prove it?

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actors::audit::{Event, Origin};
use actors::documents::DocumentError;
use actors::ledger::Record;
use actors::replay::{Spend, Spent};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use protocol::client::{AuthMethod, Client};
use protocol::client_auth::{
    AssertionRefusal, ClientAssertion, Expected, Presented, authenticate, invalid_client,
    unknown_client,
};
use protocol::document_url::DocumentUrl;
use protocol::jose::SignatureRefusal;
use protocol::replay::OneTimeUse;
use protocol::{ErrorCode, OAuthError};

use super::client_failures;
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
            Err(client_failures::answer_to(failure, services, presented, exists, origin).await)
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
        DocumentError::Busy => unavailable(error),
    }
}

/// `auth.denied`, for clients that exist. Anybody can make these, so the first few of a
/// client in a while are written down, and the rest only count in the metric. The answer
/// does not wait for it: the time it takes must not tell which clients there are.
fn write_down(
    services: &Services,
    client: &Client,
    presented: &Presented,
    failure: &Failure,
    origin: &Origin,
) {
    let Failure(OAuthError { code, detail, .. }) = failure;
    if *code != ErrorCode::InvalidClient || !services.denials.is_news(&client.id) {
        return;
    }
    let event = Event::new("auth.denied", origin)
        .client(&client.id)
        .with("method", presented.method())
        .with("reason", detail.as_deref().unwrap_or_default());
    let ledger = services.keepers.ledger.clone();
    actix_web::rt::spawn(async move {
        let lost = match ledger.ask(Record { event }).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(
            error = lost,
            "a denied client authentication was not written to the audit log"
        );
    });
}

/// Which denials are written down.
pub struct Denials(DefaultKeyedRateLimiter<String>);

impl Denials {
    /// Rows of one client at once.
    const ROWS: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
    /// After this time there may be one more.
    const PAUSE: Duration = Duration::from_secs(60);
    /// Clients remembered before those that were quiet are forgotten.
    const REMEMBERED: usize = 10_000;

    fn is_news(&self, client_id: &str) -> bool {
        if self.0.len() > Self::REMEMBERED {
            self.0.retain_recent();
        }
        self.0.check_key(&client_id.to_owned()).is_ok()
    }
}

impl Default for Denials {
    fn default() -> Denials {
        let quota = Quota::with_period(Denials::PAUSE).unwrap_or(Quota::per_hour(NonZeroU32::MIN));
        Denials(RateLimiter::keyed(quota.allow_burst(Denials::ROWS)))
    }
}

impl std::fmt::Debug for Denials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Denials").field("clients", &self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_denials_of_each_client_are_news() {
        let denials = Denials::default();
        for client in ["one", "other"] {
            assert_eq!((0..100).filter(|_| denials.is_news(client)).count(), 10);
        }
    }
}
