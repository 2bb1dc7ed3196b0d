//! What was used once, by hash. The unique key is the promise: of any number of inserts
//! of one use, on any number of replicas, one meets no row.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use protocol::replay::OneTimeUse;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{OnConflict, Query};

use crate::StoreError;

/// A row of `replay`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "replay")]
pub struct Model {
    /// Hash of the use.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: Vec<u8>,
    /// From then on the use is refused for its age, and the row may go.
    pub expires_at: DateTime<Utc>,
}

/// No relations: queries join by hand where they must.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Remembers these uses, each of which must be in the list once; which of them nobody
/// had made before.
///
/// # Errors
/// When the store fails; then none of them is remembered.
pub async fn insert_new<C: ConnectionTrait>(
    db: &C,
    mut uses: Vec<OneTimeUse>,
) -> Result<HashSet<[u8; 32]>, StoreError> {
    if uses.is_empty() {
        return Ok(HashSet::new());
    }
    // In one order everywhere: two replicas with the same uses wait for each other in
    // turn, and never both at once.
    uses.sort_unstable_by_key(|wanted| wanted.key);
    let mut insert = Query::insert();
    insert
        .into_table(Entity)
        .columns([Column::Key, Column::ExpiresAt])
        .on_conflict(OnConflict::column(Column::Key).do_nothing().to_owned())
        .returning_col(Column::Key);
    for OneTimeUse { key, expires_at } in uses {
        let row = [key.to_vec().into(), expires_at.into()];
        insert.values(row).map_err(|error| StoreError::Refused(error.to_string()))?;
    }
    let rows = db.query_all(&insert).await?;
    let inserted = rows.iter().map(|row| {
        let key: Vec<u8> = row.try_get("", "key")?;
        key.try_into().map_err(|_| StoreError::damaged("replay", "a key is not 32 bytes long"))
    });
    inserted.collect()
}
