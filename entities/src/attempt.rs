//! Failed proofs of who somebody is, and the lockouts they add up to.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{
    CaseStatement, Expr, ExprTrait as _, LockBehavior, LockType, OnConflict, Query,
};
use sea_orm::{IntoActiveModel as _, QueryOrder as _, QuerySelect as _};

use crate::StoreError;
use crate::clocks::APART;

/// A row of `attempts`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "attempts")]
pub struct Model {
    /// Keyed hash of who tried, and from where.
    #[sea_orm(primary_key, auto_increment = false)]
    pub identity: Vec<u8>,
    /// What was tried; see [`Kind`].
    pub kind: i16,
    /// How often it failed.
    pub failures: i32,
    /// When the failures are forgotten; with as many as allowed, when the lockout ends.
    pub expires_at: DateTime<Utc>,
    /// Keyed hash of who was tried: a person or a client.
    pub subject: Option<Vec<u8>>,
    /// Keyed hash of where it came from: a network, or a browser that is known. `None` for what
    /// counts wherever it came from.
    pub place: Option<Vec<u8>>,
}

/// Whose failures are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// What was tried.
    pub kind: Kind,
    /// Keyed hash of all of it.
    pub identity: [u8; 32],
    /// Keyed hash of the person or client.
    pub subject: [u8; 32],
    /// Keyed hash of the network or browser, if it matters.
    pub place: Option<[u8; 32]>,
}

/// Which failures are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    /// Those of this person or client, wherever they came from.
    Subject([u8; 32]),
    /// Those from this network, whoever was tried.
    Place([u8; 32]),
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Kind {
    /// Signing in.
    SignIn = 1,
    /// Client authentication.
    Client = 2,
    /// Admin keys.
    AdminKey = 3,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::SignIn, Kind::Client, Kind::AdminKey];

    /// The kind of a row, if there is such a kind.
    #[must_use]
    pub fn of(row: &Model) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as i16 == row.kind)
    }
}

/// How many failures are allowed, and the ends of the two times that begin now.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// The failure that locks.
    pub most: i32,
    /// Until when a first failure counts.
    pub window_ends: DateTime<Utc>,
    /// Until when the failure that locks does so.
    pub lock_ends: DateTime<Utc>,
}

/// Counts one more failure of what was `tried`; how many those are now. `None` when it is
/// locked: nothing is counted then. One statement, so that of any number of servers that
/// count at once exactly as many get through as are allowed.
///
/// # Errors
/// When the store fails.
pub async fn count<C: ConnectionTrait>(
    db: &C,
    tried: &Tried,
    now: DateTime<Utc>,
    allowance: Allowance,
) -> Result<Option<i32>, StoreError> {
    let Allowance { most, window_ends, lock_ends } = allowance;
    let failures = || Expr::col((Entity, Column::Failures));
    let expires_at = || Expr::col((Entity, Column::ExpiresAt));
    let is_over = || expires_at().lte(now);
    // Written by a clock that was wrong: what it began ends when it would end, had it begun now.
    let latest = Ord::max(window_ends, lock_ends) + APART;
    let cannot_be = || expires_at().gt(latest);
    let new = Model {
        identity: tried.identity.to_vec(),
        kind: tried.kind as i16,
        failures: 1,
        expires_at: if most <= 1 { lock_ends } else { window_ends },
        subject: Some(tried.subject.to_vec()),
        place: tried.place.map(|place| place.to_vec()),
    };
    let then_expires = CaseStatement::new()
        .case(is_over(), new.expires_at)
        .case(failures().gte(most - 1), lock_ends)
        .case(cannot_be(), window_ends)
        .finally(expires_at());
    let counted = OnConflict::column(Column::Identity)
        .value(Column::Failures, CaseStatement::new().case(is_over(), 1).finally(failures().add(1)))
        .value(Column::ExpiresAt, then_expires)
        .action_and_where(is_over().or(failures().lt(most)))
        .to_owned();
    let insert = Entity::insert(new.into_active_model()).on_conflict(counted);
    match insert.exec_without_returning(db).await {
        Ok(0) | Err(DbErr::RecordNotInserted) => {
            Entity::update_many()
                .col_expr(Column::ExpiresAt, Expr::value(lock_ends))
                .filter(Column::Identity.eq(tried.identity.to_vec()))
                .filter(Column::ExpiresAt.gt(latest))
                .exec(db)
                .await?;
            Ok(None)
        }
        Ok(_) => Ok(find(db, &tried.identity).await?.map(|row| row.failures)),
        Err(error) => Err(error.into()),
    }
}

