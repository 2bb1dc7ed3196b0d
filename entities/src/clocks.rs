//! Clocks of several replicas, which never quite agree.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ColumnTrait;
use sea_orm::sea_query::SimpleExpr;

/// How far the clocks of two replicas may be apart. What one of them wrote that lies further
/// ahead than it could have is the work of a clock that was wrong: it is taken for the
/// furthest that could be, or one bad clock would shut people out until everybody's has
/// caught up with it.
pub(crate) const APART: TimeDelta = TimeDelta::minutes(5);

/// Whether what ends at `expires_at` may still work for a replica whose clock is behind ours.
/// A revocation reaches all that, and leaves alone what is over for everybody: rows are kept
/// long after their end, and there may be hundreds of times as many of those.
pub(crate) fn may_still_work(expires_at: impl ColumnTrait, now: DateTime<Utc>) -> SimpleExpr {
    expires_at.gt(now - APART)
}
