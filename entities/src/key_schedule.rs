//! The number of the signing keys' schedule: whoever changes the keys moves it on, in the same
//! transaction. So of many processes that saw the same keys and want to change them, one does.

use sea_orm::QuerySelect as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;

use crate::StoreError;

/// The only row of `key_schedule`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "key_schedule")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Higher with every change of the keys.
    pub version: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The present version. Read before the keys it is about.
///
/// # Errors
/// When the store fails or the row is missing.
pub async fn version<C: ConnectionTrait>(db: &C) -> Result<i64, StoreError> {
    let row = Entity::find_by_id(1).one(db).await?;
    row.map(|row| row.version)
        .ok_or_else(|| StoreError::damaged("key_schedule", "its row is missing"))
}

/// Moves the version on, unless somebody else has since it was `seen`; whether it did. The row
/// is held until the transaction ends, and the keys are the ones that were seen.
///
/// # Errors
/// When the store fails.
pub async fn move_on<C: ConnectionTrait>(db: &C, seen: i64) -> Result<bool, StoreError> {
    let moved = Entity::update_many()
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.eq(1))
        .filter(Column::Version.eq(seen))
        .exec(db)
        .await?;
    Ok(moved.rows_affected == 1)
}

/// Keeps everybody else from changing the keys until the transaction ends, without changing them:
/// rows of keys are then locked in one order by all, and nobody waits in a circle.
///
/// # Errors
/// When the store fails.
pub async fn hold<C: ConnectionTrait>(db: &C) -> Result<(), StoreError> {
    let held = Entity::find_by_id(1).lock_exclusive().one(db).await?;
    held.map(|_| ()).ok_or_else(|| StoreError::damaged("key_schedule", "its row is missing"))
}
