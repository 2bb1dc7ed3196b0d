//! What was used once, by hash. The unique key is the promise: of any number of inserts
//! of one use, on any number of replicas, one meets no row.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use protocol::replay::OneTimeUse;
use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::StoreError;
use crate::store::Travels;
use crate::store::rows::{Given, Hex, Moment, insert_into};

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

const COLUMNS: &[(&str, Travels)] = &[("key", Travels::Bytes), ("expires_at", Travels::Moment)];
static INSERT: Given = Given::new(COLUMNS, |rows| {
    // SQLite would take the conflict clause for a join's without a condition before it.
    let insert = insert_into("replay", COLUMNS, rows);
    format!("{insert} WHERE true ON CONFLICT (key) DO NOTHING RETURNING key")
});

/// A use on its way into the table.
#[derive(Serialize)]
struct Row<'a> {
    key: Hex<'a>,
    expires_at: Moment,
}

/// Remembers these uses; which of them nobody had made before. Of equal ones the first of
/// those who wanted it may have it.
///
/// # Errors
/// When the store fails; then none of them is remembered.
pub async fn spend_all<C: ConnectionTrait>(
    db: &C,
    uses: impl Iterator<Item = OneTimeUse>,
) -> Result<HashSet<[u8; 32]>, StoreError> {
    let mut uses: Vec<OneTimeUse> = uses.collect();
    // In one order everywhere: two replicas with the same uses wait for each other in
    // turn, and never both at once.
    uses.sort_unstable_by_key(|wanted| wanted.key);
    uses.dedup_by_key(|wanted| wanted.key);
    let given: Vec<Row<'_>> = uses
        .iter()
        .map(|wanted| Row { key: Hex(&wanted.key), expires_at: Moment(wanted.expires_at) })
        .collect();
    let rows = INSERT.returning(db, &given, []).await?;
    let inserted = rows.iter().map(|row| {
        let key: Vec<u8> = row.try_get("", "key")?;
        key.try_into().map_err(|_| StoreError::damaged("replay", "a key is not 32 bytes long"))
    });
    inserted.collect()
}
