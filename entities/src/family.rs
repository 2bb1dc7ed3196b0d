//! Refresh families: one row per sign-in.

use chrono::{DateTime, Utc};
use protocol::scope::ScopeSet;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait};
use sea_orm::{Condition, IntoActiveModel as _, QueryOrder as _, QuerySelect as _};

use crate::{IDS_PER_STATEMENT, Ids, StoreError, Strings};

/// A row of `families`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "families")]
pub struct Model {
    /// The family's id; part of every token of it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Generation of the live tip; 1 at birth.
    pub generation: i64,
    /// The client the tokens belong to.
    pub client_id: String,
    /// The user they stand for.
    pub user_id: Uuid,
    /// What the family was granted, space separated.
    pub scopes: String,
    /// The resources it covers.
    #[sea_orm(column_type = "JsonBinary")]
    pub resource_ids: Ids,
    /// The DPoP key its refresh tokens are bound to.
    pub jkt: Option<String>,
    /// When the user signed in.
    pub auth_time: DateTime<Utc>,
    /// How.
    #[sea_orm(column_type = "JsonBinary")]
    pub amr: Strings,
    /// When the family was born.
    pub created_at: DateTime<Utc>,
    /// When the tip was last moved; birth counts.
    pub rotated_at: DateTime<Utc>,
    /// When the tip expires unless it is used.
    pub expires_at: DateTime<Utc>,
    /// When the family ends however often it is used.
    pub absolute_expires_at: DateTime<Utc>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why.
    pub revoked_reason: Option<String>,
}

/// No relations: queries join by hand where they must.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// What the family was granted.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn scopes(&self) -> Result<ScopeSet, StoreError> {
        ScopeSet::parse_stored(&self.scopes).map_err(|error| StoreError::damaged("families", error))
    }
}

/// Adds a family.
///
/// # Errors
/// When the store fails.
pub async fn insert<C: ConnectionTrait>(db: &C, family: Model) -> Result<(), StoreError> {
    Entity::insert(family.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// The families with these ids, held against change until the transaction ends;
/// unknown ids are left out. Rows are locked in the order of their ids, so that two
/// replicas with overlapping batches queue up instead of blocking each other.
///
/// # Errors
/// When the store fails.
pub async fn hold_all<C: ConnectionTrait>(
    db: &C,
    ids: Vec<Uuid>,
) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find()
        .filter(Column::Id.is_in(ids))
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .all(db)
        .await?)
}

/// The family with this id.
///
/// # Errors
/// When the store fails.
pub async fn find<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(id).one(db).await?)
}

/// How many families are neither revoked nor expired.
///
/// # Errors
/// When the store fails.
pub async fn count_live<C: ConnectionTrait>(db: &C, now: DateTime<Utc>) -> Result<u64, StoreError> {
    count_live_where(db, Condition::all(), now).await
}

/// How many of the families that meet `which` are neither revoked nor expired.
pub(crate) async fn count_live_where<C: ConnectionTrait>(
    db: &C,
    which: Condition,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let live = which.add(Column::RevokedAt.is_null()).add(Column::ExpiresAt.gt(now));
    Ok(Entity::find().filter(live).count(db).await?)
}

/// Moves the tip of each of these families from the generation given to the next, in
/// one statement. The answer names those that moved: a family that another replica
/// rotated or revoked meanwhile is not among them.
///
/// `slides_to` is the new sliding expiry, capped by each family's absolute one.
///
/// # Errors
/// When the store fails; none has moved then.
pub async fn rotate_all<C: ConnectionTrait>(
    db: &C,
    tips: &[(Uuid, i64)],
    slides_to: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>, StoreError> {
    if tips.is_empty() {
        return Ok(Vec::new());
    }
    let capped = CaseStatement::new()
        .case(
            ExprTrait::lt(Expr::col(Column::AbsoluteExpiresAt), slides_to),
            Expr::col(Column::AbsoluteExpiresAt),
        )
        .finally(Expr::value(slides_to));
    let held = tips.iter().fold(Condition::any(), |any, (id, generation)| {
        any.add(Condition::all().add(Column::Id.eq(*id)).add(Column::Generation.eq(*generation)))
    });
    let moved = Entity::update_many()
        .col_expr(Column::Generation, Expr::col(Column::Generation).add(1))
        .col_expr(Column::RotatedAt, Expr::value(now))
        .col_expr(Column::ExpiresAt, capped.into())
        .filter(held)
        .filter(Column::RevokedAt.is_null())
        .exec_with_returning(db)
        .await?;
    Ok(moved.into_iter().map(|family| family.id).collect())
}

/// Revokes the live families that meet `which`; their ids.
///
/// They are held in the order of their ids first, like those of a batch of rotations:
/// two transactions that meet never wait for each other in a circle.
pub(crate) async fn revoke_where<C: ConnectionTrait>(
    db: &C,
    which: Condition,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>, StoreError> {
    let held: Vec<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(which)
        .filter(Column::RevokedAt.is_null())
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .into_tuple()
        .all(db)
        .await?;
    for some in held.chunks(IDS_PER_STATEMENT) {
        Entity::update_many()
            .col_expr(Column::RevokedAt, Expr::value(now))
            .col_expr(Column::RevokedReason, Expr::value(reason))
            .filter(Column::Id.is_in(some.to_vec()))
            .exec(db)
            .await?;
    }
    Ok(held)
}
