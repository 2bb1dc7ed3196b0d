//! The secrets of the installation, sealed. There are none while they are kept in files.

use chrono::{DateTime, Utc};
use sea_orm::IntoActiveModel as _;
use sea_orm::entity::prelude::*;

use crate::StoreError;

/// A row of `server_secrets`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "server_secrets")]
pub struct Model {
    /// Which secret.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Its envelope.
    pub sealed: Vec<u8>,
    /// When it came here.
    pub created_at: DateTime<Utc>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// One of them.
///
/// # Errors
/// When the store fails.
pub async fn find<C: ConnectionTrait>(db: &C, name: &str) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(name.to_owned()).one(db).await?)
}

/// All of them, by name.
///
/// # Errors
/// When the store fails.
pub async fn all<C: ConnectionTrait>(db: &C) -> Result<Vec<Model>, StoreError> {
    use sea_orm::QueryOrder as _;
    Ok(Entity::find().order_by_asc(Column::Name).all(db).await?)
}

/// Adds one, unless there is one of that name; the one that is there then. Of two that come at
/// once, one gets in.
///
/// # Errors
/// When the store fails.
pub async fn add_or_find<C: ConnectionTrait>(db: &C, row: Model) -> Result<Model, StoreError> {
    let name = row.name.clone();
    let first_comes =
        Entity::insert(row.into_active_model()).on_conflict_do_nothing_on([Column::Name]);
    first_comes.exec_without_returning(db).await?;
    let held = find(db, &name).await?;
    held.ok_or_else(|| StoreError::damaged("server_secrets", "a row vanished"))
}

/// Puts another envelope in place of `old`, unless that is no longer there; whether it did.
///
/// # Errors
/// When the store fails.
pub async fn reseal<C: ConnectionTrait>(
    db: &C,
    name: &str,
    old: Vec<u8>,
    new: Vec<u8>,
) -> Result<bool, StoreError> {
    let changed = Entity::update_many()
        .col_expr(Column::Sealed, Expr::value(new))
        .filter(Column::Name.eq(name))
        .filter(Column::Sealed.eq(old))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Deletes them all.
///
/// # Errors
/// When the store fails.
pub async fn delete_all<C: ConnectionTrait>(db: &C) -> Result<u64, StoreError> {
    Ok(Entity::delete_many().exec(db).await?.rows_affected)
}
