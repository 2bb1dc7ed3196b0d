//! Consent grants: what a user agreed to, per client and resource.

use chrono::{DateTime, Utc};
use protocol::scope::ScopeSet;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, QueryOrder as _, QuerySelect as _};

use crate::store::rows::padded;
use crate::{IDS_PER_STATEMENT, Page, StoreError, end_once};

/// A row of `consent_grants`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consent_grants")]
pub struct Model {
    /// The grant's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who agreed.
    pub user_id: Uuid,
    /// With whom.
    pub client_id: String,
    /// About what.
    pub resource_id: Uuid,
    /// To which scopes, space separated.
    pub scopes: String,
    /// When first.
    pub created_at: DateTime<Utc>,
    /// When last.
    pub updated_at: DateTime<Utc>,
    /// When it was taken back, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// No relations: queries join by hand where they must.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The scopes agreed to.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn scopes(&self) -> Result<ScopeSet, StoreError> {
        ScopeSet::parse_stored(&self.scopes)
            .map_err(|error| StoreError::damaged("consent_grants", error))
    }
}

/// The live grants of a user for a client.
///
/// # Errors
/// When the store fails.
pub async fn live<C: ConnectionTrait>(
    db: &C,
    user_id: Uuid,
    client_id: &str,
) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find()
        .filter(Column::UserId.eq(user_id))
        .filter(Column::ClientId.eq(client_id))
        .filter(Column::RevokedAt.is_null())
        .all(db)
        .await?)
}

/// The live grants of these users for these clients, whichever of the ones for
/// whichever of the others.
///
/// # Errors
/// When the store fails.
pub async fn live_among<C: ConnectionTrait>(
    db: &C,
    users: Vec<Uuid>,
    clients: Vec<String>,
) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find()
        .filter(Column::UserId.is_in(padded(users)))
        .filter(Column::ClientId.is_in(padded(clients)))
        .filter(Column::RevokedAt.is_null())
        .all(db)
        .await?)
}

/// [`live_among`], about whichever of these resources; what is found stays as it is until the
/// transaction ends: whoever takes a grant back or changes it waits, and then sees what the
/// transaction did.
///
/// # Errors
/// When the store fails.
pub async fn hold_live_among<C: ConnectionTrait>(
    db: &C,
    users: Vec<Uuid>,
    clients: Vec<String>,
    resources: Vec<Uuid>,
) -> Result<Vec<Model>, StoreError> {
    let live = Entity::find()
        .filter(Column::UserId.is_in(padded(users)))
        .filter(Column::ClientId.is_in(padded(clients)))
        .filter(Column::ResourceId.is_in(padded(resources)))
        .filter(Column::RevokedAt.is_null());
    Ok(in_order(live).lock_shared().all(db).await?)
}

/// The grants of a user, revoked ones included, newest first, and how many there are in all.
///
/// # Errors
/// When the store fails.
pub async fn of_user<C: ConnectionTrait>(
    db: &C,
    user_id: Uuid,
    page: Page,
) -> Result<(Vec<Model>, u64), StoreError> {
    let theirs = Entity::find().filter(Column::UserId.eq(user_id));
    let total = theirs.clone().count(db).await?;
    let grants = theirs
        .order_by_desc(Column::UpdatedAt)
        .order_by_desc(Column::Id)
        .limit(page.limit)
        .offset(page.offset)
        .all(db)
        .await?;
    Ok((grants, total))
}

/// The grant with this id.
///
/// # Errors
/// When the store fails.
pub async fn find<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(id).one(db).await?)
}

/// Who agreed, with whom, about what: there is one row for it.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// The user.
    pub user_id: Uuid,
    /// The client.
    pub client_id: &'a str,
    /// The resource.
    pub resource_id: Uuid,
}