/// What is known of `identity`.
///
/// # Errors
/// When the store fails.
pub async fn find<C: ConnectionTrait>(
    db: &C,
    identity: &[u8; 32],
) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(identity.to_vec()).one(db).await?)
}

/// Forgets the failures of `identity`.
///
/// # Errors
/// When the store fails.
pub async fn forgive<C: ConnectionTrait>(db: &C, identity: &[u8; 32]) -> Result<(), StoreError> {
    Entity::delete_by_id(identity.to_vec()).exec(db).await?;
    Ok(())
}

/// Forgets the failures that are meant; how many rows those were. Looks at every row: lockouts
/// are lifted by hand.
///
/// # Errors
/// When the store fails.
pub async fn lift<C: ConnectionTrait>(db: &C, meant: Meant) -> Result<u64, StoreError> {
    let meant = match meant {
        Meant::Subject(subject) => Column::Subject.eq(subject.to_vec()),
        Meant::Place(place) => Column::Place.eq(place.to_vec()),
    };
    Ok(Entity::delete_many().filter(meant).exec(db).await?.rows_affected)
}

/// Up to `limit` lockouts that hold at `now`, the longest first, and how many there are: from one
/// place `most` failures are one, wherever they came from `most_anywhere`.
///
/// # Errors
/// When the store fails.
pub async fn locked<C: ConnectionTrait>(
    db: &C,
    now: DateTime<Utc>,
    most: i32,
    most_anywhere: i32,
    limit: u64,
) -> Result<(Vec<Model>, u64), StoreError> {
    let of_a_place = Column::Place.is_not_null().and(Column::Failures.gte(most));
    let anywhere = Column::Place.is_null().and(Column::Failures.gte(most_anywhere));
    let locked = Entity::find()
        .filter(Column::ExpiresAt.gt(now))
        .filter(of_a_place.or(anywhere))
        .order_by_desc(Column::ExpiresAt)
        .order_by_asc(Column::Identity);
    let total = locked.clone().count(db).await?;
    Ok((locked.limit(limit).all(db).await?, total))
}

/// Takes one failure of `identity` back. A lockout it was part of ends.
///
/// # Errors
/// When the store fails.
pub async fn take_back<C: ConnectionTrait>(
    db: &C,
    identity: &[u8; 32],
    allowance: Allowance,
) -> Result<(), StoreError> {
    let locked = Expr::col(Column::Failures).gte(allowance.most);
    let expires_at = CaseStatement::new()
        .case(locked, allowance.window_ends)
        .finally(Expr::col(Column::ExpiresAt));
    Entity::update_many()
        .col_expr(Column::ExpiresAt, expires_at.into())
        .col_expr(Column::Failures, Expr::col(Column::Failures).sub(1))
        .filter(Column::Identity.eq(identity.to_vec()))
        .filter(Column::Failures.gt(0))
        .exec(db)
        .await?;
    Ok(())
}

/// Forgets those that failed least often, and of these those that expire first, so that
/// `most` of a kind are left; how many went. Names that somebody makes up fail once: by their
/// age alone they would push out who is locked, and with that unlock them.
///
/// # Errors
/// When the store fails.
pub async fn forget_beyond<C: ConnectionTrait>(
    db: &C,
    kind: Kind,
    most: u64,
) -> Result<u64, StoreError> {
    let of_kind = Column::Kind.eq(kind as i16);
    let held = Entity::find().filter(of_kind.clone()).count(db).await?;
    if held <= most {
        return Ok(0);
    }
    let first = Query::select()
        .column(Column::Identity)
        .from(Entity)
        .and_where(of_kind)
        .order_by(Column::Failures, sea_orm::Order::Asc)
        .order_by(Column::ExpiresAt, sea_orm::Order::Asc)
        .limit(held - most)
        // Like a sweep, it waits for nobody.
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .to_owned();
    let gone = Entity::delete_many().filter(Column::Identity.in_subquery(first)).exec(db).await?;
    Ok(gone.rows_affected)
}
