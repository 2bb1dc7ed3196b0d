//! Clients that registered themselves and that nobody uses.
//!
//! Anybody may register a client, and some programs do so at each start. One that has no
//! row anywhere else is of no use to anybody after a while. Everything a client ever gets
//! begins with an authorization request: who adds one holds the client's row with
//! [`hold_for_use`], who deletes clients holds it with [`delete`] and looks again. So a
//! client that is used at that moment stays, or is gone before it is used.

use chrono::{DateTime, Utc};
use protocol::client::RegistrationSource;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _, LockBehavior, LockType, Query, SelectStatement};
use sea_orm::{Condition, QueryOrder as _, QuerySelect as _};

use crate::StoreError;
use crate::{authorization_code, authorization_request, client, consent_grant, family, issuance};
use client::Column;

/// A client that registered itself: when, and its id. In this order they are looked at.
pub type Registered = (DateTime<Utc>, String);

/// Up to `limit` clients that registered themselves before `before`, the oldest after
/// `last` first, used or not.
///
/// # Errors
/// When the store fails.
pub async fn registered_after<C: ConnectionTrait>(
    db: &C,
    last: Option<&Registered>,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Registered>, StoreError> {
    let mut clients = client::Entity::find()
        .select_only()
        .columns([Column::CreatedAt, Column::Id])
        .filter(Column::Source.eq(RegistrationSource::Dcr.as_str()))
        .filter(Column::CreatedAt.lt(before));
    if let Some((created_at, id)) = last {
        let passed = Column::CreatedAt.eq(*created_at).and(Column::Id.lte(id.as_str()));
        clients = clients.filter(Column::CreatedAt.gte(*created_at)).filter(passed.not());
    }
    let clients = clients.order_by_asc(Column::CreatedAt).order_by_asc(Column::Id).limit(limit);
    Ok(clients.into_tuple().all(db).await?)
}

/// Whether more than `most` clients registered themselves, used or not.
///
/// # Errors
/// When the store fails.
pub async fn are_more_than<C: ConnectionTrait>(db: &C, most: u64) -> Result<bool, StoreError> {
    let one_too_many = client::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Source.eq(RegistrationSource::Dcr.as_str()))
        .offset(most)
        .limit(1);
    Ok(one_too_many.into_tuple::<String>().one(db).await?.is_some())
}

/// Those of `ids` that no consent, family, issuance, code or pending request names.
///
/// # Errors
/// When the store fails.
pub async fn among<C: ConnectionTrait>(
    db: &C,
    ids: Vec<String>,
) -> Result<Vec<String>, StoreError> {
    let nowhere = Condition::any()
        .add(Expr::exists(naming::<authorization_request::Entity>(
            authorization_request::Column::ClientId,
        )))
        .add(Expr::exists(naming::<authorization_code::Entity>(
            authorization_code::Column::ClientId,
        )))
        .add(Expr::exists(naming::<consent_grant::Entity>(consent_grant::Column::ClientId)))
        .add(Expr::exists(naming::<family::Entity>(family::Column::ClientId)))
        .add(Expr::exists(naming::<issuance::Entity>(issuance::Column::ClientId)))
        .not();
    Ok(client::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.is_in(ids))
        .filter(nowhere)
        .into_tuple()
        .all(db)
        .await?)
}

/// Rows of another table that name the client of the outer query.
fn naming<E: EntityTrait>(client_id: E::Column) -> SelectStatement {
    Query::select()
        .expr(Expr::val(1))
        .from(E::default())
        .and_where(Expr::col((E::default(), client_id)).equals((client::Entity, Column::Id)))
        .to_owned()
}

/// Deletes those of `ids` that are unused still; which they were. Clients that somebody
/// holds at this moment are passed over.
///
/// # Errors
/// When the store fails.
pub async fn delete<C: ConnectionTrait>(
    db: &C,
    ids: Vec<String>,
) -> Result<Vec<String>, StoreError> {
    let held: Vec<String> = client::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.is_in(ids))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .into_tuple()
        .all(db)
        .await?;
    // A second statement, so that it sees what was committed before the rows were held.
    let unused = among(db, held).await?;
    client::Entity::delete_many().filter(Column::Id.is_in(unused.clone())).exec(db).await?;
    Ok(unused)
}

/// Whether there is such a client; it cannot be deleted until the transaction is over.
///
/// # Errors
/// When the store fails.
pub async fn hold_for_use<C: ConnectionTrait>(db: &C, id: &str) -> Result<bool, StoreError> {
    let held: Option<String> = client::Entity::find_by_id(id)
        .select_only()
        .column(Column::Id)
        .lock(LockType::KeyShare)
        .into_tuple()
        .one(db)
        .await?;
    Ok(held.is_some())
}
