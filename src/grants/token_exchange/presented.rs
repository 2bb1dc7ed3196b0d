//! The tokens that an exchange presents.

use actors::ledger::Presented;
use protocol::jose::TokenRefusal;

use super::refusal::{self, Stop};
use crate::app::Services;
use crate::flows::recognise::{self, Unrecognised};

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
    let recognised = recognise::recognise(services, token).await;
    let claims = recognised.map_err(|why| match why {
        Unrecognised::Unknown(failure) => failure.into(),
        Unrecognised::Refused(TokenRefusal::Expired) => refusal::no_good(party, Fault::Expired),
        Unrecognised::Refused(_) => refusal::no_good(party, Fault::Unknown),
    })?;
    let client = services.keepers.catalog.client(&claims.client_id).await?;
    let client = client.ok_or_else(|| refusal::no_good(party, Fault::Inactive))?;
    Ok(Presented { claims, client })
}
