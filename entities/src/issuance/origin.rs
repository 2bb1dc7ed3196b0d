//! What stands behind tokens, for those who want others for them.

use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Alias, Expr, ExprTrait as _, LockType, Order, Query};

use super::{Column, Entity};
use crate::store::rows::padded;
use crate::{Ids, StoreError, family};

/// What stands behind a token.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct Origin {
    /// Its `jti`.
    pub jti: Uuid,
    /// The grant it was issued for, by wire name.
    pub grant_type: String,
    /// The user it stands for; none for machine tokens.
    pub user_id: Option<Uuid>,
    /// The client it was issued to.
    pub client_id: String,
    /// The resources it is for.
    pub resource_ids: Ids,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
    /// When the sign-in it belongs to ends unless it is used, if it belongs to one.
    pub tip_ends_at: Option<DateTime<Utc>>,
    /// When that ends however often it is used.
    pub family_ends_at: Option<DateTime<Utc>>,
}

/// What stands behind those of these tokens that are not revoked, which they stay until the
/// transaction ends: whoever revokes one of them waits, and then sees what came of it. Rows are
/// held in the order of their ids.
///
/// # Errors
/// When the store fails.
pub async fn hold_unrevoked<C: ConnectionTrait>(
    db: &C,
    jtis: Vec<Uuid>,
) -> Result<Vec<Origin>, StoreError> {
    if jtis.is_empty() {
        return Ok(Vec::new());
    }
    let token = |column: Column| Expr::col((Entity, column));
    let family = |column: family::Column| Expr::col((family::Entity, column));
    let query = Query::select()
        .column((Entity, Column::Jti))
        .column((Entity, Column::GrantType))
        .column((Entity, Column::UserId))
        .column((Entity, Column::ClientId))
        .column((Entity, Column::ResourceIds))
        .column((Entity, Column::ExpiresAt))
        .expr_as(family(family::Column::ExpiresAt), Alias::new("tip_ends_at"))
        .expr_as(family(family::Column::AbsoluteExpiresAt), Alias::new("family_ends_at"))
        .from(Entity)
        .left_join(family::Entity, family(family::Column::Id).eq(token(Column::FamilyId)))
        .and_where(token(Column::Jti).is_in(padded(jtis)))
        .and_where(token(Column::RevokedAt).is_null())
        .order_by((Entity, Column::Jti), Order::Asc)
        // Not the family: a token that is revoked with it is held, and that is enough.
        .lock_with_tables(LockType::Share, [Entity])
        .to_owned();
    let held = db.query_all(&query).await?;
    held.iter().map(|row| Ok(Origin::from_query_result(row, "")?)).collect()
}
