//! Which installation the database belongs to.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

use crate::StoreError;

/// The only row of `installation`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "installation")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Tells root secrets apart, and tells nothing else about them.
    pub root_fingerprint: Vec<u8>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Whether an installation has this database.
///
/// # Errors
/// When the store fails.
pub async fn is_claimed<C: ConnectionTrait>(db: &C) -> Result<bool, StoreError> {
    Ok(Entity::find_by_id(1).one(db).await?.is_some())
}

/// Claims the database for the installation with this fingerprint, unless another has
/// it; whether it is ours now. Of two that come at once, one gets it.
///
/// # Errors
/// When the store fails.
pub async fn claim<C: ConnectionTrait>(db: &C, fingerprint: [u8; 32]) -> Result<bool, StoreError> {
    let row = ActiveModel { id: Set(1), root_fingerprint: Set(fingerprint.to_vec()) };
    let first_comes = Entity::insert(row).on_conflict_do_nothing_on([Column::Id]);
    first_comes.exec_without_returning(db).await?;
    let held = Entity::find_by_id(1).one(db).await?;
    Ok(held.is_some_and(|held| held.root_fingerprint == fingerprint))
}
