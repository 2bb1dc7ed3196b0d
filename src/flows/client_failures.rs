//! Client authentications that failed: what is said the first few times, and after that.
//!
//! The first failures of a client from a network get 401 `invalid_client`, which clients
//! in use take for "register again". Who goes on gets 429 until it has been quiet for a
//! while. Two things stay as they are however often somebody fails:
//!
//! - Right credentials are right. A secret has 256 bits, so that refusing the right one
//!   protects nothing, and would let whoever shares an address shut a client out.
//! - A request without credentials gets 401: a public client that was removed comes back
//!   until it hears exactly that, and registers again.

use actors::attempts::NoteClientFailure;
use actors::audit::Origin;
use protocol::client_auth::Presented;
use protocol::{ErrorCode, OAuthError};

use super::introspect;
use crate::app::Services;
use crate::failure::Failure;
use crate::http::network;

/// An attempt that failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failed<'a> {
    /// What was presented.
    pub(super) presented: &'a Presented,
    /// Where, below the issuer.
    pub(super) endpoint: &'a str,
    /// Whether there is such a client.
    pub(super) exists: bool,
}

/// What to answer to `failure`.
pub(super) async fn answer_to(
    failure: Failure,
    services: &Services,
    Failed { presented, endpoint, exists }: Failed<'_>,
    origin: &Origin,
) -> Failure {
    let (true, Some(client_id)) = (presented.has_credentials(), presented.client_id()) else {
        return failure;
    };
    if failure.0.code != ErrorCode::InvalidClient {
        return failure;
    }
    // Requests count by themselves, but not for introspection: there, failures do.
    if endpoint == introspect::PATH && services.limits.spend(origin).is_err() {
        return too_many(&failure);
    }
    let client_id = client_id.to_owned();
    let network = network(origin);
    let note = NoteClientFailure { client_id, exists, network, origin: origin.clone() };
    match services.keepers.attempts.ask(note).await {
        Ok(Ok(Some(_))) => too_many(&failure),
        // The refusal stands, whether or not it could be counted.
        _ => failure,
    }
}

fn too_many(failure: &Failure) -> Failure {
    let public = "This client failed to authenticate too often from this address. Check its id, \
                  secret and authentication method, and wait before trying again.";
    let error = OAuthError::new(ErrorCode::SlowDown, public);
    Failure(match &failure.0.detail {
        Some(detail) => error.with_detail(detail.clone()),
        None => error,
    })
}
