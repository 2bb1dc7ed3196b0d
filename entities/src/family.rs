//! Refresh families: one row per sign-in.

use chrono::{DateTime, Utc};
use protocol::scope::ScopeSet;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{Condition, QueryOrder as _, QuerySelect as _};
use serde::Serialize;

use crate::store::Travels;
use crate::store::rows::{Given, Id, Moment, insert_into, padded};
use crate::{IDS_PER_STATEMENT, Ids, StoreError, Strings, may_still_work};

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

const COLUMNS: &[(&str, Travels)] = &[
    ("id", Travels::Uuid),
    ("generation", Travels::Number),
    ("client_id", Travels::Text),
    ("user_id", Travels::Uuid),
    ("scopes", Travels::Text),
    ("resource_ids", Travels::Json),
    ("jkt", Travels::Text),
    ("auth_time", Travels::Moment),
    ("amr", Travels::Json),
    ("created_at", Travels::Moment),
    ("rotated_at", Travels::Moment),
    ("expires_at", Travels::Moment),
    ("absolute_expires_at", Travels::Moment),
    ("revoked_at", Travels::Moment),
    ("revoked_reason", Travels::Text),
];
static INSERT: Given = Given::new(COLUMNS, |rows| insert_into("families", COLUMNS, rows));

/// A row on its way into the table.
#[derive(Serialize)]
struct Row<'a> {
    id: Id,
    generation: i64,
    client_id: &'a str,
    user_id: Id,
    scopes: &'a str,
    resource_ids: &'a Ids,
    #[serde(skip_serializing_if = "Option::is_none")]
    jkt: Option<&'a str>,
    auth_time: Moment,
    amr: &'a Strings,
    created_at: Moment,
    rotated_at: Moment,
    expires_at: Moment,
    absolute_expires_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_reason: Option<&'a str>,
}

impl<'a> From<&'a Model> for Row<'a> {
    fn from(family: &'a Model) -> Row<'a> {
        Row {
            id: Id(family.id),
            generation: family.generation,
            client_id: &family.client_id,
            user_id: Id(family.user_id),
            scopes: &family.scopes,
            resource_ids: &family.resource_ids,
            jkt: family.jkt.as_deref(),
            auth_time: Moment(family.auth_time),
            amr: &family.amr,
            created_at: Moment(family.created_at),
            rotated_at: Moment(family.rotated_at),
            expires_at: Moment(family.expires_at),
            absolute_expires_at: Moment(family.absolute_expires_at),
            revoked_at: family.revoked_at.map(Moment),
            revoked_reason: family.revoked_reason.as_deref(),
        }
    }
}

/// Adds families in one statement.
///
/// # Errors
/// When the store fails; none is added then.
pub async fn insert_all<C: ConnectionTrait>(db: &C, new: &[Model]) -> Result<(), StoreError> {
    let rows: Vec<Row<'_>> = new.iter().map(Row::from).collect();
    INSERT.execute(db, &rows).await
}

/// Adds a family.
///
/// # Errors
/// When the store fails.
pub async fn insert<C: ConnectionTrait>(db: &C, family: Model) -> Result<(), StoreError> {
    insert_all(db, &[family]).await
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
        .filter(Column::Id.is_in(padded(ids)))
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
    let tips: Vec<Tip> =
        tips.iter().map(|(id, generation)| Tip { tip: Id(*id), live: *generation }).collect();
    let moved = ROTATE.returning(db, &tips, [now.into(), slides_to.into()]).await?;
    moved.iter().map(|row| Ok(row.try_get("", "id")?)).collect()
}

/// A family and the generation that its tip is moved from.
#[derive(Serialize)]
struct Tip {
    tip: Id,
    live: i64,
}

static ROTATE: Given = Given::new(&[("tip", Travels::Uuid), ("live", Travels::Number)], |rows| {
    format!(
        "WITH given AS ({rows}) UPDATE families SET generation = generation + 1, \
         rotated_at = $2, expires_at = CASE WHEN absolute_expires_at < $3 \
         THEN absolute_expires_at ELSE $3 END \
         FROM given WHERE id = given.tip AND generation = given.live AND revoked_at IS NULL \
         RETURNING id"
    )
});

/// Revokes the families that meet `which` and still work; their ids.
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
        .filter(may_still_work(Column::ExpiresAt, now))
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
