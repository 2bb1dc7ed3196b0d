//! The parties of a token that is written down: the clients behind it, and the resources it is for.

use std::collections::HashSet;

use protocol::client::ClientStatus;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{
    Alias, Expr, Keyword, LockType, Order, Query, SelectStatement, SimpleExpr, UnionType,
};

use crate::store::rows::padded;
use crate::{StoreError, client, resource};

/// Those that are there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parties {
    /// The clients that are active.
    pub clients: HashSet<String>,
    /// The resources that are registered.
    pub resources: HashSet<Uuid>,
}

impl Parties {
    /// Whether all of these resources are there.
    #[must_use]
    pub fn has_all(&self, resources: &[Uuid]) -> bool {
        resources.iter().all(|id| self.resources.contains(id))
    }
}

const CLIENT: &str = "client";
const RESOURCE: &str = "resource";

/// Those of these clients that are active and those of these resources that there are, which
/// both stay until the transaction ends: whoever suspends, revokes or deletes such a client, or
/// deletes such a resource, waits, and then sees what the transaction did. Clients are held
/// first, then resources, each in the order of their ids.
///
/// One statement for both, because every batch of tokens pays for it. A resource may be changed
/// meanwhile: what is written rests on its being there, and on nothing else about it.
///
/// # Errors
/// When the store fails.
pub async fn hold<C: ConnectionTrait>(
    db: &C,
    clients: Vec<String>,
    resources: Vec<Uuid>,
) -> Result<Parties, StoreError> {
    let mut parties = Parties::default();
    if clients.is_empty() && resources.is_empty() {
        return Ok(parties);
    }
    for row in db.query_all(&held(clients, resources)).await? {
        parties.clients.extend(row.try_get::<Option<String>>("", CLIENT)?);
        parties.resources.extend(row.try_get::<Option<Uuid>>("", RESOURCE)?);
    }
    Ok(parties)
}

fn held(clients: Vec<String>, resources: Vec<Uuid>) -> SelectStatement {
    use client::Column::{Id as ClientId, Status};
    use resource::Column::Id as ResourceId;
    let active = Query::select()
        .column(ClientId)
        .from(client::Entity)
        .and_where(ClientId.is_in(padded(clients)))
        .and_where(Status.eq(ClientStatus::Active.as_str()))
        .order_by(ClientId, Order::Asc)
        .lock(LockType::Share)
        .to_owned();
    let there = Query::select()
        .column(ResourceId)
        .from(resource::Entity)
        .and_where(ResourceId.is_in(padded(resources)))
        .order_by(ResourceId, Order::Asc)
        .lock(LockType::KeyShare)
        .to_owned();
    let nothing = || SimpleExpr::Keyword(Keyword::Null);
    let resources = Query::select()
        .expr_as(nothing(), Alias::new(CLIENT))
        .expr_as(Expr::col(ResourceId), Alias::new(RESOURCE))
        .from_subquery(there, Alias::new("there"))
        .to_owned();
    Query::select()
        .expr_as(Expr::col(ClientId), Alias::new(CLIENT))
        .expr_as(nothing(), Alias::new(RESOURCE))
        .from_subquery(active, Alias::new("active"))
        .union(UnionType::All, resources)
        .to_owned()
}
