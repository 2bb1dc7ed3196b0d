//! Issuances: which tokens were handed out, to whom, and revoking one of them.

use std::collections::HashSet;

use actors::ledger::{Issuances, ListIssuances, RevokeAnyIssuance};
use chrono::{DateTime, TimeDelta, Utc};
use entities::Page;
use entities::cascade::Reach;
use entities::issuance::{Filter, Model};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::input::page;
use super::{AdminError, Desk, Kind, resource, user};

/// How far back a question reaches that does not say, in hours.
const LOOKBACK: i64 = 24;
/// How far back one may reach, in days.
const MAX_LOOKBACK: i64 = 30;
/// Issuances of one answer at most.
const MAX_ISSUANCES: u64 = 5000;

/// Which issuances are asked for; at least one of the first four members has to be there.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct IssuanceQuery {
    /// Id or e-mail address of the person they stand for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Id of the client they were issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Id or slug of a resource they are for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The token itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<Uuid>,
    /// Issued no earlier; 24 hours ago unless said otherwise, 30 days ago at the earliest. With
    /// `jti` it does not matter when, unless it is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// How many, 100 unless said otherwise, 5000 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 5000)]
    pub limit: Option<u64>,
    /// How many to skip before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// An issuance as operators see one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuanceView {
    /// The issuance; the same as its token's `jti`.
    pub id: Uuid,
    /// The token.
    pub jti: Uuid,
    /// The grant it was issued for.
    pub grant_type: String,
    /// The person it stands for; null for a client's own token.
    pub subject_user_id: Option<Uuid>,
    /// The client it was issued to.
    pub client_id: String,
    /// The resource it is for; null when its audience is the server itself.
    pub resource_id: Option<Uuid>,
    /// All the resources it is for.
    pub resource_ids: Vec<Uuid>,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// `mint`: signed here.
    pub backend_kind: String,
    /// Whether revoking it would change anything: it still works.
    pub revocable: bool,
    /// The refresh family it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_id: Option<Uuid>,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_reason: Option<String>,
    /// The DPoP key it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<String>,
    /// The agent it was issued to, if the client is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// All the clients that act one after the other, oldest first; the token's claim has the 8
    /// newest.
    pub agent_chain: Vec<String>,
    /// The client the person had agreed with, for a token that was exchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_client_id: Option<String>,
    /// The token it was exchanged from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_jti: Option<Uuid>,
    /// The link between two resources that allowed the exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via_link: Option<String>,
}

impl IssuanceView {
    pub(super) fn new(row: Model, agents: &HashSet<String>, now: DateTime<Utc>) -> IssuanceView {
        IssuanceView {
            id: row.jti,
            jti: row.jti,
            grant_type: row.grant_type,
            subject_user_id: row.user_id,
            agent_id: agents.get(&row.client_id).cloned(),
            client_id: row.client_id,
            resource_id: row.resource_ids.0.first().copied(),
            resource_ids: row.resource_ids.0,
            scopes: row.scopes.split_ascii_whitespace().map(str::to_owned).collect(),
            backend_kind: "mint".to_owned(),
            revocable: row.revoked_at.is_none() && row.expires_at > now,
            family_id: row.family_id,
            issued_at: row.issued_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            revoked_reason: row.revoked_reason,
            dpop_jkt: row.jkt,
            agent_chain: row.agent_chain.map(|chain| chain.0).unwrap_or_default(),
            consent_client_id: row.consent_client_id,
            parent_jti: row.parent_jti,
            via_link: row.via_link,
        }
    }
}

/// Issuances, and how many there are in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuanceList {
    /// The part that was asked for, newest first.
    pub issuances: Vec<IssuanceView>,
    /// How many meet the filter.
    pub total: u64,
}

