//! Rows that are ended once and stay.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait, QueryFilter as _};

use crate::StoreError;

/// Writes `now` into `ended_at` of the one row that meets `which`; false when there is none,
/// or it was ended before.
pub(crate) async fn end_once<E: EntityTrait, C: ConnectionTrait>(
    db: &C,
    which: SimpleExpr,
    ended_at: E::Column,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let ended = E::update_many()
        .col_expr(ended_at, Expr::value(now))
        .filter(which)
        .filter(ended_at.is_null())
        .exec(db)
        .await?;
    Ok(ended.rows_affected == 1)
}
