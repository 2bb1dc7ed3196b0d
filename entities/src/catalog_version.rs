//! A counter that moves with every change of clients, resources or fronting links.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _};

use crate::news::announce;
use crate::{News, StoreError};

/// The only row of `catalog_version`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "catalog_version")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// One more with every change.
    pub version: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The present version.
///
/// # Errors
/// When the store fails or the row is missing.
pub async fn read<C: ConnectionTrait>(db: &C) -> Result<i64, StoreError> {
    let row = Entity::find_by_id(1).one(db).await?;
    row.map(|row| row.version)
        .ok_or_else(|| StoreError::damaged("catalog_version", "its row is missing"))
}

/// Moves the version on, in the transaction of the change, and tells everybody.
///
/// # Errors
/// When the store fails.
pub async fn advance<C: ConnectionTrait>(db: &C) -> Result<(), StoreError> {
    let moved = Entity::update_many()
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.eq(1))
        .exec_with_returning(db)
        .await?;
    for row in moved {
        announce(db, News::Catalog(row.version)).await?;
    }
    Ok(())
}
