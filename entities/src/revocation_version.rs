//! A counter that moves whenever a token that was good may be good no longer.
//!
//! Nothing here moves it: the database does, with every row of `issuances`, `clients` and
//! `users` that changes so or goes, in the transaction of that change (migration m0022).

use sea_orm::entity::prelude::*;

use crate::StoreError;

/// The only row of `revocation_version`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revocation_version")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Higher with every act that ends a token.
    pub version: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The present version. A token that was found good after the version was read, and
/// before it moved, is good.
///
/// # Errors
/// When the store fails or the row is missing.
pub async fn read<C: ConnectionTrait>(db: &C) -> Result<i64, StoreError> {
    let row = Entity::find_by_id(1).one(db).await?;
    row.map(|row| row.version)
        .ok_or_else(|| StoreError::damaged("revocation_version", "its row is missing"))
}
