//! The families keeper: queues requests and commits them in batches.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use entities::cascade::{self, Reach};
use entities::{Store, StoreError, audit_event, family};
use uuid::Uuid;

use super::commit::{Outcome, rotate_all};
use super::state::Refusal;
use super::{RevokeFamily, Rotate};
use crate::audit::Event;
use crate::denials::Denials;
use crate::revocations;
use crate::runtime::{
    Answer, Ask, AskError, Desk, Environment, Handle, Keeper, Letter, Queue, Receive,
};

/// Rotations in one transaction at most.
const BATCH: usize = 64;

/// The word under which a family its client gave back is filed.
const BY_CLIENT: &str = "revoked_by_client";

/// How long tokens live.
#[derive(Debug, Clone, Copy)]
pub struct FamilySettings {
    /// How long the token just rotated may be presented once more.
    pub grace: Duration,
    /// Life of the access tokens handed out.
    pub access_lifetime: Duration,
    /// Sliding life of a refresh token.
    pub refresh_lifetime: Duration,
}

/// Owns the rotation of refresh families.
#[derive(Debug)]
pub struct Families {
    store: Store,
    environment: Environment,
    settings: FamilySettings,
    denials: Denials,
    queue: Queue<Letter<Rotate>>,
}

impl Families {
    /// A keeper over `store`.
    #[must_use]
    pub fn new(
        store: Store,
        environment: Environment,
        settings: FamilySettings,
        denials: Denials,
    ) -> Families {
        let queue = Queue::with_batches_of(BATCH);
        Families { store, environment, settings, denials, queue }
    }

    fn commit_next_batch(&mut self, desk: &mut Desk<'_, Self>) {
        let Some(letters) = self.queue.next_batch() else { return };
        let (requests, answers): (Vec<Rotate>, Vec<Answer<_>>) =
            letters.into_iter().filter_map(Letter::open).unzip();
        metrics::histogram!("authserver_keeper_batch_size", "keeper" => Self::NAME)
            .record(u32::try_from(requests.len()).unwrap_or(u32::MAX));
        let (store, environment, settings) =
            (self.store.clone(), self.environment.clone(), self.settings);
        let denials = self.denials.clone();
        let work = async move {
            rotate_all(&store, &environment, settings, &denials, requests.into()).await
        };
        desk.spawn(work, move |keeper, outcomes, desk| {
            for (outcome, answer) in outcomes.into_iter().zip(answers) {
                count(&outcome);
                answer.give(outcome);
            }
            keeper.queue.batch_done();
            keeper.commit_next_batch(desk);
        });
    }
}

/// Counts what is committed.
fn count(outcome: &Outcome) {
    match outcome {
        Ok(Ok(rotated)) => {
            metrics::counter!("authserver_tokens_refreshed_total").increment(1);
            if rotated.replayed {
                metrics::counter!("authserver_refresh_token_replayed_in_grace_total").increment(1);
            }
        }
        Ok(Err(Refusal::Misused(_))) => {
            metrics::counter!("authserver_refresh_token_reuse_total").increment(1);
            revocations::count_one("reuse_detection");
        }
        Ok(Err(_)) | Err(_) => {}
    }
}

impl Keeper for Families {
    const NAME: &'static str = "families";
    const CAPACITY: usize = 1024;
}

impl Receive<Rotate> for Families {
    fn receive(&mut self, letter: Letter<Rotate>, desk: &mut Desk<'_, Self>) {
        self.queue.push(letter);
        self.commit_next_batch(desk);
    }
}

impl Receive<RevokeFamily> for Families {
    fn receive(&mut self, letter: Letter<RevokeFamily>, desk: &mut Desk<'_, Self>) {
        let Some((order, answer)) = letter.open() else { return };
        let (store, environment) = (self.store.clone(), self.environment.clone());
        desk.spawn(async move { revoke(&store, environment, order).await }, |_, outcome, _| {
            let count = |reach: &Option<Reach>| {
                revocations::count(BY_CLIENT, reach.unwrap_or_default());
            };
            answer.give(outcome.inspect(count));
        });
    }
}

async fn revoke(
    store: &Store,
    environment: Environment,
    order: RevokeFamily,
) -> Result<Option<Reach>, StoreError> {
    store
        .write(move |transaction| {
            Box::pin(async move {
                let family = family::find(transaction, order.family).await?;
                if family.is_none_or(|family| family.client_id != order.client_id) {
                    return Ok(None);
                }
                let now = environment.now();
                let reach =
                    cascade::revoke_family(transaction, order.family, BY_CLIENT, now).await?;
                if reach.is_something() {
                    let event = Event::new("token.revoked", &order.origin)
                        .client(&order.client_id)
                        .with("family", order.family);
                    audit_event::append(transaction, vec![event.stamped(&environment)]).await?;
                }
                Ok(Some(reach))
            })
        })
        .await
}

/// The family keepers of one server. All requests about a family go to the same one,
/// so that simultaneous uses of a token meet in one batch instead of in the database.
#[derive(Clone)]
pub struct Shards(Arc<[Handle<Families>]>);

impl Shards {
    /// Over these keepers, at least one.
    #[must_use]
    pub fn new(keepers: Vec<Handle<Families>>) -> Shards {
        Shards(keepers.into())
    }

    /// Asks the keeper of `family`.
    ///
    /// # Errors
    /// As [`Handle::ask`].
    pub async fn ask<M: Ask>(&self, family: Uuid, message: M) -> Result<M::Reply, AskError>
    where
        Families: Receive<M>,
    {
        // The random tail of a UUIDv7 spreads families evenly.
        let shard = usize::from(family.as_bytes()[15]) % self.0.len().max(1);
        match self.0.get(shard) {
            Some(keeper) => keeper.ask(message).await,
            None => Err(AskError::Down { keeper: Families::NAME }),
        }
    }
}

impl fmt::Debug for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shards({})", self.0.len())
    }
}
