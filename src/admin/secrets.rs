//! Operations on server secrets.

use super::operation::operations;
use crate::administration::secret::{self, SecretList, SecretRotation};

operations! {
    /// The server secrets that count, oldest first; never the secrets themselves.
    ///
    /// Refresh tokens, form tokens, DPoP nonces, links to the page of agreement and minted admin keys
    /// are made with the active one.
    ListSecrets {} -> OK SecretList:
        GET "/admin/secrets" needs read Keys, fails [],
        |desk| secret::list(desk).await;

    /// Announces a new server secret.
    ///
    /// Things are made with it after a minute, when every server knows it, and nobody notices. In
    /// an emergency at once, and what was made with those before is worth nothing: every refresh
    /// token and every minted admin key ends.
    RotateSecrets { body: SecretRotation } -> OK SecretList:
        POST "/admin/secrets/rotate" needs write Keys,
        fails [Conflict("one is announced already, or too many still count")],
        |desk| secret::rotate(desk, body).await;
}
