//! The tokens that an exchange presents.

use actors::ledger::Presented;
use protocol::jose::TokenRefusal;

use super::refusal::{self, Stop};
use crate::app::Services;

/// Which of the tokens it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Party {
    /// `subject_token`.
    Subject,
    /// `actor_token`.
    Actor,
}

/// Why a token is no good.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// It is no access token of this server.
    Unknown,
    /// It has expired.
    Expired,
    /// It was revoked, or its client or its user is off.
    Inactive,
}

/// The token, if it is one of ours that has not expired. Whether it is good still, the ledger says.
pub(super) async fn recognise(
    services: &Services,
    token: &str,
    party: Party,
) -> Result<Presented, Stop> {
    let now = services.environment.now();
    let recognised = services.keepers.key_ring.recognise(token, services.issuer(), now);
    let claims = recognised.map_err(|why| match why {
        TokenRefusal::Expired => refusal::no_good(party, Fault::Expired),
        TokenRefusal::Malformed | TokenRefusal::Signature | TokenRefusal::Issuer => {
            refusal::no_good(party, Fault::Unknown)
        }
    })?;
    let client = services.keepers.catalog.client(&claims.client_id).await?;
    let client = client.ok_or_else(|| refusal::no_good(party, Fault::Inactive))?;
    Ok(Presented { claims, client })
}
