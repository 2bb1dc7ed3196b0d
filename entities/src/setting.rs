//! Settings that operators change while servers run.

use chrono::{DateTime, Utc};
use protocol::registration::ModeName;
use sea_orm::IntoActiveModel as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use crate::StoreError;

/// The row that overrides `dcr.mode`.
const DCR_MODE: &str = "dcr.mode";

/// A row of `settings`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "settings")]
pub struct Model {
    /// The key of the configuration it overrides.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Its value, as one would write it there.
    pub value: String,
    /// When it was last set.
    pub updated_at: DateTime<Utc>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Who may register, where an operator said so; none where the configuration decides. A word
/// that means nothing here, such as a later version's, lets nobody in: everything else in the
/// catalog goes on working.
///
/// # Errors
/// When the store fails.
pub async fn dcr_mode<C: ConnectionTrait>(db: &C) -> Result<Option<ModeName>, StoreError> {
    let row = Entity::find_by_id(DCR_MODE).one(db).await?;
    Ok(row.map(|row| {
        row.value.parse().unwrap_or_else(|error| {
            tracing::error!(%error, "setting {DCR_MODE} is not understood; nobody may register");
            ModeName::AdminOnly
        })
    }))
}

/// Says who may register, or leaves it to the configuration again.
///
/// # Errors
/// When the store fails.
pub async fn set_dcr_mode<C: ConnectionTrait>(
    db: &C,
    mode: Option<ModeName>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Some(mode) = mode else {
        Entity::delete_by_id(DCR_MODE).exec(db).await?;
        return Ok(());
    };
    let row = Model { name: DCR_MODE.to_owned(), value: mode.as_str().to_owned(), updated_at: now };
    let overrides = OnConflict::column(Column::Name)
        .update_columns([Column::Value, Column::UpdatedAt])
        .to_owned();
    Entity::insert(row.into_active_model())
        .on_conflict(overrides)
        .exec_without_returning(db)
        .await?;
    Ok(())
}
