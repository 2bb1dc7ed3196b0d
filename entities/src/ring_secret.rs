//! The secrets that relieved the root secret of the installation, sealed. Rows are added, and
//! deleted by what drops them; nothing else of them changes but their envelopes, when another
//! master key takes over.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel as _, QueryOrder as _, TryInsertResult};

use crate::StoreError;

/// A row of `ring_secrets`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ring_secrets")]
pub struct Model {
    /// Its place in the ring: 2 for the first that relieved the root secret.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    /// Its envelope.
    pub sealed: Vec<u8>,
    /// From when on things are made with it.
    pub signs_from: DateTime<Utc>,
    /// Whether those before count for nothing any more.
    pub drops_earlier: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// All of them, by number.
///
/// # Errors
/// When the store fails.
pub async fn all<C: ConnectionTrait>(db: &C) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find().order_by_asc(Column::Number).all(db).await?)
}

/// Adds one, unless there is one of its number; whether it did. Of two that come at once, one
/// gets in.
///
/// # Errors
/// [`StoreError::Contended`] when there is a later one: numbers that were deleted would be taken
/// again otherwise, behind the back of what relieved them. Or when the store fails.
pub async fn add<C: ConnectionTrait>(db: &C, row: Model) -> Result<bool, StoreError> {
    let number = row.number;
    let first_comes =
        Entity::insert(row.into_active_model()).on_conflict_do_nothing_on([Column::Number]);
    let inserted = first_comes.exec_without_returning(db).await?;
    let later = Entity::find().filter(Column::Number.gt(number)).count(db).await?;
    if later > 0 {
        let others = "the server secrets were changed at the same moment; order it again";
        return Err(StoreError::Contended(others.to_owned()));
    }
    Ok(matches!(inserted, TryInsertResult::Inserted(1)))
}

/// Puts another envelope in place of `old`, unless that is no longer there; whether it did.
///
/// # Errors
/// When the store fails.
pub async fn reseal<C: ConnectionTrait>(
    db: &C,
    number: i64,
    old: Vec<u8>,
    new: Vec<u8>,
) -> Result<bool, StoreError> {
    let changed = Entity::update_many()
        .col_expr(Column::Sealed, Expr::value(new))
        .filter(Column::Number.eq(number))
        .filter(Column::Sealed.eq(old))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Deletes some of them.
///
/// # Errors
/// When the store fails.
pub async fn delete<C: ConnectionTrait>(db: &C, numbers: Vec<i64>) -> Result<u64, StoreError> {
    let gone = Entity::delete_many().filter(Column::Number.is_in(numbers)).exec(db).await?;
    Ok(gone.rows_affected)
}
