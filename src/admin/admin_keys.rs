//! Operations on admin keys.

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use uuid::Uuid;

use super::operation::operations;
use crate::administration::Kind;
use crate::administration::admin_key::{
    self, AdminKeyList, AdminKeyQuery, AdminKeyView, KeyStanding, MintedAdminKey, NewAdminKey,
    PresentedKey,
};

/// Which admin key.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct AdminKeyPath {
    /// The key's id.
    pub id: Uuid,
}

operations! {
    /// Minted admin keys, newest first.
    ListAdminKeys { query: AdminKeyQuery } -> OK AdminKeyList:
        GET "/admin/admin-keys" needs read AdminKeys, fails [Invalid("limit or offset")],
        |desk| admin_key::list(desk, query).await;

    /// Mints an admin key.
    ///
    /// It may do no more, and last no longer, than the key it is minted with. The answer has the
    /// key itself: the only time it is shown.
    MintAdminKey { body: NewAdminKey } -> CREATED MintedAdminKey:
        POST "/admin/admin-keys" needs write AdminKeys,
        fails [Invalid("name, rights or expires_in; or you have less yourself")],
        |desk| admin_key::mint(desk, body).await;

    /// A minted admin key.
    GetAdminKey { path: AdminKeyPath } -> OK AdminKeyView:
        GET "/admin/admin-keys/{id}" needs read AdminKeys, fails [NotFound(Kind::AdminKey)],
        |desk| admin_key::get(desk, path.id).await;

    /// Says whether a key is good, and if not, why.
    ///
    /// For a minted key, narrowed or not. Who presents a key that is no good as their own is not
    /// told why.
    InspectAdminKey { body: PresentedKey } -> OK KeyStanding:
        POST "/admin/admin-keys/inspect" needs read AdminKeys,
        fails [Invalid("it cannot be read as a minted key")],
        |desk| admin_key::standing(desk, &body).await;

    /// Revokes an admin key, and every key that was narrowed from it, at once.
    RevokeAdminKey { path: AdminKeyPath } -> OK AdminKeyView:
        DELETE "/admin/admin-keys/{id}" needs write AdminKeys, fails [NotFound(Kind::AdminKey)],
        |desk| admin_key::revoke(desk, path.id).await;
}
