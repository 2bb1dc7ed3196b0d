//! What people agreed to, and taking it back for them.

use actors::consent::{ListGrants, RevokeGrant};
use entities::cascade::Reach;
use entities::consent_grant::Model as ConsentGrant;
use serde::Serialize;
use uuid::Uuid;

use super::{AdminError, Desk, Kind, user};

/// A consent grant as operators see one.
#[derive(Debug, Serialize)]
pub struct ConsentGrantView {
    id: String,
    client_id: String,
    resource_id: String,
    scopes: String,
    created_at: String,
    updated_at: String,
    revoked_at: Option<String>,
}

impl From<&ConsentGrant> for ConsentGrantView {
    fn from(grant: &ConsentGrant) -> ConsentGrantView {
        ConsentGrantView {
            id: grant.id.to_string(),
            client_id: grant.client_id.clone(),
            resource_id: grant.resource_id.to_string(),
            scopes: grant.scopes.clone(),
            created_at: grant.created_at.to_rfc3339(),
            updated_at: grant.updated_at.to_rfc3339(),
            revoked_at: grant.revoked_at.map(|at| at.to_rfc3339()),
        }
    }
}

/// Everything the user with this id or e-mail address agreed to, the latest first.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn of_user(desk: &Desk<'_>, who: &str) -> Result<Vec<ConsentGrant>, AdminError> {
    let user_id = user::find(desk, who).await?;
    Ok(desk.keepers.consent.ask(ListGrants { user_id }).await??)
}

/// Takes a consent grant back, with everything that rests on it; what that reached.
///
/// # Errors
/// [`AdminError::NotFound`] when there is none or it was taken back before, or a
/// failure of the server.
pub async fn revoke(desk: &Desk<'_>, id: Uuid) -> Result<Reach, AdminError> {
    let order = RevokeGrant { id, admin: desk.admin.to_owned(), origin: desk.origin.clone() };
    let reach = desk.keepers.consent.ask(order).await??;
    reach.ok_or_else(|| AdminError::missing(Kind::Grant, id))
}
