//! What stands behind tokens, for those who want others for them.

use chrono::{DateTime, Utc};
use protocol::client::ClientStatus;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Alias, Expr, ExprTrait as _, IntoColumnRef, Query};
use sea_orm::{Condition, FromQueryResult};

use super::{Column, Entity};
use crate::store::rows::padded;
use crate::{Ids, StoreError, client, consent_grant, family, user};

/// What stands behind a token that is good.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct Origin {
    /// Its `jti`.
    pub jti: Uuid,
    /// The grant it was issued for, by wire name.
    pub grant_type: String,
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
    /// One of the resources asked about that its user has agreed to with its client.
    pub agreed_about: Option<Uuid>,
    /// What they have agreed to about it, space separated.
    pub agreed: Option<String>,
}

/// What stands behind those of these tokens that are good, as [`super::find_good`] has it, and what
/// their users have agreed to about whichever of these resources: a row for each agreement, one
/// where there is none.
///
/// # Errors
/// When the store fails.
pub async fn trace_all<C: ConnectionTrait>(
    db: &C,
    jtis: Vec<Uuid>,
    resources: Vec<Uuid>,
) -> Result<Vec<Origin>, StoreError> {
    let of_token = |column: Column| Expr::col((Entity, column));
    let same = |one: Expr, other: Expr| Condition::all().add(one.eq(other));
    let with_client = same(col(client::Entity, client::Column::Id), of_token(Column::ClientId));
    let with_user = same(col(user::Entity, user::Column::Id), of_token(Column::UserId));
    let with_family = same(col(family::Entity, family::Column::Id), of_token(Column::FamilyId));
    let grant = |column: consent_grant::Column| col(consent_grant::Entity, column);
    let with_grant = Condition::all()
        .add(grant(consent_grant::Column::UserId).eq(of_token(Column::UserId)))
        .add(grant(consent_grant::Column::ClientId).eq(of_token(Column::ClientId)))
        .add(grant(consent_grant::Column::ResourceId).is_in(padded(resources)))
        .add(grant(consent_grant::Column::RevokedAt).is_null());
    let enabled_or_nobody = Condition::any().add(of_token(Column::UserId).is_null()).add(
        col(user::Entity, user::Column::Id)
            .is_not_null()
            .and(col(user::Entity, user::Column::DisabledAt).is_null()),
    );
    let query = Query::select()
        .column((Entity, Column::Jti))
        .column((Entity, Column::GrantType))
        .column((Entity, Column::UserId))
        .column((Entity, Column::ResourceIds))
        .column((Entity, Column::ExpiresAt))
        .expr_as(col(family::Entity, family::Column::ExpiresAt), Alias::new("tip_ends_at"))
        .expr_as(
            col(family::Entity, family::Column::AbsoluteExpiresAt),
            Alias::new("family_ends_at"),
        )
        .expr_as(grant(consent_grant::Column::ResourceId), Alias::new("agreed_about"))
        .expr_as(grant(consent_grant::Column::Scopes), Alias::new("agreed"))
        .from(Entity)
        .inner_join(client::Entity, with_client)
        .left_join(user::Entity, with_user)
        .left_join(family::Entity, with_family)
        .left_join(consent_grant::Entity, with_grant)
        .and_where(of_token(Column::Jti).is_in(padded(jtis)))
        .and_where(of_token(Column::RevokedAt).is_null())
        .and_where(col(client::Entity, client::Column::Status).eq(ClientStatus::Active.as_str()))
        .cond_where(enabled_or_nobody)
        .to_owned();
    let found = db.query_all(&query).await?;
    found.iter().map(|row| Ok(Origin::from_query_result(row, "")?)).collect()
}

fn col<E: EntityTrait, K>(entity: E, column: K) -> Expr
where
    (E, K): IntoColumnRef,
{
    Expr::col((entity, column))
}
