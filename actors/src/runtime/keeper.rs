//! What a keeper is, and what can be asked of one.

use std::time::Duration;

use super::{Desk, Letter, Outcome};

/// A question or an order to a keeper, with the type of its answer.
pub trait Ask: Send + 'static {
    /// What the keeper answers.
    type Reply: Outcome + Send + 'static;
}

/// A supervised owner of one kind of state.
///
/// A keeper lives on a thread of its own and sees one message at a time. It never
/// blocks: work that takes time goes to [`Desk::spawn`].
pub trait Keeper: Sized + Send + Unpin + 'static {
    /// The keeper's name in health, metrics and logs.
    const NAME: &'static str;

    /// How many messages may wait or be worked on at once. One more is refused
    /// with [`super::AskError::Busy`], which the HTTP surface turns into a 503
    /// with `Retry-After`.
    const CAPACITY: usize;

    /// How often [`Keeper::tick`] is called, if at all.
    const TICK: Option<Duration> = None;

    /// Called once, before the first message.
    fn begin(&mut self, _desk: &mut Desk<'_, Self>) {}

    /// Called every [`Keeper::TICK`] of the environment's clock.
    fn tick(&mut self, _desk: &mut Desk<'_, Self>) {}
}

/// A keeper that understands the message `M`.
pub trait Receive<M: Ask>: Keeper {
    /// Takes the letter. It may be opened now, or kept for a batch; a letter that
    /// is dropped unopened is sent again, one that is opened must be answered.
    fn receive(&mut self, letter: Letter<M>, desk: &mut Desk<'_, Self>);
}
