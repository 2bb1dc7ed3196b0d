//! What a keeper may do while it works on a message.

use std::fmt;
use std::future::Future;

use actix::fut::{ActorFutureExt as _, wrap_future};
use actix::{AsyncContext, Context};

use super::health::Pulse;
use super::shell::Shell;
use super::{Keeper, Outcome};

/// Handed to a keeper with each message: the way to start work that takes time.
pub struct Desk<'a, K: Keeper> {
    context: &'a mut Context<Shell<K>>,
    pulse: &'a Pulse,
    started: usize,
}

impl<'a, K: Keeper> Desk<'a, K> {
    pub(super) fn new(context: &'a mut Context<Shell<K>>, pulse: &'a Pulse) -> Desk<'a, K> {
        Desk { context, pulse, started: 0 }
    }

    pub(super) fn started(&self) -> usize {
        self.started
    }

    /// Takes down how work went that answers nobody, such as that of a tick.
    pub fn note(&self, outcome: &impl Outcome) {
        self.pulse.note(outcome);
    }

    /// Starts `work` beside the mailbox and hands its output back to the keeper.
    ///
    /// The keeper goes on receiving meanwhile. A panic in `work` ends the keeper,
    /// like a panic in [`super::Receive::receive`]: what it half knew is gone, and
    /// the supervisor builds a new one.
    pub fn spawn<F, T>(&mut self, work: F, then: T)
    where
        F: Future + 'static,
        T: FnOnce(&mut K, F::Output, &mut Desk<'_, K>) + 'static,
    {
        self.started += 1;
        let finish = wrap_future::<_, Shell<K>>(work).map(|output, shell, context| {
            shell.work -= 1;
            shell.at_desk(context, |keeper, desk| then(keeper, output, desk));
        });
        self.context.spawn(finish);
    }

    /// Starts `work` that a stop does not wait for: it changes nothing that is kept, and who
    /// waits for it hears that the keeper has stopped.
    pub fn spawn_forgettable<F, T>(&mut self, work: F, then: T)
    where
        F: Future + 'static,
        T: FnOnce(&mut K, F::Output, &mut Desk<'_, K>) + 'static,
    {
        let finish = wrap_future::<_, Shell<K>>(work).map(|output, shell, context| {
            shell.at_desk(context, |keeper, desk| then(keeper, output, desk));
        });
        self.context.spawn(finish);
    }
}

impl<K: Keeper> fmt::Debug for Desk<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("keeper", &K::NAME).field("started", &self.started).finish()
    }
}
