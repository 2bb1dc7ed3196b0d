//! The ledger: issuances and audit, append only.
//!
//! The mailbox is the batch: whatever arrives while one batch is written goes into the
//! next, and every answer leaves after its commit. Keepers that change
//! state of their own write their issuances and audit rows in *their* transaction;
//! what comes here is everything else. A token is written down only if its client, its user
//! and all that an exchange rests on are in good standing in that very transaction. If it
//! cannot be written, the request fails: nothing happens that the log does not know.

mod exchange;
mod good;
mod inquiries;
mod standing;

use std::collections::HashSet;

use entities::audit_event::{self, NewEvent};
use entities::cascade::{self, Reach};
use entities::issuance::{self, NewIssuance};
use entities::{Store, StoreError, replay};
use protocol::dpop::Proven;
use protocol::replay::OneTimeUse;
use tokio::sync::oneshot;
use uuid::Uuid;

pub use exchange::{Asking, Basis, Exchange, Exchanged, Presented, Refused};
pub use standing::Withdrawn;

use good::Good;
use standing::Standing;

pub use inquiries::{
    Issuances, ListIssuances, QueryAudit, RevokeAnyIssuance, RevokeTokensOfUser, Stock, TakeStock,
};

use crate::audit::{Event, Origin};
use crate::revocations;
use crate::runtime::{Answer, Ask, Desk, Environment, Keeper, Letter, Queue, Receive};

/// Records in one transaction, and look-ups in one query, at most.
const BATCH: usize = 256;

/// Batches on their way at a time: one that is written, and one that comes to the disk. Were they
/// not bounded, a database that is slow to commit would soon have all connections waiting for it,
/// those included that others read with.
const ABREAST: usize = 2;

/// The word under which a token its client gave back is filed.
const BY_CLIENT: &str = "revoked_by_client";

/// "Write this down." Answered after the commit.
#[derive(Debug, Clone)]
pub struct Record {
    /// What happened.
    pub event: Event,
}

impl Ask for Record {
    type Reply = Result<(), StoreError>;
}

/// "Write down that this token is handed out, if those behind it are in good standing."
/// Answered after the commit.
#[derive(Debug, Clone)]
pub struct Issue {
    /// The token about to be handed out.
    pub issuance: NewIssuance,
    /// The proof of possession that it is issued for, which gets one token.
    pub spends: Option<OneTimeUse>,
    /// What the audit log says then.
    pub event: Event,
}

impl Ask for Issue {
    /// What it cannot rest on any more, if anything; nothing was written down then.
    type Reply = Result<Result<(), Withdrawn>, StoreError>;
}

/// What waits to be written down.
#[derive(Debug)]
enum Entry {
    Note(Letter<Record>),
    Token(Letter<Issue>),
    Exchange(Letter<Exchange>),
}

/// Messages of one kind in a batch, and where their answers go.
#[derive(Debug)]
struct Opened<M: Ask> {
    messages: Vec<M>,
    answers: Vec<Answer<M::Reply>>,
}

impl<M: Ask> Default for Opened<M> {
    fn default() -> Opened<M> {
        Opened { messages: Vec::new(), answers: Vec::new() }
    }
}

impl<M: Ask> Opened<M> {
    fn add(&mut self, letter: Letter<M>) {
        if let Some((message, answer)) = letter.open() {
            self.messages.push(message);
            self.answers.push(answer);
        }
    }
}

/// What is written down in one transaction.
#[derive(Debug, Default)]
struct Batch {
    notes: Opened<Record>,
    tokens: Opened<Issue>,
    exchanges: Opened<Exchange>,
}

impl Batch {
    fn open(entries: Vec<Entry>) -> Batch {
        let mut batch = Batch::default();
        for entry in entries {
            match entry {
                Entry::Note(letter) => batch.notes.add(letter),
                Entry::Token(letter) => batch.tokens.add(letter),
                Entry::Exchange(letter) => batch.exchanges.add(letter),
            }
        }
        batch
    }
}

