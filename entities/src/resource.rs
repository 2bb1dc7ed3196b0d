//! Resources: what tokens are issued for.

use chrono::{DateTime, Utc};
use protocol::resource::MintResource;
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::NotSet, IntoActiveModel as _, QueryOrder as _, QuerySelect as _};

use crate::StoreError;

/// The `backend_kind` of a resource whose tokens we sign ourselves.
const MINT: &str = "mint";

/// A row of `resources`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "resources")]
pub struct Model {
    /// The resource's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The operator's name for it.
    pub slug: String,
    /// RFC 8707 identifier; becomes `aud`.
    pub uri: String,
    /// Other URIs that mean the same resource.
    #[sea_orm(column_type = "JsonBinary")]
    pub aliases: Json,
    /// Whether its scopes appear in the server's metadata.
    pub discoverable: bool,
    /// `mint`.
    pub backend_kind: String,
    /// Name shown to people.
    pub display_name: String,
    /// Scope catalog.
    #[sea_orm(column_type = "JsonBinary")]
    pub scopes: Json,
    /// Who may exchange for it and act as it.
    #[sea_orm(column_type = "JsonBinary")]
    pub policy: Json,
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
    StoreError::damaged("resources", detail)
}

impl TryFrom<Model> for MintResource {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<MintResource, StoreError> {
        Ok(MintResource {
            id: row.id,
            slug: row.slug,
            uri: row.uri,
            aliases: serde_json::from_value(row.aliases).map_err(damaged)?,
            display_name: row.display_name,
            discoverable: row.discoverable,
            scopes: serde_json::from_value(row.scopes).map_err(damaged)?,
            policy: serde_json::from_value(row.policy).map_err(damaged)?,
        })
    }
}

fn row(resource: &MintResource, now: DateTime<Utc>) -> Result<Model, StoreError> {
    Ok(Model {
        id: resource.id,
        slug: resource.slug.clone(),
        uri: resource.uri.clone(),
        aliases: serde_json::to_value(&resource.aliases).map_err(damaged)?,
        discoverable: resource.discoverable,
        backend_kind: MINT.to_owned(),
        display_name: resource.display_name.clone(),
        scopes: serde_json::to_value(&resource.scopes).map_err(damaged)?,
        policy: serde_json::to_value(&resource.policy).map_err(damaged)?,
        created_at: now,
        updated_at: now,
    })
}

/// Adds a mint resource.
///
/// # Errors
/// [`StoreError::Duplicate`] when slug or URI is taken.
pub async fn insert<C: ConnectionTrait>(
    db: &C,
    resource: &MintResource,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    Entity::insert(row(resource, now)?.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// All mint resources, by slug.
///
/// # Errors
/// When a row is damaged or the store fails.
pub async fn all_mint<C: ConnectionTrait>(db: &C) -> Result<Vec<MintResource>, StoreError> {
    let rows = Entity::find()
        .filter(Column::BackendKind.eq(MINT))
        .order_by_asc(Column::Slug)
        .all(db)
        .await?;
    rows.into_iter().map(MintResource::try_from).collect()
}

/// The mint resource with this id.
///
/// # Errors
/// When the row is damaged or the store fails.
pub async fn find<C: ConnectionTrait>(
    db: &C,
    id: Uuid,
) -> Result<Option<MintResource>, StoreError> {
    let row = Entity::find_by_id(id).filter(Column::BackendKind.eq(MINT)).one(db).await?;
    row.map(MintResource::try_from).transpose()
}

/// Whether there is such a resource, for who is about to delete it. Its row is held until the
/// transaction ends: whatever was being written down that rests on it ([`crate::parties`]) has
/// been by then, and can be found; nothing more is.
///
/// # Errors
/// When the store fails.
pub async fn hold<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<bool, StoreError> {
    let held: Option<Uuid> = Entity::find_by_id(id)
        .select_only()
        .column(Column::Id)
        .lock_exclusive()
        .into_tuple()
        .one(db)
        .await?;
    Ok(held.is_some())
}

/// Writes everything about a resource anew but its birth; false when there is no such
/// resource.
///
/// # Errors
/// [`StoreError::Duplicate`] when the URI is taken.
pub async fn replace<C: ConnectionTrait>(
    db: &C,
    resource: &MintResource,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let mut columns = row(resource, now)?.into_active_model().reset_all();
    columns.created_at = NotSet;
    let id = resource.id;
    let changed = Entity::update_many().set(columns).filter(Column::Id.eq(id)).exec(db).await?;
    Ok(changed.rows_affected == 1)
}

/// Deletes a resource; false when there is no such resource.
///
/// # Errors
/// When the store fails.
pub async fn delete<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<bool, StoreError> {
    Ok(Entity::delete_by_id(id).exec(db).await?.rows_affected == 1)
}
