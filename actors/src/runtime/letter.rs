//! A message on its way: sealed until the keeper starts on it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::handle::Place;
use super::{Ask, Outcome};

/// The place a message lies in while it travels. Sender and keeper both hold it,
/// so that "was it opened?" has an answer even when one of them is gone.
pub(super) struct Slot<M>(Arc<Mutex<Option<M>>>);

impl<M> Slot<M> {
    pub(super) fn holding(message: M) -> Slot<M> {
        Slot(Arc::new(Mutex::new(Some(message))))
    }

    pub(super) fn is_sealed(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Whoever takes the message decides its fate: the keeper does it, the sender
    /// makes sure that it is never done.
    pub(super) fn take(&self) -> Option<M> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<M> Clone for Slot<M> {
    fn clone(&self) -> Slot<M> {
        Slot(Arc::clone(&self.0))
    }
}

/// A sealed message, as a keeper receives it.
pub struct Letter<M: Ask> {
    slot: Slot<M>,
    reply: oneshot::Sender<M::Reply>,
    place: Arc<Place>,
}

impl<M: Ask> Letter<M> {
    pub(super) fn seal(
        slot: &Slot<M>,
        place: &Arc<Place>,
    ) -> (Letter<M>, oneshot::Receiver<M::Reply>) {
        let (reply, answer) = oneshot::channel();
        (Letter { slot: slot.clone(), reply, place: Arc::clone(place) }, answer)
    }

    /// Breaks the seal: from here on the message counts as maybe done.
    ///
    /// `None` when the sender has gone away meanwhile; nothing is to be done then.
    #[must_use]
    pub fn open(self) -> Option<(M, Answer<M::Reply>)> {
        if self.reply.is_closed() {
            return None;
        }
        Some((self.slot.take()?, Answer { reply: self.reply, place: self.place }))
    }
}

impl<M: Ask> fmt::Debug for Letter<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter").field("sealed", &self.slot.is_sealed()).finish()
    }
}

/// Where the answer to an opened letter goes.
pub struct Answer<R> {
    reply: oneshot::Sender<R>,
    place: Arc<Place>,
}

impl<R: Outcome> Answer<R> {
    /// Sends the answer. A caller that no longer listens is no error: what was
    /// asked for is done and recorded all the same.
    pub fn give(self, reply: R) {
        self.place.pulse().note(&reply);
        // The place first: who has its answer must find room to ask again.
        drop(self.place);
        drop(self.reply.send(reply));
    }
}

impl<R> fmt::Debug for Answer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}
