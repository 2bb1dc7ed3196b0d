//! The last turn of each replica at sweeping.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{FromJsonQueryResult, IntoActiveModel as _, QueryOrder as _, QuerySelect as _};
use serde::{Deserialize, Serialize};

use crate::StoreError;

/// A row of `sweep_turns`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sweep_turns")]
pub struct Model {
    /// Whose turn it was.
    #[sea_orm(primary_key, auto_increment = false)]
    pub replica: String,
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// How long it took, in milliseconds of real time.
    pub took_ms: i64,
    /// Rows that went, by table; tables of which none went are not named.
    pub swept: Swept,
    /// Whether nothing was left to sweep. Otherwise the turn was over, or it was somebody else's.
    pub finished: bool,
    /// What went wrong first, if something did.
    pub error: Option<String>,
}

/// Rows that went, by table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Swept(pub BTreeMap<String, u64>);

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Keeps `turn` as the last of its replica, and forgets replicas whose last ended before
/// `before`: they are no more.
///
/// # Errors
/// When the store fails.
pub async fn keep<C: ConnectionTrait>(
    db: &C,
    turn: Model,
    before: DateTime<Utc>,
) -> Result<(), StoreError> {
    let replaces = OnConflict::column(Column::Replica)
        .update_columns([
            Column::BeganAt,
            Column::EndedAt,
            Column::TookMs,
            Column::Swept,
            Column::Finished,
            Column::Error,
        ])
        .to_owned();
    Entity::insert(turn.into_active_model())
        .on_conflict(replaces)
        .exec_without_returning(db)
        .await?;
    Entity::delete_many().filter(Column::EndedAt.lt(before)).exec(db).await?;
    Ok(())
}

/// The last turns of up to `limit` replicas, the latest first.
///
/// # Errors
/// When the store fails.
pub async fn latest<C: ConnectionTrait>(db: &C, limit: u64) -> Result<Vec<Model>, StoreError> {
    let turns =
        Entity::find().order_by_desc(Column::EndedAt).order_by_asc(Column::Replica).limit(limit);
    Ok(turns.all(db).await?)
}
