//! Token revocation (RFC 7009): a client gives back what it holds.
//!
//! A refresh token takes its family and the family's access tokens with it, an access
//! token only itself. What kind of token it is shows in the token; the hint is not
//! needed, and a wrong one reaches nothing it should not. Another client's token, or
//! something that is no token, is answered like a success (RFC 7009 §2.2).

use actors::audit::Origin;
use actors::families::RevokeFamily;
use actors::ledger::RevokeIssuance;
use protocol::client_auth::Presented;
use protocol::form::Parameters;

use super::authenticate_client::authenticate_client;
use super::recognise::{Unrecognised, place_of, recognise};
use crate::app::Services;
use crate::failure::Failure;

/// Where this is.
const PATH: &str = "/oauth/revoke";

/// Revokes the token of the form, if it is the caller's.
///
/// # Errors
/// `invalid_client`, `invalid_request` without a token, or when the server cannot do
/// its work; then the token may still be good and the client should repeat.
pub async fn revoke(
    services: &Services,
    presented: &Presented,
    form: &Parameters,
    origin: &Origin,
) -> Result<(), Failure> {
    let client = authenticate_client(services, presented, PATH, origin).await?;
    let token = form.require("token")?;
    let (client_id, origin) = (client.id.clone(), origin.clone());
    match place_of(services, token).await {
        Ok(Some(place)) => {
            let order = RevokeFamily { family: place.family, client_id, origin };
            let revoked = services.keepers.families.ask(place.family, order).await;
            return told("family", revoked.map_err(Failure::from).and_then(|r| Ok(r.map(drop)?)));
        }
        Ok(None) => {}
        // It may be good elsewhere: not to be called revoked.
        Err(failure) => return told("family", Err(failure)),
    }
    match recognise(services, token).await {
        Ok(claims) => {
            let order = RevokeIssuance { jti: claims.jti, client_id, origin };
            let revoked = services.keepers.ledger.ask(order).await;
            told("issuance", revoked.map_err(Failure::from).and_then(|r| Ok(r.map(drop)?)))
        }
        Err(Unrecognised::Refused(_)) => Ok(()),
        // It may be a token that is good elsewhere: not to be called revoked.
        Err(Unrecognised::Unknown(failure)) => told("issuance", Err(failure)),
    }
}

/// Counts a revocation that failed: a token that should be dead may be alive.
fn told(half: &'static str, outcome: Result<(), Failure>) -> Result<(), Failure> {
    if outcome.is_err() {
        let labels = [("path", PATH), ("half", half)];
        metrics::counter!("authserver_revocation_failures_total", &labels).increment(1);
    }
    outcome
}
