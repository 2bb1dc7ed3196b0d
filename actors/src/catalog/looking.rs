//! How the catalog is brought up to date: every second, when the relay says that something
//! changed, and, while the relay hears nothing, for whoever is about to go by the catalog.

use std::fmt;

use entities::StoreError;

use super::Catalog;
use super::work;
use crate::runtime::{Ask, Desk, Letter, Queue, Receive};

/// "See to it that the view is no older than this question."
#[derive(Debug, Clone, Copy)]
pub(crate) struct CatchUp;

impl Ask for CatchUp {
    type Reply = Result<(), StoreError>;
}

/// "Load everything anew, whatever the version says."
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoadAnew;

impl Ask for LoadAnew {
    type Reply = Result<(), StoreError>;
}

/// What waits for a look at the version.
type Waiting = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Looks at the version: one at a time, each for all who asked before it began.
pub(super) struct Glances {
    waiting: Queue<Waiting>,
    /// Whether the last one failed; the log tells of the first.
    failing: bool,
}

impl Default for Glances {
    fn default() -> Glances {
        Glances { waiting: Queue::with_batches_of(usize::MAX), failing: false }
    }
}

impl fmt::Debug for Glances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Glances").field(&self.waiting).finish()
    }
}

/// Looks at the whole catalog, in the order they began.
///
/// Two looks may end the other way about than they began; what is older is not shown after
/// what is newer. Which is which the version does not say: a database that was restored from
/// a backup has an earlier one.
#[derive(Debug, Default)]
pub(super) struct Looks {
    begun: u64,
    adopted: u64,
}

impl Looks {
    pub(super) fn begin(&mut self) -> u64 {
        self.begun += 1;
        self.begun
    }

    /// Whether this look began later than all that are in the view; then it is, from now on.
    pub(super) fn is_news(&mut self, look: u64) -> bool {
        let is_news = look > self.adopted;
        self.adopted = self.adopted.max(look);
        is_news
    }
}

impl Catalog {
    /// Time has passed, and others may have changed something.
    pub(super) fn glance_by_the_clock(&mut self, desk: &mut Desk<'_, Self>) {
        if self.glances.waiting.is_idle() {
            self.catch_up(desk, |_| ());
        }
    }

    /// Does `then` when nothing in the view is older than this call, or it cannot be known.
    pub(super) fn catch_up(
        &mut self,
        desk: &mut Desk<'_, Self>,
        then: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) {
        self.glances.waiting.push(Box::new(then));
        self.glance(desk);
    }

    fn glance(&mut self, desk: &mut Desk<'_, Self>) {
        let Some(waiting) = self.glances.waiting.next_batch() else { return };
        desk.spawn(work::version(self.store.clone()), |catalog, version, desk| {
            let failed_before = catalog.glances.failing;
            catalog.glances.failing = version.is_err();
            desk.note(&version);
            match version {
                Ok(version) if version != catalog.version => {
                    catalog.reload(desk, |catalog, outcome, desk| {
                        catalog.glanced(waiting, &outcome, desk);
                    });
                }
                Ok(_) => catalog.glanced(waiting, &Ok(()), desk),
                // What is in memory may be stale and nobody could tell: clients are
                // loaded one by one again until the store answers.
                Err(error) => {
                    if !failed_before {
                        tracing::warn!(%error, "the catalog version cannot be read");
                    }
                    catalog.view.forget_clients();
                    catalog.glanced(waiting, &Err(error), desk);
                }
            }
        });
    }

    fn glanced(
        &mut self,
        waiting: Vec<Waiting>,
        outcome: &Result<(), StoreError>,
        desk: &mut Desk<'_, Self>,
    ) {
        for then in waiting {
            then(outcome.clone());
        }
        self.glances.waiting.batch_done();
        self.glance(desk);
    }
}

impl Receive<CatchUp> for Catalog {
    fn receive(&mut self, letter: Letter<CatchUp>, desk: &mut Desk<'_, Self>) {
        let Some((CatchUp, answer)) = letter.open() else { return };
        self.catch_up(desk, |outcome| answer.give(outcome));
    }
}

impl Receive<LoadAnew> for Catalog {
    fn receive(&mut self, letter: Letter<LoadAnew>, desk: &mut Desk<'_, Self>) {
        let Some((LoadAnew, answer)) = letter.open() else { return };
        self.reload(desk, |_, outcome, _| answer.give(outcome));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_began_earlier_is_not_shown_after_a_later_one() {
        let mut looks = Looks::default();
        let (first, second, third) = (looks.begin(), looks.begin(), looks.begin());
        assert!(looks.is_news(second));
        assert!(!looks.is_news(first));
        assert!(looks.is_news(third));
    }
}
