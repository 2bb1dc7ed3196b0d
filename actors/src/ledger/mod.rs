//! The ledger: issuances and audit, append only.
//!
//! The mailbox is the batch: whatever arrives while one commit is under way is
//! written by the next, and every answer leaves after its commit. Keepers that change
//! state of their own write their issuances and audit rows in *their* transaction;
//! what comes here is everything else. If it cannot be written, the request fails:
//! nothing happens that the log does not know.

mod inquiries;

use std::collections::HashMap;

use entities::audit_event;
use entities::cascade::{self, Reach};
use entities::issuance::{self, Model, NewIssuance};
use entities::{Store, StoreError};
use uuid::Uuid;

pub use inquiries::{
    Issuances, ListIssuances, QueryAudit, RevokeAnyIssuance, RevokeTokensOfUser, Stock, TakeStock,
};

use crate::audit::{Event, Origin};
use crate::runtime::{Answer, Ask, Desk, Environment, Keeper, Letter, Queue, Receive};

/// Records in one transaction, and look-ups in one query, at most.
const BATCH: usize = 256;

/// The word under which a token its client gave back is filed.
const BY_CLIENT: &str = "revoked_by_client";

/// "Write this down." Answered after the commit.
#[derive(Debug, Clone)]
pub struct Record {
    /// A token about to be handed out.
    pub issuance: Option<NewIssuance>,
    /// What happened.
    pub event: Event,
}

impl Ask for Record {
    type Reply = Result<(), StoreError>;
}

/// "Is the token with this `jti` good?" It is when it was issued, nobody revoked it, and
/// its client and its user are in good standing, as the database has it this moment.
#[derive(Debug, Clone, Copy)]
pub struct FindGood(pub Uuid);

impl Ask for FindGood {
    type Reply = Result<Option<Model>, StoreError>;
}

/// "Revoke this access token, if it belongs to this client."
#[derive(Debug, Clone)]
pub struct RevokeIssuance {
    /// The token.
    pub jti: Uuid,
    /// Whose it must be.
    pub client_id: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for RevokeIssuance {
    type Reply = Result<Reach, StoreError>;
}

/// Owns issuances and audit.
#[derive(Debug)]
pub struct Ledger {
    store: Store,
    environment: Environment,
    records: Queue<Letter<Record>>,
    lookups: Queue<Letter<FindGood>>,
}

impl Ledger {
    /// A keeper over `store`.
    #[must_use]
    pub fn new(store: Store, environment: Environment) -> Ledger {
        Ledger {
            store,
            environment,
            records: Queue::with_batches_of(BATCH),
            lookups: Queue::with_batches_of(BATCH),
        }
    }

    fn commit_next_batch(&mut self, desk: &mut Desk<'_, Self>) {
        let Some(letters) = self.records.next_batch() else { return };
        let (records, answers): (Vec<Record>, Vec<Answer<_>>) =
            letters.into_iter().filter_map(Letter::open).unzip();
        metrics::histogram!("authserver_keeper_batch_size", "keeper" => Self::NAME)
            .record(u32::try_from(records.len()).unwrap_or(u32::MAX));
        let (store, environment) = (self.store.clone(), self.environment.clone());
        desk.spawn(
            async move { write_all(&store, &environment, records).await },
            move |ledger, outcome, desk| {
                for answer in answers {
                    answer.give(outcome.clone());
                }
                ledger.records.batch_done();
                ledger.commit_next_batch(desk);
            },
        );
    }

    fn answer_next_lookups(&mut self, desk: &mut Desk<'_, Self>) {
        let Some(letters) = self.lookups.next_batch() else { return };
        let (wanted, answers): (Vec<FindGood>, Vec<Answer<_>>) =
            letters.into_iter().filter_map(Letter::open).unzip();
        let store = self.store.clone();
        let jtis: Vec<Uuid> = wanted.iter().map(|ask| ask.0).collect();
        desk.spawn(
            async move {
                store.read(|db| async move { issuance::find_good(&db, jtis).await }).await
            },
            move |ledger, found, desk| {
                answer_lookups(found, wanted, answers);
                ledger.lookups.batch_done();
                ledger.answer_next_lookups(desk);
            },
        );
    }
}

async fn write_all(
    store: &Store,
    environment: &Environment,
    records: Vec<Record>,
) -> Result<(), StoreError> {
    let mut issuances = Vec::new();
    let mut events = Vec::with_capacity(records.len());
    for record in records {
        issuances.extend(record.issuance);
        events.push(record.event.stamped(environment));
    }
    store
        .write(move |transaction| {
            Box::pin(async move {
                issuance::insert_all(transaction, issuances).await?;
                audit_event::append(transaction, events).await
            })
        })
        .await
}

fn answer_lookups(
    found: Result<Vec<Model>, StoreError>,
    wanted: Vec<FindGood>,
    answers: Vec<Answer<Result<Option<Model>, StoreError>>>,
) {
    let found = found
        .map(|rows| rows.into_iter().map(|row| (row.jti, row)).collect::<HashMap<Uuid, Model>>());
    for (FindGood(jti), answer) in wanted.into_iter().zip(answers) {
        answer.give(found.as_ref().map(|rows| rows.get(&jti).cloned()).map_err(Clone::clone));
    }
}

impl Keeper for Ledger {
    const NAME: &'static str = "ledger";
    const CAPACITY: usize = 2048;
}

impl Receive<Record> for Ledger {
    fn receive(&mut self, letter: Letter<Record>, desk: &mut Desk<'_, Self>) {
        self.records.push(letter);
        self.commit_next_batch(desk);
    }
}

impl Receive<FindGood> for Ledger {
    fn receive(&mut self, letter: Letter<FindGood>, desk: &mut Desk<'_, Self>) {
        self.lookups.push(letter);
        self.answer_next_lookups(desk);
    }
}

impl Receive<RevokeIssuance> for Ledger {
    fn receive(&mut self, letter: Letter<RevokeIssuance>, desk: &mut Desk<'_, Self>) {
        let Some((order, answer)) = letter.open() else { return };
        let (store, environment) = (self.store.clone(), self.environment.clone());
        desk.spawn(async move { revoke(&store, environment, order).await }, |_, outcome, _| {
            if outcome.as_ref().is_ok_and(|reach| reach.is_something()) {
                metrics::counter!("authserver_tokens_revoked_total", "reason" => BY_CLIENT)
                    .increment(1);
            }
            answer.give(outcome);
        });
    }
}

async fn revoke(
    store: &Store,
    environment: Environment,
    order: RevokeIssuance,
) -> Result<Reach, StoreError> {
    store
        .write(move |transaction| {
            Box::pin(async move {
                let found = issuance::find_all(transaction, vec![order.jti]).await?;
                if found.iter().all(|token| token.client_id != order.client_id) {
                    return Ok(Reach::default());
                }
                let now = environment.now();
                let reach =
                    cascade::revoke_issuance(transaction, order.jti, BY_CLIENT, now).await?;
                if reach.is_something() {
                    let event = Event::new("token.revoked", &order.origin)
                        .client(&order.client_id)
                        .with("jti", order.jti);
                    audit_event::append(transaction, vec![event.stamped(&environment)]).await?;
                }
                Ok(reach)
            })
        })
        .await
}
