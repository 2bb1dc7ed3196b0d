//! What stands behind tokens, for those who want others for them.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{FromQueryResult, QueryResult};
use serde::Serialize;

use crate::store::Travels;
use crate::store::rows::{Given, Id};
use crate::{Ids, StoreError};

/// A token, and the resource that another one is wanted for, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sought {
    /// The token's `jti`.
    pub jti: Uuid,
    /// What its user may have agreed to is of interest, about this resource.
    pub target: Option<Uuid>,
}

/// What stands behind a token that is good.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct Origin {
    /// Its `jti`.
    pub jti: Uuid,
    /// The user it stands for; none for machine tokens.
    pub user_id: Option<Uuid>,
    /// The resources it is for.
    pub resource_ids: Ids,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
    /// When the sign-in it belongs to ends unless it is used, if it belongs to one.
    pub tip_ends_at: Option<DateTime<Utc>>,
    /// When that ends however often it is used.
    pub family_ends_at: Option<DateTime<Utc>>,
    /// The resource it was sought for.
    pub target: Option<Uuid>,
    /// What its user has agreed to about that resource with its client, space separated.
    pub agreed: Option<String>,
}

static TRACE: Given = Given::new(&[("token", Travels::Uuid), ("target", Travels::Uuid)], |rows| {
    format!(
        "WITH given AS ({rows}) SELECT issuances.jti, issuances.user_id, issuances.resource_ids, \
         issuances.expires_at, families.expires_at AS tip_ends_at, \
         families.absolute_expires_at AS family_ends_at, given.target, \
         consent_grants.scopes AS agreed \
         FROM given JOIN issuances ON issuances.jti = given.token \
         JOIN clients ON clients.id = issuances.client_id \
         LEFT JOIN users ON users.id = issuances.user_id \
         LEFT JOIN families ON families.id = issuances.family_id \
         LEFT JOIN consent_grants ON consent_grants.user_id = issuances.user_id \
         AND consent_grants.client_id = issuances.client_id \
         AND consent_grants.resource_id = given.target AND consent_grants.revoked_at IS NULL \
         WHERE issuances.revoked_at IS NULL AND clients.status = $2 \
         AND (issuances.user_id IS NULL OR (users.id IS NOT NULL AND users.disabled_at IS NULL))"
    )
});

#[derive(Serialize)]
struct Row {
    token: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Id>,
}

/// What stands behind those of these tokens that are good, as [`super::find_good`] has it: in one
/// statement, however many. Each may be sought for several resources.
///
/// # Errors
/// When the store fails.
pub async fn trace_all<C: ConnectionTrait>(
    db: &C,
    sought: &[Sought],
) -> Result<Vec<Origin>, StoreError> {
    let rows: Vec<Row> =
        sought.iter().map(|one| Row { token: Id(one.jti), target: one.target.map(Id) }).collect();
    let active = protocol::client::ClientStatus::Active.as_str();
    let found: Vec<QueryResult> = TRACE.returning(db, &rows, [active.into()]).await?;
    found.iter().map(|row| Ok(Origin::from_query_result(row, "")?)).collect()
}
