//! What people agreed to, and taking it back for them.

use actors::consent::{ListGrants, RevokeGrant};
use chrono::{DateTime, Utc};
use entities::cascade::Reach;
use entities::consent_grant::Model as ConsentGrant;
use protocol::resource::Resources;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::input::{MAX_LIMIT, page};
use super::{AdminError, Desk, Kind, user};

/// A consent grant as operators see one, with names that mean something to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsentGrantView {
    /// The grant's id.
    pub id: Uuid,
    /// With whom the person agreed.
    pub client_id: String,
    /// What that client calls itself; null when it is gone.
    pub client_name: Option<String>,
    /// About what.
    pub resource_id: Uuid,
    /// What operators call the resource; null when it is gone.
    pub resource_slug: Option<String>,
    /// What tokens call it; null when it is gone.
    pub resource_uri: Option<String>,
    /// To which scopes.
    pub scopes: Vec<String>,
    /// When first.
    pub created_at: DateTime<Utc>,
    /// When last.
    pub updated_at: DateTime<Utc>,
    /// When it was taken back, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl ConsentGrantView {
    fn new(grant: ConsentGrant, client_name: Option<String>, resources: &Resources) -> Self {
        let resource = resources.by_id(grant.resource_id);
        ConsentGrantView {
            id: grant.id,
            client_id: grant.client_id,
            client_name,
            resource_id: grant.resource_id,
            resource_slug: resource.map(|resource| resource.slug.clone()),
            resource_uri: resource.map(|resource| resource.uri.clone()),
            scopes: grant.scopes.split_ascii_whitespace().map(str::to_owned).collect(),
            created_at: grant.created_at,
            updated_at: grant.updated_at,
            revoked_at: grant.revoked_at,
        }
    }
}

/// A broker grant as operators see one. There are none in this version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BrokerGrantView {}

/// Which part of the list.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct GrantQuery {
    /// How many, 100 unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u64>,
    /// How many to skip before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// What a person agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserGrants {
    /// The part of the consent grants that was asked for, the latest first.
    pub consent_grants: Vec<ConsentGrantView>,
    /// How many consent grants there are.
    pub total: u64,
    /// Broker grants.
    #[schema(value_type = Vec<Object>)]
    pub broker_grants: Vec<BrokerGrantView>,
}

/// What the user with this id or e-mail address agreed to, the latest first.
///
/// # Errors
/// [`AdminError::Invalid`], [`AdminError::NotFound`], or a failure of the server.
pub async fn of_user(
    desk: &Desk<'_>,
    who: &str,
    query: GrantQuery,
) -> Result<UserGrants, AdminError> {
    let page = page(query.limit, query.offset, MAX_LIMIT)?;
    let user_id = user::find(desk, who).await?;
    let (grants, total) = desk.keepers.consent.ask(ListGrants { user_id, page }).await??;
    desk.keepers.catalog.caught_up().await?;
    let resources = desk.keepers.catalog.resources();
    let view = |(grant, client_name)| ConsentGrantView::new(grant, client_name, &resources);
    let consent_grants = grants.into_iter().map(view).collect();
    Ok(UserGrants { consent_grants, total, broker_grants: Vec::new() })
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
