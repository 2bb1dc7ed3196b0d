//! What operators ask the ledger, and the tokens they revoke.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use entities::cascade::{self, Reach};
use entities::issuance::{self, Model as Issuance};
use entities::{Page, Store, StoreError, audit_event, client, user};
use uuid::Uuid;

use super::Ledger;
use crate::audit::{Event, Origin};
use crate::revocations;
use crate::runtime::{Ask, Environment, answered_by};

/// The word under which a token an operator revoked is filed.
const BY_ADMIN: &str = "issuance.revoked_admin";
/// The reason in the metric.
const COUNTED: &str = "admin";

/// "Which tokens were handed out?"
#[derive(Debug)]
pub struct ListIssuances {
    /// Which are meant.
    pub filter: issuance::Filter,
    /// Which part of them, newest first.
    pub page: Page,
}

impl Ask for ListIssuances {
    /// That part, and how many there are in all.
    type Reply = Result<Issuances, StoreError>;
}

/// Some issuances, and what is known about those they were made to.
#[derive(Debug, Clone, Default)]
pub struct Issuances {
    /// The rows, newest first.
    pub rows: Vec<Issuance>,
    /// Those of their clients that are agents.
    pub agents: HashSet<String>,
    /// How many rows there are in all.
    pub total: u64,
}

/// "Revoke this token, and everything exchanged from it."
#[derive(Debug)]
pub struct RevokeAnyIssuance {
    /// The token.
    pub jti: Uuid,
    /// Who orders it.
    pub admin: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for RevokeAnyIssuance {
    /// What was reached; `None` when there is no such token.
    type Reply = Result<Option<Reach>, StoreError>;
}

/// "Revoke every token of this person."
#[derive(Debug)]
pub struct RevokeTokensOfUser {
    /// The person.
    pub user_id: Uuid,
    /// Who orders it.
    pub admin: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for RevokeTokensOfUser {
    /// What was reached.
    type Reply = Result<Reach, StoreError>;
}

/// "What is in the audit log?"
#[derive(Debug)]
pub struct QueryAudit {
    /// Which rows are meant.
    pub filter: audit_event::Filter,
    /// Which part of them, newest first.
    pub page: Page,
}

impl Ask for QueryAudit {
    /// That part, and how many there are in all.
    type Reply = Result<(Vec<audit_event::Model>, u64), StoreError>;
}

/// "How much of everything is there?"
#[derive(Debug, Clone, Copy)]
pub struct TakeStock {
    /// Tokens issued before this are not counted as active.
    pub since: DateTime<Utc>,
}

impl Ask for TakeStock {
    type Reply = Result<Stock, StoreError>;
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    /// Clients, whatever their status.
    pub clients: u64,
    /// Users, disabled ones included.
    pub users: u64,
    /// Access tokens that work and were issued since the time asked about.
    pub active_tokens: u64,
    /// Access tokens that were revoked and are not swept yet.
    pub revoked_tokens: u64,
}

answered_by! { Ledger, with (store, environment):
    ListIssuances => list_issuances,
    RevokeAnyIssuance => revoke_any,
    RevokeTokensOfUser => revoke_tokens_of_user,
    QueryAudit => query_audit,
    TakeStock => take_stock,
}

async fn list_issuances(
    store: Store,
    _: Environment,
    ListIssuances { filter, page }: ListIssuances,
) -> Result<Issuances, StoreError> {
    store
        .read(move |db| async move {
            let (rows, total) = issuance::list(&db, filter, page).await?;
            let clients: HashSet<String> = rows.iter().map(|row| row.client_id.clone()).collect();
            let agents = client::agents_among(&db, clients.into_iter().collect()).await?;
            Ok(Issuances { rows, agents, total })
        })
        .await
}

async fn revoke_any(
    store: Store,
    environment: Environment,
    RevokeAnyIssuance { jti, admin, origin }: RevokeAnyIssuance,
) -> Result<Option<Reach>, StoreError> {
    let revoked = store
        .write(move |transaction| {
            Box::pin(async move {
                let found = issuance::find_all(transaction, vec![jti]).await?;
                let Some(token) = found.into_iter().next() else { return Ok(None) };
                let now = environment.now();
                let reach = cascade::revoke_issuance(transaction, jti, BY_ADMIN, now).await?;
                if reach.is_something() {
                    let event = Event::new(BY_ADMIN, &origin)
                        .by(&admin)
                        .client(&token.client_id)
                        .with("jti", jti)
                        .with("revoked_issuances", reach.issuances)
                        .stamped(&environment);
                    audit_event::append(transaction, vec![event]).await?;
                }
                Ok(Some(reach))
            })
        })
        .await;
    if let Ok(Some(reach)) = revoked {
        revocations::count(COUNTED, reach);
    }
    revoked
}

async fn revoke_tokens_of_user(
    store: Store,
    environment: Environment,
    RevokeTokensOfUser { user_id, admin, origin }: RevokeTokensOfUser,
) -> Result<Reach, StoreError> {
    let revoked = store
        .write(move |transaction| {
            Box::pin(async move {
                let now = environment.now();
                let reach =
                    cascade::revoke_tokens_of_user(transaction, user_id, BY_ADMIN, now).await?;
                if reach.is_something() {
                    let event = Event::new(BY_ADMIN, &origin)
                        .by(&admin)
                        .with("user", user_id)
                        .with("revoked_issuances", reach.issuances)
                        .with("revoked_families", reach.families)
                        .stamped(&environment);
                    audit_event::append(transaction, vec![event]).await?;
                }
                Ok(reach)
            })
        })
        .await;
    if let Ok(reach) = revoked {
        revocations::count(COUNTED, reach);
    }
    revoked
}

async fn query_audit(
    store: Store,
    _: Environment,
    QueryAudit { filter, page }: QueryAudit,
) -> Result<(Vec<audit_event::Model>, u64), StoreError> {
    store.read(move |db| async move { audit_event::list(&db, filter, page).await }).await
}

async fn take_stock(
    store: Store,
    environment: Environment,
    TakeStock { since }: TakeStock,
) -> Result<Stock, StoreError> {
    let now = environment.now();
    store
        .read(move |db| async move {
            Ok(Stock {
                clients: client::count(&db).await?,
                users: user::count(&db).await?,
                active_tokens: issuance::count_live_since(&db, since, now).await?,
                revoked_tokens: issuance::count_revoked(&db).await?,
            })
        })
        .await
}
