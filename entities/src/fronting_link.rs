//! Fronting links: which resource may reach which other one on the user's behalf.

use chrono::{DateTime, Utc};
use protocol::exchange::FrontingLink;
use sea_orm::entity::prelude::*;
use sea_orm::{
    ActiveValue::NotSet, Condition, IntoActiveModel as _, QueryOrder as _, QuerySelect as _,
};

use crate::store::rows::padded;
use crate::{Page, StoreError};

/// A row of `fronting_links`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fronting_links")]
pub struct Model {
    /// The link's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The resource a token was sent to.
    pub source_id: Uuid,
    /// The resource that one calls.
    pub target_id: Uuid,
    /// For each scope of the source, what it is worth at the target.
    #[sea_orm(column_type = "JsonBinary")]
    pub scope_map: Json,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// No relations: queries join by hand where they must.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn damaged(detail: impl std::fmt::Display) -> StoreError {
    StoreError::damaged("fronting_links", detail)
}

impl TryFrom<Model> for FrontingLink {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<FrontingLink, StoreError> {
        Ok(FrontingLink {
            id: row.id,
            source: row.source_id,
            target: row.target_id,
            scope_map: serde_json::from_value(row.scope_map).map_err(damaged)?,
        })
    }
}

/// The row of a link that is written now.
///
/// # Errors
/// When its map cannot be written as JSON.
pub fn row(link: &FrontingLink, now: DateTime<Utc>) -> Result<Model, StoreError> {
    Ok(Model {
        id: link.id,
        source_id: link.source,
        target_id: link.target,
        scope_map: serde_json::to_value(&link.scope_map).map_err(damaged)?,
        created_at: now,
        updated_at: now,
    })
}

/// The links that can be read. One that cannot gives nobody anything; it is named in the log,
/// and whoever looks for it by its resources hears why.
fn readable(rows: Vec<Model>) -> Vec<FrontingLink> {
    let links = rows.into_iter().filter_map(|row| {
        let id = row.id;
        FrontingLink::try_from(row)
            .inspect_err(|error| tracing::error!(link = %id, %error, "a fronting link is not used"))
            .ok()
    });
    links.collect()
}

/// Adds a link.
///
/// # Errors
/// [`StoreError::Duplicate`] when there is one between the two resources.
pub async fn insert<C: ConnectionTrait>(
    db: &C,
    link: &FrontingLink,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    Entity::insert(row(link, now)?.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// The link from one resource to another.
///
/// # Errors
/// When the store fails.
pub async fn find<C: ConnectionTrait>(
    db: &C,
    source: Uuid,
    target: Uuid,
) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find()
        .filter(Column::SourceId.eq(source))
        .filter(Column::TargetId.eq(target))
        .one(db)
        .await?)
}

/// Every link that can be read, by id.
///
/// # Errors
/// When the store fails.
pub async fn all<C: ConnectionTrait>(db: &C) -> Result<Vec<FrontingLink>, StoreError> {
    Ok(readable(Entity::find().order_by_asc(Column::Id).all(db).await?))
}

/// From where to where the links go; also those that cannot be read.
///
/// # Errors
/// When the store fails.
pub async fn edges<C: ConnectionTrait>(db: &C) -> Result<Vec<(Uuid, Uuid)>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .columns([Column::SourceId, Column::TargetId])
        .into_tuple()
        .all(db)
        .await?)
}

/// Those of these links that can be read, which nobody changes or deletes until the
/// transaction ends: who wants to waits, and then sees what came through them. Rows are held
/// in the order of their ids.
///
/// # Errors
/// When the store fails.
pub async fn hold_all<C: ConnectionTrait>(
    db: &C,
    ids: Vec<Uuid>,
) -> Result<Vec<FrontingLink>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let held = Entity::find()
        .filter(Column::Id.is_in(padded(ids)))
        .order_by_asc(Column::Id)
        .lock_shared()
        .all(db)
        .await?;
    Ok(readable(held))
}

/// Which links are meant; every member that is there narrows it down.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// Those from this resource.
    pub source: Option<Uuid>,
    /// Those to this resource.
    pub target: Option<Uuid>,
}

/// Links, oldest first, and how many there are in all.
///
/// # Errors
/// When the store fails.
pub async fn list<C: ConnectionTrait>(
    db: &C,
    filter: Filter,
    page: Page,
) -> Result<(Vec<Model>, u64), StoreError> {
    let Filter { source, target } = filter;
    let which = Condition::all()
        .add_option(source.map(|id| Column::SourceId.eq(id)))
        .add_option(target.map(|id| Column::TargetId.eq(id)));
    let total = Entity::find().filter(which.clone()).count(db).await?;
    let rows = Entity::find()
        .filter(which)
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
        .limit(page.limit)
        .offset(page.offset)
        .all(db)
        .await?;
    Ok((rows, total))
}

/// Writes everything about a link anew but its birth; false when there is no such link.
///
/// # Errors
/// When the store fails.
pub async fn replace<C: ConnectionTrait>(
    db: &C,
    link: &FrontingLink,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let mut columns = row(link, now)?.into_active_model().reset_all();
    columns.created_at = NotSet;
    let id = link.id;
    let changed = Entity::update_many().set(columns).filter(Column::Id.eq(id)).exec(db).await?;
    Ok(changed.rows_affected == 1)
}

/// Deletes a link; false when there is no such link.
///
/// # Errors
/// When the store fails.
pub async fn delete<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<bool, StoreError> {
    Ok(Entity::delete_by_id(id).exec(db).await?.rows_affected == 1)
}

/// The ids of the links from or to a resource, in their order; also of those that cannot be
/// read.
///
/// # Errors
/// When the store fails.
pub async fn ids_at<C: ConnectionTrait>(
    db: &C,
    resource_id: Uuid,
) -> Result<Vec<Uuid>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(at_it(resource_id))
        .order_by_asc(Column::Id)
        .into_tuple()
        .all(db)
        .await?)
}

/// The links from or to a resource, oldest first.
///
/// # Errors
/// When the store fails.
pub async fn at<C: ConnectionTrait>(db: &C, resource_id: Uuid) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find()
        .filter(at_it(resource_id))
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
        .all(db)
        .await?)
}

fn at_it(resource_id: Uuid) -> Condition {
    Condition::any().add(Column::SourceId.eq(resource_id)).add(Column::TargetId.eq(resource_id))
}
