//! Access tokens of ours, also those that are signed with a key this server has not seen yet.

use std::sync::Arc;

use actors::keys::SeekKey;
use protocol::jose::{AccessTokenClaims, TokenRefusal};

use crate::app::Services;
use crate::failure::{Failure, unavailable};

/// Why there are no claims.
#[derive(Debug)]
pub(crate) enum Unrecognised {
    /// It is none of ours, or none any more.
    Refused(TokenRefusal),
    /// Nobody could look whether it is.
    Unknown(Failure),
}

/// The claims of `token` when it is ours and has not expired.
///
/// Another server may have begun to sign with a key a moment ago (an emergency), and this one may
/// not have heard of it. So a token that looks like ours, but for its key, is no stranger's before
/// somebody has looked at the keys.
pub(crate) async fn recognise(
    services: &Services,
    token: &str,
) -> Result<Arc<AccessTokenClaims>, Unrecognised> {
    let look = || {
        let now = services.environment.now();
        services.keepers.key_ring.recognise(token, services.issuer(), now)
    };
    match look() {
        Err(TokenRefusal::UnknownKey) => match services.keepers.keys.ask(SeekKey).await {
            Ok(true) => look().map_err(Unrecognised::Refused),
            Ok(false) => {
                Err(Unrecognised::Unknown(unavailable("the signing keys cannot be looked at")))
            }
            Err(error) => Err(Unrecognised::Unknown(unavailable(error))),
        },
        recognised => recognised.map_err(Unrecognised::Refused),
    }
}