/// What the user agreed to so far, if anything; the row is held until the transaction ends,
/// so that of two agreements that meet neither forgets the other. Where there is no row yet
/// one is made, as if taken back at `now`, for [`upsert`] to revive.
///
/// # Errors
/// When the row is damaged or the store fails.
pub async fn hold<C: ConnectionTrait>(
    db: &C,
    id: Uuid,
    key: Key<'_>,
    now: DateTime<Utc>,
) -> Result<Option<ScopeSet>, StoreError> {
    let nothing = ActiveModel {
        id: Set(id),
        user_id: Set(key.user_id),
        client_id: Set(key.client_id.to_owned()),
        resource_id: Set(key.resource_id),
        scopes: Set(String::new()),
        created_at: Set(now),
        updated_at: Set(now),
        revoked_at: Set(Some(now)),
    };
    Entity::insert(nothing)
        .on_conflict(same().do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    let held = Entity::find()
        .filter(Column::UserId.eq(key.user_id))
        .filter(Column::ClientId.eq(key.client_id))
        .filter(Column::ResourceId.eq(key.resource_id))
        .lock_exclusive()
        .one(db)
        .await?;
    held.filter(|grant| grant.revoked_at.is_none()).map(|grant| grant.scopes()).transpose()
}

fn same() -> OnConflict {
    OnConflict::columns([Column::UserId, Column::ClientId, Column::ResourceId])
}

/// Writes down that the user agreed: makes the row, or sets its scopes and revives it.
///
/// # Errors
/// When the store fails.
pub async fn upsert<C: ConnectionTrait>(db: &C, grant: Model) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(grant.id),
        user_id: Set(grant.user_id),
        client_id: Set(grant.client_id),
        resource_id: Set(grant.resource_id),
        scopes: Set(grant.scopes),
        created_at: Set(grant.created_at),
        updated_at: Set(grant.updated_at),
        revoked_at: Set(None),
    };
    let again =
        same().update_columns([Column::Scopes, Column::UpdatedAt, Column::RevokedAt]).to_owned();
    Entity::insert(row).on_conflict(again).exec_without_returning(db).await?;
    Ok(())
}

/// Takes a grant back; false when it was taken back already or never existed.
///
/// # Errors
/// When the store fails.
pub async fn revoke<C: ConnectionTrait>(
    db: &C,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    end_once::<Entity, C>(db, Column::Id.eq(id), Column::RevokedAt, now).await
}

/// Deletes every grant for a client, which is about to be deleted itself: should its id
/// ever be used again, nobody has agreed to anything. How many there were.
///
/// # Errors
/// When the store fails.
pub async fn delete_of_client<C: ConnectionTrait>(
    db: &C,
    client_id: &str,
) -> Result<u64, StoreError> {
    delete_where(db, Column::ClientId.eq(client_id)).await
}

/// Deletes every grant of a user, who is about to be deleted. How many there were.
///
/// # Errors
/// When the store fails.
pub async fn delete_of_user<C: ConnectionTrait>(db: &C, user_id: Uuid) -> Result<u64, StoreError> {
    delete_where(db, Column::UserId.eq(user_id)).await
}

/// Deletes every grant about a resource, which is about to be deleted. How many there were.
///
/// # Errors
/// When the store fails.
pub async fn delete_of_resource<C: ConnectionTrait>(
    db: &C,
    resource_id: Uuid,
) -> Result<u64, StoreError> {
    delete_where(db, Column::ResourceId.eq(resource_id)).await
}

/// How many live grants there are about a resource.
///
/// # Errors
/// When the store fails.
pub async fn count_live_of_resource<C: ConnectionTrait>(
    db: &C,
    resource_id: Uuid,
) -> Result<u64, StoreError> {
    Ok(Entity::find()
        .filter(Column::ResourceId.eq(resource_id))
        .filter(Column::RevokedAt.is_null())
        .count(db)
        .await?)
}

/// The order in which whoever holds several of these rows holds them, so that two who meet
/// queue up: by user, client and resource. That is known also of a row that is yet to be made.
fn in_order(rows: Select<Entity>) -> Select<Entity> {
    rows.order_by_asc(Column::UserId)
        .order_by_asc(Column::ClientId)
        .order_by_asc(Column::ResourceId)
}

/// Rows are held first, each in its turn.
async fn delete_where<C: ConnectionTrait>(
    db: &C,
    which: sea_orm::sea_query::SimpleExpr,
) -> Result<u64, StoreError> {
    let held: Vec<Uuid> = in_order(Entity::find().filter(which))
        .select_only()
        .column(Column::Id)
        .lock_exclusive()
        .into_tuple()
        .all(db)
        .await?;
    for some in held.chunks(IDS_PER_STATEMENT) {
        Entity::delete_many().filter(Column::Id.is_in(some.to_vec())).exec(db).await?;
    }
    Ok(held.len() as u64)
}
