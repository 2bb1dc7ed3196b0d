//! Operations on signing keys.

use super::operation::operations;
use crate::administration::key::{self, KeyList, KeyView, Rotation};

operations! {
    /// The signing keys, in the order they were made.
    ListKeys {} -> OK KeyList:
        GET "/admin/keys" needs read Keys, fails [],
        |desk| key::list(desk).await;

    /// Announces a new signing key.
    ///
    /// It is published at once and signs when every verifier can have it. In an emergency
    /// it signs at once, and the old one may be dropped, so that what it signed is refused.
    RotateKeys { body: Rotation } -> OK KeyView:
        POST "/admin/keys/rotate" needs write Keys,
        fails [
            Conflict("a rotation is under way"),
            Invalid("drop_old without emergency would leave no key to sign with"),
        ],
        |desk| key::rotate(desk, body).await;
}
