//! Signing keys, their private halves sealed. There are none while keys are kept in files.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel as _, QueryOrder as _};

use crate::StoreError;

/// A row of `signing_keys`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_keys")]
pub struct Model {
    /// RFC 7638 thumbprint.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kid: String,
    /// Its place in the order in which keys were made.
    pub place: i64,
    /// What it signs with.
    pub alg: String,
    /// `next`, `active` or `retired`.
    pub state: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its state changes, if that is known.
    pub changes_at: Option<DateTime<Utc>>,
    /// The longest life of a token it signed, in seconds.
    pub signs_for: Option<i64>,
    /// The envelope of its private key.
    pub private_key: Vec<u8>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// All of them, in the order they were made.
///
/// # Errors
/// When the store fails.
pub async fn all<C: ConnectionTrait>(db: &C) -> Result<Vec<Model>, StoreError> {
    let order = Entity::find().order_by_asc(Column::Place).order_by_asc(Column::Kid);
    Ok(order.all(db).await?)
}

/// Adds a key.
///
/// # Errors
/// When the store fails.
pub async fn add<C: ConnectionTrait>(db: &C, row: Model) -> Result<(), StoreError> {
    Entity::insert(row.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// Where a key is in its life. The key itself never changes.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Which key.
    pub kid: String,
    /// `next`, `active` or `retired`.
    pub state: String,
    /// When its state changes, if that is known.
    pub changes_at: Option<DateTime<Utc>>,
    /// The longest life of a token it signed, in seconds.
    pub signs_for: Option<i64>,
}

/// Moves a key on. For whoever holds the schedule's row.
///
/// # Errors
/// When the store fails.
pub async fn move_on<C: ConnectionTrait>(db: &C, standing: Standing) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::State, Expr::value(standing.state))
        .col_expr(Column::ChangesAt, Expr::value(standing.changes_at))
        .col_expr(Column::SignsFor, Expr::value(standing.signs_for))
        .filter(Column::Kid.eq(standing.kid))
        .exec(db)
        .await?;
    Ok(())
}

/// Deletes these keys.
///
/// # Errors
/// When the store fails.
pub async fn delete<C: ConnectionTrait>(db: &C, kids: Vec<String>) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::Kid.is_in(kids)).exec(db).await?;
    Ok(())
}

/// Puts another envelope in place of `old`, unless that is no longer there; whether it did.
///
/// # Errors
/// When the store fails.
pub async fn reseal<C: ConnectionTrait>(
    db: &C,
    kid: &str,
    old: Vec<u8>,
    new: Vec<u8>,
) -> Result<bool, StoreError> {
    let changed = Entity::update_many()
        .col_expr(Column::PrivateKey, Expr::value(new))
        .filter(Column::Kid.eq(kid))
        .filter(Column::PrivateKey.eq(old))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}
