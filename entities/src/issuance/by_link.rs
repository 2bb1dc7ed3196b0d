//! What was issued by way of a fronting link, and on the strength of what.

use chrono::{DateTime, Utc};
use protocol::scope::ScopeSet;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _, JoinType, Query};

use super::{Column, Entity};
use crate::{StoreError, may_still_work};

/// A token that somebody got by way of a link. Scopes that cannot be read are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByLink {
    /// Its `jti`.
    pub jti: Uuid,
    /// Its scopes.
    pub scopes: Option<ScopeSet>,
    /// Those of the token it was exchanged from.
    pub exchanged_from: Option<ScopeSet>,
}

/// The tokens that were issued by way of a link and still work.
///
/// # Errors
/// When the store fails.
pub async fn that_work_by_link<C: ConnectionTrait>(
    db: &C,
    link_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<ByLink>, StoreError> {
    const PARENT: &str = "parent";
    const HELD: &str = "held";
    let query = Query::select()
        .column((Entity, Column::Jti))
        .column((Entity, Column::Scopes))
        .expr_as(Expr::col((PARENT, Column::Scopes)), HELD)
        .from(Entity)
        .join_as(
            JoinType::LeftJoin,
            Entity,
            PARENT,
            Expr::col((PARENT, Column::Jti)).equals((Entity, Column::ParentJti)),
        )
        .and_where(Column::ViaLink.eq(link_id.to_string()))
        .and_where(Column::RevokedAt.is_null())
        .and_where(may_still_work(Column::ExpiresAt, now))
        .to_owned();
    let read = |scopes: String| ScopeSet::parse_stored(&scopes).ok();
    let rows = db.query_all(&query).await?;
    rows.iter()
        .map(|row| {
            Ok(ByLink {
                jti: row.try_get("", Column::Jti.as_str())?,
                scopes: read(row.try_get("", Column::Scopes.as_str())?),
                exchanged_from: row.try_get::<Option<String>>("", HELD)?.and_then(read),
            })
        })
        .collect()
}
