//! Browser sessions of signed-in people.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{IntoActiveModel as _, QuerySelect as _};

use crate::{StoreError, Strings, end_once};

/// A row of `sessions`.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// Keyed hash of the session cookie.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id_hash: Vec<u8>,
    /// Who signed in.
    pub user_id: Uuid,
    /// When.
    pub auth_time: DateTime<Utc>,
    /// How (RFC 8176).
    #[sea_orm(column_type = "JsonBinary")]
    pub amr: Strings,
    /// When the session ends by itself.
    pub expires_at: DateTime<Utc>,
    /// When it was ended, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// No relations: queries join by hand where they must.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("session::Model").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

/// Adds a session.
///
/// # Errors
/// When the store fails.
pub async fn insert<C: ConnectionTrait>(db: &C, session: Model) -> Result<(), StoreError> {
    Entity::insert(session.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// The session with this hash that is neither expired nor ended.
///
/// # Errors
/// When the store fails.
pub async fn find_live<C: ConnectionTrait>(
    db: &C,
    id_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(id_hash.to_vec())
        .filter(Column::RevokedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .one(db)
        .await?)
}

/// Whether the session with this hash is neither expired nor ended; it can be neither
/// until the transaction is over, so whoever ends it sees what the transaction did.
///
/// # Errors
/// When the store fails.
pub async fn hold_live<C: ConnectionTrait>(
    db: &C,
    id_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let held = Entity::find_by_id(id_hash.to_vec())
        .filter(Column::RevokedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .lock_exclusive()
        .one(db)
        .await?;
    Ok(held.is_some())
}

/// Ends one session; false when it had ended already.
///
/// # Errors
/// When the store fails.
pub async fn revoke<C: ConnectionTrait>(
    db: &C,
    id_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    end_once::<Entity, C>(db, Column::IdHash.eq(id_hash.to_vec()), Column::RevokedAt, now).await
}

/// Ends every session of a user; how many there were.
///
/// # Errors
/// When the store fails.
pub async fn revoke_of_user<C: ConnectionTrait>(
    db: &C,
    user_id: Uuid,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let ended = Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(now))
        .filter(Column::UserId.eq(user_id))
        .filter(Column::RevokedAt.is_null())
        .exec(db)
        .await?;
    Ok(ended.rows_affected)
}
