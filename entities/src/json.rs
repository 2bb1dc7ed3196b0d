//! Lists kept in one column.

use sea_orm::FromJsonQueryResult;
use sea_orm::sea_query::{BinOper, Expr, ExprTrait as _, IntoColumnRef, SimpleExpr};
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

/// Whether the list of ids in `column` has `id`. An id is not part of another, so its text is
/// all there is to look for; both databases can.
pub(crate) fn mentions(column: impl IntoColumnRef, id: Uuid) -> SimpleExpr {
    Expr::col(column).cast_as("TEXT").like(format!("%{id}%"))
}

/// Whether the list of ids that is the member `ids` of the JSON in `column` has `id`. Only
/// there: other members may hold what a stranger wrote, another resource's id for one.
pub(crate) fn mentions_in(column: impl IntoColumnRef, ids: &'static str, id: Uuid) -> SimpleExpr {
    let member = Expr::col(column).binary(BinOper::Custom("->"), Expr::cust(format!("'{ids}'")));
    member.cast_as("TEXT").like(format!("%{id}%"))
}
