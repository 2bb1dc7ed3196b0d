//! Sweeping, step by step: each step is one short transaction, so that whoever waits for
//! the writer does not wait long. The janitor does the steps at leisure, `authserver
//! purge` one after the other.

use chrono::{DateTime, TimeDelta, Utc};
use entities::store::Turn;
use entities::sweep::Expiring;
use entities::unused_client::{self, Registered};
use entities::{ConnectionTrait, Store, StoreError, audit_event, catalog_version, resource};

use super::retention::{Retention, span};
use crate::audit::{Event, Origin};
use crate::runtime::Environment;

/// Rows deleted in one step at most.
const BATCH: u64 = 500;
/// Clients looked at in one step at most. Most of them are used, and reading holds
/// nobody up.
const CLIENTS_SEEN: u64 = 2000;
/// Clients deleted in one step at most: the audit row names them all.
const CLIENTS_DELETED: usize = 100;

/// How long an unused client is kept in a crowd: a flood of registrations must not fill the
/// disk for a month. Nobody is refused for it, and it is long enough for a person to finish a
/// sign-in that was begun with a new client.
const CROWDED_KEPT: TimeDelta = TimeDelta::hours(1);

/// A kind of row that is swept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chore {
    /// Rows of a table that have expired.
    Expired(Expiring),
    /// Clients that registered themselves and that nobody uses.
    UnusedClients,
}

impl Chore {
    /// All of them, in the order they are done: what frees a client goes first.
    pub fn all() -> impl Iterator<Item = Chore> {
        Expiring::ALL.into_iter().map(Chore::Expired).chain([Chore::UnusedClients])
    }

    /// The table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Chore::Expired(table) => table.as_str(),
            Chore::UnusedClients => "clients",
        }
    }
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many rows went, and there may be more.
    Swept(u64),
    /// So many rows went, and that is all for now.
    Last(u64),
    /// Another process is at it.
    Taken,
}

/// Sweeps, and remembers how far it came.
#[derive(Debug, Clone)]
pub struct Sweeper {
    store: Store,
    environment: Environment,
    retention: Retention,
    /// The client that was looked at last; none at the beginning of a round.
    seen: Option<Registered>,
    /// Whether there were too many clients when the round began.
    crowded: bool,
}

impl Sweeper {
    /// A sweeper over `store`.
    #[must_use]
    pub fn new(store: Store, environment: Environment, retention: Retention) -> Sweeper {
        Sweeper { store, environment, retention, seen: None, crowded: false }
    }

    /// The same, at the beginning of a round.
    pub(super) fn afresh(&self) -> Sweeper {
        Sweeper { seen: None, ..self.clone() }
    }

    /// Does one step of `chore`.
    ///
    /// # Errors
    /// When the store fails; the step has not happened then, and can be tried again.
    pub async fn step(&mut self, chore: Chore) -> Result<Step, StoreError> {
        let step = match chore {
            Chore::Expired(table) => self.expired(table).await,
            Chore::UnusedClients => self.unused_clients().await,
        }?;
        if let Step::Swept(rows @ 1..) | Step::Last(rows @ 1..) = step {
            metrics::counter!("authserver_rows_swept_total", "table" => chore.as_str())
                .increment(rows);
        }
        Ok(step)
    }

    async fn expired(&self, table: Expiring) -> Result<Step, StoreError> {
        let Some(kept) = self.retention.kept_for(table) else { return Ok(Step::Last(0)) };
        let Some(before) = self.environment.now().checked_sub_signed(kept) else {
            return Ok(Step::Last(0));
        };
        let turns = self.store.clone();
        let swept = self.store.write(move |transaction| {
            Box::pin(async move {
                if !turns.claim_turn(transaction, Turn::Sweep).await? {
                    return Ok(None);
                }
                table.sweep(transaction, before, BATCH).await.map(Some)
            })
        });
        Ok(match swept.await? {
            None => Step::Taken,
            Some(rows) if rows < BATCH => Step::Last(rows),
            Some(rows) => Step::Swept(rows),
        })
    }

