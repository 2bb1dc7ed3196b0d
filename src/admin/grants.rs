//! Operations on what people agreed to.

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use uuid::Uuid;

use super::operation::operations;
use super::{Nothing, UserPath};
use crate::administration::Kind;
use crate::administration::grant::{self, GrantQuery, UserGrants};

/// Which grant.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct GrantPath {
    /// The grant's id.
    pub id: Uuid,
}

operations! {
    /// What a person agreed to, the latest first.
    ListUserGrants { path: UserPath, query: GrantQuery } -> OK UserGrants:
        GET "/admin/users/{user}/grants" needs read Grants,
        fails [NotFound(Kind::User), Invalid("limit or offset")],
        |desk| grant::of_user(desk, &path.user, query).await;

    /// Takes a consent back, with every token that rests on it.
    RevokeConsentGrant { path: GrantPath } -> NO_CONTENT Nothing:
        DELETE "/admin/grants/consent/{id}" needs write Grants, fails [NotFound(Kind::Grant)],
        |desk| {
            grant::revoke(desk, path.id).await?;
            Ok(Nothing {})
        };
}
