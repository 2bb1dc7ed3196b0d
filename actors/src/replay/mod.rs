//! What may be used once is used once: the `jti` of client assertions, and of DPoP proofs.
//!
//! Whoever presents such a thing asks to spend it. The mailbox is the batch: what arrives
//! while one commit is under way is inserted by the next, in one statement, so that a
//! proof with every request costs a share of a commit. The promise is the table's unique
//! key and holds over all replicas; the keeper only makes it cheap. So does the ledger, which
//! spends the proofs of the tokens it writes down in the same transaction.
//!
//! Spend what has been verified and nothing else: who could spend what is not theirs
//! could keep the owner from using it.

use std::collections::HashSet;

use entities::{Store, StoreError, replay};
use protocol::replay::OneTimeUse;

use crate::runtime::{Answer, Ask, Desk, Keeper, Letter, Queue, Receive};

/// Uses in one statement at most.
const BATCH: usize = 256;

/// "I am about to rely on this. Has anybody before?" Answered after the commit.
#[derive(Debug, Clone, Copy)]
pub struct Spend(pub OneTimeUse);

impl Ask for Spend {
    /// An error means that nothing may be relied on.
    type Reply = Result<Spent, StoreError>;
}

/// Whether a use was the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Spent {
    /// Nobody used it before, and nobody will again.
    Now,
    /// Somebody did.
    Before,
}

/// Owns what was used.
#[derive(Debug)]
pub struct Replay {
    store: Store,
    waiting: Queue<Letter<Spend>>,
}

impl Replay {
    /// A keeper over `store`.
    #[must_use]
    pub fn new(store: Store) -> Replay {
        Replay { store, waiting: Queue::with_batches_of(BATCH) }
    }

    fn commit_next_batch(&mut self, desk: &mut Desk<'_, Self>) {
        let Some(letters) = self.waiting.next_batch() else { return };
        let opened: Vec<_> = letters.into_iter().filter_map(Letter::open).collect();
        metrics::histogram!("authserver_keeper_batch_size", "keeper" => Self::NAME)
            .record(u32::try_from(opened.len()).unwrap_or(u32::MAX));
        let store = self.store.clone();
        let uses: Vec<OneTimeUse> = opened.iter().map(|(Spend(wanted), _)| *wanted).collect();
        desk.spawn(async move { remember(&store, uses).await }, move |keeper, outcome, desk| {
            answer_all(opened, outcome);
            keeper.waiting.batch_done();
            keeper.commit_next_batch(desk);
        });
    }
}

async fn remember(store: &Store, uses: Vec<OneTimeUse>) -> Result<HashSet<[u8; 32]>, StoreError> {
    if uses.is_empty() {
        return Ok(HashSet::new());
    }
    store
        .write(move |transaction| {
            Box::pin(async move { replay::spend_all(transaction, uses.into_iter()).await })
        })
        .await
}

/// Of several who asked for the same in one batch, the first gets it.
fn answer_all(
    opened: Vec<(Spend, Answer<Result<Spent, StoreError>>)>,
    outcome: Result<HashSet<[u8; 32]>, StoreError>,
) {
    let mut left = outcome;
    for (Spend(wanted), answer) in opened {
        let first = left.as_mut().map(|new| new.remove(&wanted.key));
        answer.give(match first {
            Ok(true) => Ok(Spent::Now),
            Ok(false) => Ok(Spent::Before),
            Err(error) => Err(error.clone()),
        });
    }
}

impl Keeper for Replay {
    const NAME: &'static str = "replay";
    const CAPACITY: usize = 4096;
}

impl Receive<Spend> for Replay {
    fn receive(&mut self, letter: Letter<Spend>, desk: &mut Desk<'_, Self>) {
        self.waiting.push(letter);
        self.commit_next_batch(desk);
    }
}