/// Gives everybody their answer, or all of them the error.
fn answer_all<T>(answers: Vec<Answer<Result<T, StoreError>>>, outcome: Result<Vec<T>, StoreError>) {
    match outcome {
        Ok(settled) => {
            for (answer, settled) in answers.into_iter().zip(settled) {
                answer.give(Ok(settled));
            }
        }
        Err(error) => {
            for answer in answers {
                answer.give(Err(error.clone()));
            }
        }
    }
}

/// "Is the token with this `jti` good?" It is when it was issued, nobody revoked it, and
/// its client and its user are in good standing, as the database has it this moment.
#[derive(Debug, Clone, Copy)]
pub struct IsGood(pub Uuid);

impl Ask for IsGood {
    type Reply = Result<bool, StoreError>;
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
    records: Queue<Entry>,
    /// Batches that are not committed yet.
    uncommitted: usize,
    lookups: Queue<Letter<IsGood>>,
    good: Good,
}

impl Ledger {
    /// A keeper over `store`.
    #[must_use]
    pub fn new(store: Store, environment: Environment) -> Ledger {
        Ledger {
            store,
            environment,
            records: Queue::with_batches_of(BATCH),
            uncommitted: 0,
            lookups: Queue::with_batches_of(BATCH),
            good: Good::default(),
        }
    }

    fn commit_next_batch(&mut self, desk: &mut Desk<'_, Self>) {
        if self.uncommitted == ABREAST {
            return;
        }
        let Some(entries) = self.records.next_batch() else { return };
        self.uncommitted += 1;
        let Batch { notes, tokens, exchanges } = Batch::open(entries);
        let size = notes.messages.len() + tokens.messages.len() + exchanges.messages.len();
        metrics::histogram!("authserver_keeper_batch_size", "keeper" => Self::NAME)
            .record(u32::try_from(size).unwrap_or(u32::MAX));
        let (store, environment) = (self.store.clone(), self.environment.clone());
        let (written, is_written) = oneshot::channel();
        // While this batch comes to the disk the next one is written. Nobody is answered before
        // their own commit.
        desk.spawn(is_written, |ledger, _, desk| {
            ledger.records.batch_done();
            ledger.commit_next_batch(desk);
        });
        let page =
            Page { notes: notes.messages, tokens: tokens.messages, exchanges: exchanges.messages };
        let noted = page.notes.len();
        desk.spawn(
            async move { page.write(&store, environment, written).await },
            move |ledger, outcome, desk| {
                let (of_tokens, of_exchanges) = outcome.map_or_else(
                    |error| (Err(error.clone()), Err(error)),
                    |settled| (Ok(settled.tokens), Ok(settled.exchanges)),
                );
                answer_all(
                    notes.answers,
                    of_tokens.as_ref().map(|_| vec![(); noted]).map_err(Clone::clone),
                );
                answer_all(tokens.answers, of_tokens);
                answer_all(exchanges.answers, of_exchanges);
                ledger.uncommitted -= 1;
                ledger.commit_next_batch(desk);
            },
        );
    }

    fn answer_next_lookups(&mut self, desk: &mut Desk<'_, Self>) {
        let Some(letters) = self.lookups.next_batch() else { return };
        let (wanted, answers): (Vec<IsGood>, Vec<Answer<_>>) =
            letters.into_iter().filter_map(Letter::open).unzip();
        let jtis: Vec<Uuid> = wanted.iter().map(|ask| ask.0).collect();
        desk.spawn(self.good.look(self.store.clone(), jtis), move |ledger, look, desk| {
            let learned = look.map(|look| ledger.good.learn(look));
            for (IsGood(jti), answer) in wanted.into_iter().zip(answers) {
                answer.give(learned.clone().map(|()| ledger.good.has(jti)));
            }
            ledger.lookups.batch_done();
            ledger.answer_next_lookups(desk);
        });
    }
}

/// What is to be written down in one transaction.
struct Page {
    notes: Vec<Record>,
    tokens: Vec<Issue>,
    exchanges: Vec<Exchange>,
}

/// What became of it, each in the order it came in.
#[derive(Default)]
struct Settled {
    tokens: Vec<Result<(), Withdrawn>>,
    exchanges: Vec<Result<Exchanged, Refused>>,
}

