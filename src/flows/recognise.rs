//! Tokens of ours, also those that are made with a key this server has not seen yet.

use std::sync::Arc;

use actors::keys::SeekKey;
use actors::secrets::SeekSecret;
use protocol::jose::{AccessTokenClaims, TokenRefusal};
use protocol::refresh_token::{Stranger, TokenPlace};

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

/// The place of a refresh token, if it is one of ours.
///
/// As with access tokens, one that names a secret of which this server has not heard is no
/// stranger's before somebody has looked.
///
/// # Errors
/// When nobody could look.
pub(crate) async fn place_of(
    services: &Services,
    token: &str,
) -> Result<Option<TokenPlace>, Failure> {
    let look = || services.keepers.secret_ring.current().refresh_token.recognise(token);
    let recognised = match look() {
        Err(Stranger::UnknownSecret) => match services.keepers.secrets.ask(SeekSecret).await? {
            true => look(),
            false => return Err(unavailable("the server secrets cannot be looked at")),
        },
        recognised => recognised,
    };
    Ok(recognised.ok())
}
