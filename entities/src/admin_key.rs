//! Minted admin keys. A row is what makes a signed key good here: one without a row, or whose
//! row is revoked, is refused. The key itself is not stored, in no form.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{Condition, IntoActiveModel as _, QueryOrder as _, QuerySelect as _};

use crate::{Page, StoreError, Strings, end_once};

/// A row of `admin_keys`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "admin_keys")]
pub struct Model {
    /// UUIDv7, and part of the key: sorts by time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who it is for.
    pub name: String,
    /// The rights it was minted with, `area:verb` each.
    #[sea_orm(column_type = "JsonBinary")]
    pub rights: Strings,
    /// The admin identity that minted it.
    pub created_by: String,
    /// When it was minted.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was used last, give or take a quarter of an hour.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// No relations: queries join by hand where they must.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Adds a key.
///
/// # Errors
/// When the store fails.
pub async fn insert<C: ConnectionTrait>(db: &C, key: Model) -> Result<(), StoreError> {
    Entity::insert(key.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// The key with this id, revoked or not.
///
/// # Errors
/// When the store fails.
pub async fn find<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(id).one(db).await?)
}

/// Keys, newest first.
///
/// # Errors
/// When the store fails.
pub async fn list<C: ConnectionTrait>(db: &C, page: Page) -> Result<Vec<Model>, StoreError> {
    let keys = Entity::find().order_by_desc(Column::Id).limit(page.limit).offset(page.offset);
    Ok(keys.all(db).await?)
}

/// How many keys there are, whatever became of them.
///
/// # Errors
/// When the store fails.
pub async fn count<C: ConnectionTrait>(db: &C) -> Result<u64, StoreError> {
    Ok(Entity::find().count(db).await?)
}

/// Revokes a key; false when there is none, or it was revoked before.
///
/// # Errors
/// When the store fails.
pub async fn revoke<C: ConnectionTrait>(
    db: &C,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    end_once::<Entity, C>(db, Column::Id.eq(id), Column::RevokedAt, now).await
}

/// Notes that a key was used, unless that was noted after `since`.
///
/// # Errors
/// When the store fails.
pub async fn note_use<C: ConnectionTrait>(
    db: &C,
    id: Uuid,
    now: DateTime<Utc>,
    since: DateTime<Utc>,
) -> Result<(), StoreError> {
    let stale =
        Condition::any().add(Column::LastUsedAt.is_null()).add(Column::LastUsedAt.lt(since));
    Entity::update_many()
        .col_expr(Column::LastUsedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .filter(stale)
        .exec(db)
        .await?;
    Ok(())
}
