//! Revoking issuances, with everything exchanged from them.
//!
//! Rows outlive their tokens by a month, so a client that asks often has far more of them
//! than tokens that work. Only those that work are revoked; those that do not are looked at
//! for one thing: a token exchanged from one may have been given longer to live.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SelectStatement};
use sea_orm::{Condition, QueryOrder as _, QuerySelect as _};
use serde::Serialize;

use super::{Column, Entity};
use crate::store::Travels;
use crate::store::rows::{Given, Id, padded};
use crate::{IDS_PER_STATEMENT, StoreError, may_still_work};

/// Which issuances are meant. It makes a difference only to how their offspring is found.
pub(crate) enum Which {
    /// These, of which there are few rows: each is asked what came of it.
    Few(Condition),
    /// These, of which there may be any number of rows: what was exchanged at all, which is
    /// less, is asked what it came of.
    Many(Condition),
}

/// Revokes the issuances that are meant and still work, and everything exchanged from any
/// that is meant, at any depth, that still works; the ids of them all.
///
/// All of it is found first and then held in the order of the ids, so that two revocations
/// that meet, each for a reason of its own, queue up. Then what came of those that were held
/// is looked for once more: a token may have been exchanged from one while it was waited
/// for. Only what that second look finds is held out of order; should two revocations wait
/// for each other over that, the database ends one of them, and nothing of it has happened.
pub(crate) async fn revoke_where<C: ConnectionTrait>(
    db: &C,
    which: Vec<Which>,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>, StoreError> {
    let (mut found, mut few) = (BTreeSet::new(), Vec::new());
    for which in which {
        let (condition, exchanged) = match which {
            Which::Few(condition) => {
                few.push(condition.clone());
                (condition.clone(), asked_down(condition))
            }
            Which::Many(condition) => (condition.clone(), asked_up(condition)),
        };
        found.extend(ids(db, condition.add(still_work(now))).await?);
        let first = select(db, &exchanged).await?;
        found.extend(offspring(db, first.clone()).await?);
        found.extend(first);
    }
    let mut revoked = Vec::new();
    loop {
        let held = hold_working(db, found, now).await?;
        if held.is_empty() {
            break;
        }
        mark(db, &held, reason, now).await?;
        found = offspring(db, held.clone()).await?;
        revoked.extend(held);
    }
    // Where there are few rows, those that are over are marked as well, after the others
    // wherever anything is revoked: a clock that was ahead and is set right makes them work
    // again. They are none of what was reached.
    for condition in few {
        let over = hold(db, condition).await?;
        mark(db, &over, reason, now).await?;
    }
    Ok(revoked)
}

async fn mark<C: ConnectionTrait>(
    db: &C,
    held: &[Uuid],
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for some in held.chunks(ROWS_PER_STATEMENT) {
        let rows: Vec<Row> = some.iter().map(|jti| Row { token: Id(*jti) }).collect();
        REVOKE.returning(db, &rows, [now.into(), reason.into()]).await?;
    }
    Ok(())
}

/// Rows changed by one statement, whose ids travel as one parameter.
const ROWS_PER_STATEMENT: usize = 10_000;

static REVOKE: Given = Given::new(&[("token", Travels::Uuid)], |rows| {
    format!(
        "WITH given AS ({rows}) UPDATE issuances SET revoked_at = $2, revoked_reason = $3 \
         FROM given WHERE jti = given.token"
    )
});

#[derive(Serialize)]
struct Row {
    token: Id,
}

fn still_work(now: DateTime<Utc>) -> Condition {
    Condition::all().add(Column::RevokedAt.is_null()).add(may_still_work(Column::ExpiresAt, now))
}

async fn ids<C: ConnectionTrait>(db: &C, which: Condition) -> Result<Vec<Uuid>, StoreError> {
    let query = Query::select().column(Column::Jti).from(Entity).cond_where(which).to_owned();
    select(db, &query).await
}

async fn select<C: ConnectionTrait>(
    db: &C,
    query: &SelectStatement,
) -> Result<Vec<Uuid>, StoreError> {
    let rows = db.query_all(query).await?;
    rows.iter().map(|row| Ok(row.try_get("", "jti")?)).collect()
}

/// What was exchanged from those that meet `which`, by way of them.
fn asked_down(which: Condition) -> SelectStatement {
    let parents = Query::select().column(Column::Jti).from(Entity).cond_where(which).to_owned();
    Query::select()
        .column(Column::Jti)
        .from(Entity)
        .and_where(Column::ParentJti.is_not_null())
        .and_where(Column::ParentJti.in_subquery(parents))
        .to_owned()
}

/// What was exchanged from those that meet `which`, by way of all that was exchanged.
fn asked_up(which: Condition) -> SelectStatement {
    const CHILD: &str = "child";
    let parent = Query::select()
        .expr(Expr::value(1))
        .from(Entity)
        .and_where(Expr::col((Entity, Column::Jti)).equals((CHILD, Column::ParentJti)))
        .cond_where(which)
        .to_owned();
    Query::select()
        .column((CHILD, Column::Jti))
        .from_as(Entity, CHILD)
        .and_where(Expr::col((CHILD, Column::ParentJti)).is_not_null())
        .and_where(Expr::exists(parent))
        .to_owned()
}

/// What was exchanged from these, at any depth, whatever its state.
async fn offspring<C: ConnectionTrait>(
    db: &C,
    mut parents: Vec<Uuid>,
) -> Result<BTreeSet<Uuid>, StoreError> {
    let mut all = BTreeSet::new();
    while !parents.is_empty() {
        let mut children = Vec::new();
        for some in parents.chunks(IDS_PER_STATEMENT) {
            let of_these = Column::ParentJti.is_in(padded(some.to_vec()));
            children.extend(ids(db, Condition::all().add(of_these)).await?);
        }
        children.retain(|child| all.insert(*child));
        parents = children;
    }
    Ok(all)
}

/// Those of these issuances that still work, held until the transaction ends.
async fn hold_working<C: ConnectionTrait>(
    db: &C,
    those: BTreeSet<Uuid>,
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>, StoreError> {
    let sorted: Vec<Uuid> = those.into_iter().collect();
    let mut held = Vec::with_capacity(sorted.len());
    for some in sorted.chunks(IDS_PER_STATEMENT) {
        let these = Column::Jti.is_in(padded(some.to_vec()));
        held.extend(hold(db, still_work(now).add(these)).await?);
    }
    Ok(held)
}

/// Those that meet `which` and are not revoked, held in the order of their ids.
async fn hold<C: ConnectionTrait>(db: &C, which: Condition) -> Result<Vec<Uuid>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::Jti)
        .filter(which)
        .filter(Column::RevokedAt.is_null())
        .order_by_asc(Column::Jti)
        .lock_exclusive()
        .into_tuple()
        .all(db)
        .await?)
}
