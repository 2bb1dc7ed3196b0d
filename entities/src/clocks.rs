//! Clocks of several replicas, which never quite agree.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ColumnTrait;
use sea_orm::sea_query::SimpleExpr;

/// How far the clocks of two replicas may be apart.
const APART: TimeDelta = TimeDelta::minutes(5);

/// Whether what ends at `expires_at` may still work for a replica whose clock is behind ours.
/// A revocation reaches all that, and leaves alone what is over for everybody: rows are kept
/// long after their end, and there may be hundreds of times as many of those.
pub(crate) fn may_still_work(expires_at: impl ColumnTrait, now: DateTime<Utc>) -> SimpleExpr {
    expires_at.gt(now - APART)
}