    /// Goes round the clients, the oldest first. Those that are used are passed over for
    /// as long as they are, so each round begins where the last step ended.
    async fn unused_clients(&mut self) -> Result<Step, StoreError> {
        let Some(kept) = self.retention.unused_clients else { return Ok(Step::Last(0)) };
        if self.seen.is_none() {
            let crowd = self.retention.crowd;
            let question = |db| async move { unused_client::are_more_than(&db, crowd).await };
            self.crowded = self.store.read(question).await?;
        }
        let kept = if self.crowded { span(kept).min(CROWDED_KEPT) } else { span(kept) };
        let Some(before) = self.environment.now().checked_sub_signed(kept) else {
            return Ok(Step::Last(0));
        };
        let found = find_unused(&self.store, self.seen.take(), before).await?;
        let swept = if found.unused.is_empty() {
            Some(0)
        } else {
            delete_unused(&self.store, &self.environment, found.unused).await?
        };
        let Some(swept) = swept else { return Ok(Step::Taken) };
        self.seen = found.last;
        Ok(if self.seen.is_some() { Step::Swept(swept) } else { Step::Last(swept) })
    }
}

/// What one look at the clients found.
struct Found {
    unused: Vec<String>,
    /// Where the next look begins; none when this was the last of a round.
    last: Option<Registered>,
}

async fn find_unused(
    store: &Store,
    seen: Option<Registered>,
    before: DateTime<Utc>,
) -> Result<Found, StoreError> {
    store
        .read(move |db| async move {
            let page =
                unused_client::registered_after(&db, seen.as_ref(), before, CLIENTS_SEEN).await?;
            let whole = u64::try_from(page.len()).is_ok_and(|seen| seen == CLIENTS_SEEN);
            let mut last = page.last().filter(|_| whole).cloned();
            let ids: Vec<String> = page.iter().map(|(_, id)| id.clone()).collect();
            let mut unused = unused_client::among(&db, ids).await?;
            if !unused.is_empty() {
                // Looked at again when they are deleted. Here it is for the sake of the catalog:
                // its version moves with each attempt to delete, and every replica's cache with it.
                let named = named_in_policies(&db).await?;
                unused.retain(|id| !named.contains(id));
            }
            if unused.len() > CLIENTS_DELETED {
                // The oldest of them; the next look begins behind the last of those.
                let order: Vec<&Registered> =
                    page.iter().filter(|(_, id)| unused.contains(id)).collect();
                last = order.get(CLIENTS_DELETED - 1).map(|it| (*it).clone());
                unused = order.iter().take(CLIENTS_DELETED).map(|(_, id)| id.clone()).collect();
            }
            Ok(Found { unused, last })
        })
        .await
}

/// Deletes what is unused still; none when another process has the turn. A client that an
/// operator named in a resource's policy is used, also if nobody ever signed in with it.
async fn delete_unused(
    store: &Store,
    environment: &Environment,
    ids: Vec<String>,
) -> Result<Option<u64>, StoreError> {
    let (turns, environment) = (store.clone(), environment.clone());
    store
        .write(move |transaction| {
            Box::pin(async move {
                if !turns.claim_turn(transaction, Turn::Sweep).await? {
                    return Ok(None);
                }
                // First, as every change of the catalog: they queue up here.
                catalog_version::advance(transaction).await?;
                let named = named_in_policies(transaction).await?;
                let ids = ids.into_iter().filter(|id| !named.contains(id)).collect();
                let gone = unused_client::delete(transaction, ids).await?;
                if !gone.is_empty() {
                    let event = Event::new("client.swept", &Origin::local())
                        .by("janitor")
                        .with("count", gone.len())
                        .with("clients", gone.join(","));
                    audit_event::append(transaction, vec![event.stamped(&environment)]).await?;
                }
                Ok(Some(u64::try_from(gone.len()).unwrap_or(u64::MAX)))
            })
        })
        .await
}

async fn named_in_policies<C: ConnectionTrait>(db: &C) -> Result<Vec<String>, StoreError> {
    let resources = resource::all_mint(db).await?;
    let named = |policy: protocol::resource::ResourcePolicy| {
        policy.runtime.client_ids.into_iter().chain(policy.exchange.allowed_client_ids)
    };
    Ok(resources.into_iter().flat_map(|resource| named(resource.policy)).collect())
}