impl Page {
    /// Writes the notes, and those of the tokens that nothing stands in the way of. `written` is
    /// told, or dropped, when all that is left is the commit.
    async fn write(
        self,
        store: &Store,
        environment: Environment,
        written: oneshot::Sender<()>,
    ) -> Result<Settled, StoreError> {
        store
            .write(move |transaction| {
                Box::pin(async move {
                    // Before any row is held: whoever waits here for another replica that spends
                    // the same is in nobody's way.
                    let proofs = self.exchanges.iter().filter_map(|it| it.proof.as_ref());
                    let uses = self.tokens.iter().filter_map(|issue| issue.spends);
                    let uses = uses.chain(proofs.map(|proven| proven.once));
                    let unspent = replay::spend_all(transaction, uses).await?;
                    let standing = Standing::of(transaction, &self.tokens, &self.exchanges).await?;
                    let (settled, issuances, events) =
                        self.settle(unspent, &standing, &environment);
                    issuance::insert_all(transaction, issuances).await?;
                    audit_event::append(transaction, events).await?;
                    let _gone = written.send(());
                    Ok(settled)
                })
            })
            .await
    }

    fn settle(
        self,
        mut unspent: HashSet<[u8; 32]>,
        standing: &Standing,
        environment: &Environment,
    ) -> (Settled, Vec<NewIssuance>, Vec<NewEvent>) {
        let mut settled = Settled::default();
        let mut issuances = Vec::with_capacity(self.tokens.len() + self.exchanges.len());
        let mut events: Vec<NewEvent> =
            self.notes.into_iter().map(|note| note.event.stamped(environment)).collect();
        for issue in self.tokens {
            let is_spent = |once: OneTimeUse| !unspent.remove(&once.key);
            let withdrawn = match issue.spends.is_some_and(is_spent) {
                true => Some(Withdrawn::Proof),
                false => standing.objection(&issue),
            };
            settled.tokens.push(withdrawn.map_or(Ok(()), Err));
            if withdrawn.is_none() {
                issuances.push(issue.issuance);
                events.push(issue.event.stamped(environment));
            }
        }
        for exchange in self.exchanges {
            let is_spent = |proven: &Proven| !unspent.remove(&proven.once.key);
            let outcome = match exchange.proof.as_ref().is_some_and(is_spent) {
                true => Err(Refused::Proof),
                false => exchange.settle(standing, environment),
            };
            settled.exchanges.push(outcome.map(|(issuance, event, exchanged)| {
                issuances.push(issuance);
                events.push(event.stamped(environment));
                exchanged
            }));
        }
        (settled, issuances, events)
    }
}

impl Keeper for Ledger {
    const NAME: &'static str = "ledger";
    const CAPACITY: usize = 2048;
}

impl Receive<Record> for Ledger {
    fn receive(&mut self, letter: Letter<Record>, desk: &mut Desk<'_, Self>) {
        self.records.push(Entry::Note(letter));
        self.commit_next_batch(desk);
    }
}

impl Receive<Issue> for Ledger {
    fn receive(&mut self, letter: Letter<Issue>, desk: &mut Desk<'_, Self>) {
        self.records.push(Entry::Token(letter));
        self.commit_next_batch(desk);
    }
}

impl Receive<Exchange> for Ledger {
    fn receive(&mut self, letter: Letter<Exchange>, desk: &mut Desk<'_, Self>) {
        self.records.push(Entry::Exchange(letter));
        self.commit_next_batch(desk);
    }
}

impl Receive<IsGood> for Ledger {
    fn receive(&mut self, letter: Letter<IsGood>, desk: &mut Desk<'_, Self>) {
        self.lookups.push(letter);
        self.answer_next_lookups(desk);
    }
}

impl Receive<RevokeIssuance> for Ledger {
    fn receive(&mut self, letter: Letter<RevokeIssuance>, desk: &mut Desk<'_, Self>) {
        let Some((order, answer)) = letter.open() else { return };
        let (store, environment) = (self.store.clone(), self.environment.clone());
        desk.spawn(async move { revoke(&store, environment, order).await }, |_, outcome, _| {
            answer.give(outcome.inspect(|reach| revocations::count(BY_CLIENT, *reach)));
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