/// Issuances, newest first.
///
/// # Errors
/// [`AdminError::Invalid`] when nothing narrows the question down or it reaches too far
/// back, [`AdminError::NotFound`] for a person or resource that was named and is not
/// there, or a failure of the server.
pub async fn list(desk: &Desk<'_>, query: IssuanceQuery) -> Result<IssuanceList, AdminError> {
    let IssuanceQuery { user, client, resource, jti, since, limit, offset } = query;
    if user.is_none() && client.is_none() && resource.is_none() && jti.is_none() {
        return Err(AdminError::invalid("say which: at least one of user, client, resource, jti"));
    }
    let page = page(limit, offset, MAX_ISSUANCES)?;
    let now = desk.environment.now();
    let filter = Filter {
        user_id: user_id(desk, user.as_deref()).await?,
        client_id: client,
        resource_id: resource_id(desk, resource.as_deref()).await?,
        jti,
        since: reach_back(since, jti, now)?,
        live_at: None,
    };
    let (issuances, total) = look(desk, filter, page).await?;
    Ok(IssuanceList { issuances, total })
}

/// The issuance of the token with this `jti`.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn get(desk: &Desk<'_>, jti: Uuid) -> Result<IssuanceView, AdminError> {
    find(desk, jti, Kind::Issuance).await
}

/// Revokes the token with this `jti` and everything exchanged from it; what that reached.
/// Nothing when it was revoked before.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn revoke(desk: &Desk<'_>, jti: Uuid) -> Result<Reach, AdminError> {
    revoke_as(desk, jti, Kind::Issuance).await
}

pub(super) async fn revoke_as(desk: &Desk<'_>, jti: Uuid, kind: Kind) -> Result<Reach, AdminError> {
    let (admin, origin) = (desk.admin.to_owned(), desk.origin.clone());
    let reach = desk.keepers.ledger.ask(RevokeAnyIssuance { jti, admin, origin }).await??;
    reach.ok_or_else(|| AdminError::missing(kind, jti))
}

pub(super) async fn find(
    desk: &Desk<'_>,
    jti: Uuid,
    kind: Kind,
) -> Result<IssuanceView, AdminError> {
    let filter = Filter { jti: Some(jti), ..Filter::default() };
    let (found, _) = look(desk, filter, Page::first(1)).await?;
    found.into_iter().next().ok_or_else(|| AdminError::missing(kind, jti))
}

pub(super) async fn look(
    desk: &Desk<'_>,
    filter: Filter,
    page: Page,
) -> Result<(Vec<IssuanceView>, u64), AdminError> {
    let now = desk.environment.now();
    let Issuances { rows, agents, total } =
        desk.keepers.ledger.ask(ListIssuances { filter, page }).await??;
    let views = rows.into_iter().map(|row| IssuanceView::new(row, &agents, now));
    Ok((views.collect(), total))
}

/// The id of a person, who need not be there any more if they are named by it.
pub(super) async fn user_id(
    desk: &Desk<'_>,
    who: Option<&str>,
) -> Result<Option<Uuid>, AdminError> {
    match who.map(|who| (who, who.parse())) {
        None => Ok(None),
        Some((_, Ok(id))) => Ok(Some(id)),
        Some((who, Err(_))) => Ok(Some(user::find(desk, who).await?)),
    }
}

/// The same of a resource.
async fn resource_id(desk: &Desk<'_>, which: Option<&str>) -> Result<Option<Uuid>, AdminError> {
    match which.map(|which| (which, which.parse())) {
        None => Ok(None),
        Some((_, Ok(id))) => Ok(Some(id)),
        Some((which, Err(_))) => Ok(Some(resource::load(desk, which).await?.id)),
    }
}

/// A token that is named is found however old it is.
fn reach_back(
    since: Option<DateTime<Utc>>,
    jti: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, AdminError> {
    let earliest = now - TimeDelta::days(MAX_LOOKBACK);
    match since {
        Some(since) if since < earliest => {
            Err(AdminError::Invalid(format!("since: at most {MAX_LOOKBACK} days back")))
        }
        Some(since) => Ok(Some(since)),
        None if jti.is_some() => Ok(None),
        None => Ok(Some(now - TimeDelta::hours(LOOKBACK))),
    }
}
