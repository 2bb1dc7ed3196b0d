//! What has been spent of budgets that all replicas share.
//!
//! A budget refills steadily, one unit every `pause`, up to `burst` of them. Its row holds
//! when it will be full again (the theoretical arrival time of GCRA); a unit moves that
//! moment on by one pause, unless the budget would be overdrawn. One statement decides.
//!
//! A moment further ahead than an empty budget's was written by a clock that was wrong, or
//! under another configuration. It counts as a budget with one unit left.

use chrono::{DateTime, Utc};
use sea_orm::IntoActiveModel as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{
    CaseStatement, Expr, ExprTrait as _, LockBehavior, LockType, OnConflict, Order, Query,
};

use crate::StoreError;
use crate::clocks::APART;

/// A row of `budgets`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "budgets")]
pub struct Model {
    /// Keyed hash of whose budget it is, and for what.
    #[sea_orm(primary_key, auto_increment = false)]
    pub identity: Vec<u8>,
    /// When nothing of it is spent any more, in microseconds since 1970.
    pub full_at: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// How a budget refills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refill {
    /// Microseconds from one unit to the next.
    pub pause: i64,
    /// Units there are at most.
    pub burst: i64,
}

impl Refill {
    /// `burst` units, one more every `pause`.
    #[must_use]
    pub fn new(pause: std::time::Duration, burst: u32) -> Refill {
        let pause = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX).clamp(1, LONGEST_PAUSE);
        Refill { pause, burst: i64::from(Ord::max(burst, 1)) }
    }
}

impl Refill {
    /// As much `times` over.
    #[must_use]
    pub fn times(self, times: u32) -> Refill {
        let times = i64::from(Ord::max(times, 1));
        Refill { pause: Ord::max(self.pause / times, 1), burst: self.burst.saturating_mul(times) }
    }

    /// The `part`th part of it, at least one unit.
    #[must_use]
    pub fn part(self, part: u32) -> Refill {
        let part = i64::from(Ord::max(part, 1));
        let pause = Ord::min(self.pause.saturating_mul(part), LONGEST_PAUSE);
        Refill { pause, burst: Ord::max(self.burst / part, 1) }
    }
}

/// A day, in microseconds: a rate cannot be slower, and sums stay far from overflowing.
const LONGEST_PAUSE: i64 = 24 * 60 * 60 * 1_000_000;

/// Takes one unit from the budget of `identity`; false when there is none, and then
/// nothing is taken.
///
/// # Errors
/// When the store fails.
pub async fn spend<C: ConnectionTrait>(
    db: &C,
    identity: &[u8; 32],
    now: DateTime<Utc>,
    refill: Refill,
) -> Result<bool, StoreError> {
    let now = now.timestamp_micros();
    let Refill { pause, burst } = refill;
    let full_at = || Expr::col((Entity, Column::FullAt));
    let latest = now.saturating_add(pause.saturating_mul(burst - 1));
    let new = Model { identity: identity.to_vec(), full_at: now.saturating_add(pause) };
    let cannot_be = || {
        let apart = APART.num_microseconds().unwrap_or(0);
        full_at().gt(latest.saturating_add(pause).saturating_add(apart))
    };
    let one_more = CaseStatement::new()
        .case(full_at().lt(now), now.saturating_add(pause))
        .case(cannot_be(), latest.saturating_add(pause))
        .finally(full_at().add(pause));
    let spent = OnConflict::column(Column::Identity)
        .value(Column::FullAt, one_more)
        .action_and_where(full_at().lte(latest).or(cannot_be()))
        .to_owned();
    let insert = Entity::insert(new.into_active_model()).on_conflict(spent);
    match insert.exec_without_returning(db).await {
        Ok(0) | Err(DbErr::RecordNotInserted) => Ok(false),
        Ok(_) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Puts back one unit that was taken a moment ago.
///
/// # Errors
/// When the store fails.
pub async fn give_back<C: ConnectionTrait>(
    db: &C,
    identity: &[u8; 32],
    refill: Refill,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::FullAt, Expr::col(Column::FullAt).sub(refill.pause))
        .filter(Column::Identity.eq(identity.to_vec()))
        .exec(db)
        .await?;
    Ok(())
}

/// Whether there is a unit left in the budget of `identity`. Nothing is taken, and no row made.
///
/// # Errors
/// When the store fails.
pub async fn has_left<C: ConnectionTrait>(
    db: &C,
    identity: &[u8; 32],
    now: DateTime<Utc>,
    Refill { pause, burst }: Refill,
) -> Result<bool, StoreError> {
    let latest = now.timestamp_micros().saturating_add(pause.saturating_mul(burst - 1));
    let apart = APART.num_microseconds().unwrap_or(0);
    let cannot_be = latest.saturating_add(pause).saturating_add(apart);
    let row = Entity::find_by_id(identity.to_vec()).one(db).await?;
    Ok(row.is_none_or(|row| row.full_at <= latest || row.full_at > cannot_be))
}

/// Deletes up to `limit` budgets that are full; how many there were.
///
/// # Errors
/// When the store fails.
pub async fn sweep<C: ConnectionTrait>(
    db: &C,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, StoreError> {
    let full = Query::select()
        .column(Column::Identity)
        .from(Entity)
        .and_where(Column::FullAt.lt(before.timestamp_micros()))
        .order_by(Column::FullAt, Order::Asc)
        .limit(limit)
        // As of the other tables: a sweep waits for nobody.
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .to_owned();
    let swept = Entity::delete_many().filter(Column::Identity.in_subquery(full)).exec(db).await?;
    Ok(swept.rows_affected)
}
