//! Lists kept in one column.

use sea_orm::FromJsonQueryResult;
use sea_orm::sea_query::{Expr, ExprTrait as _, IntoColumnRef, SimpleExpr};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A list of strings in a JSON column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct Strings(pub Vec<String>);

/// A list of ids in a JSON column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct Ids(pub Vec<Uuid>);

/// Whether the JSON in `column` mentions `id`. An id is not part of anything else, so its
/// text is all there is to look for; both databases can.
pub(crate) fn mentions(column: impl IntoColumnRef, id: Uuid) -> SimpleExpr {
    Expr::col(column).cast_as("TEXT").like(format!("%{id}%"))
}
