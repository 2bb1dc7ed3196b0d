//! How the rest of the server reaches a keeper.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::Addr;
use actix::dev::SendError;
use tokio::sync::watch;

use super::health::Pulse;
use super::letter::{Letter, Slot};
use super::shell::Shell;
use super::{Ask, Keeper, Receive};

/// How long a message waits for a keeper that is being restarted.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a caller waits for an answer before it gives up on a keeper.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Why a keeper did not answer. All of them are the server's fault and temporary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The keeper has as much to do as it may take on. Certainly not done.
    #[error("the {keeper} keeper is at its capacity")]
    Busy {
        /// The keeper's name.
        keeper: &'static str,
    },
    /// The keeper is stopped, or did not come back in time. Certainly not done.
    #[error("the {keeper} keeper is not running")]
    Down {
        /// The keeper's name.
        keeper: &'static str,
    },
    /// The keeper died while it worked on this message. Maybe done.
    #[error("the {keeper} keeper stopped while it worked on this")]
    Interrupted {
        /// The keeper's name.
        keeper: &'static str,
    },
    /// No answer in time. Maybe done.
    #[error("the {keeper} keeper did not answer in time")]
    TimedOut {
        /// The keeper's name.
        keeper: &'static str,
    },
}

impl AskError {
    /// Whether a retry cannot do the work a second time.
    #[must_use]
    pub fn is_certainly_not_done(self) -> bool {
        matches!(self, AskError::Busy { .. } | AskError::Down { .. })
    }
}

/// What handle and supervisor share.
pub(super) struct Line<K: Keeper> {
    /// The living keeper's address; `None` while there is none.
    pub(super) address: watch::Sender<Option<Addr<Shell<K>>>>,
    /// What is seen of the keeper from outside; also how many messages it has.
    pub(super) pulse: Arc<Pulse>,
    /// Set at shutdown: nothing new is taken on.
    pub(super) closed: AtomicBool,
}

/// The way to a keeper. Cheap to clone; stays valid over restarts.
pub struct Handle<K: Keeper> {
    line: Arc<Line<K>>,
}

impl<K: Keeper> Handle<K> {
    pub(super) fn new(line: Arc<Line<K>>) -> Handle<K> {
        Handle { line }
    }

    /// Sends `message` and waits for the keeper's answer.
    ///
    /// # Errors
    /// See [`AskError`]; [`AskError::is_certainly_not_done`] tells whether asking
    /// again is safe whatever the message.
    pub async fn ask<M>(&self, message: M) -> Result<M::Reply, AskError>
    where
        M: Ask,
        K: Receive<M>,
    {
        self.ask_within(ANSWER_WITHIN, message).await
    }

    /// [`Handle::ask`] with a limit of the caller's choice.
    pub(super) async fn ask_within<M>(
        &self,
        limit: Duration,
        message: M,
    ) -> Result<M::Reply, AskError>
    where
        M: Ask,
        K: Receive<M>,
    {
        let place = Place::take(&self.line)?;
        let slot = Slot::holding(message);
        match tokio::time::timeout(limit, self.deliver(&slot, &place)).await {
            Ok(outcome) => outcome,
            // Taken back, not only looked at: the keeper may be about to open the
            // letter, and then "certainly not done" would not stay true.
            Err(_) if slot.take().is_some() => Err(AskError::Down { keeper: K::NAME }),
            Err(_) => Err(AskError::TimedOut { keeper: K::NAME }),
        }
    }

    /// Delivers the letter, again if its keeper dies before it is opened.
    async fn deliver<M>(&self, slot: &Slot<M>, place: &Arc<Place>) -> Result<M::Reply, AskError>
    where
        M: Ask,
        K: Receive<M>,
    {
        loop {
            let address = self.living_address().await?;
            let (letter, answer) = Letter::seal(slot, place);
            match address.try_send(letter) {
                Ok(()) => {}
                Err(SendError::Full(_)) => return Err(AskError::Busy { keeper: K::NAME }),
                Err(SendError::Closed(_)) => {
                    self.forget(&address);
                    continue;
                }
            }
            match answer.await {
                Ok(reply) => return Ok(reply),
                Err(_) if slot.is_sealed() => self.forget(&address),
                Err(_) => return Err(AskError::Interrupted { keeper: K::NAME }),
            }
        }
    }

    /// The address of the living keeper, waiting for a restart if need be.
    async fn living_address(&self) -> Result<Addr<Shell<K>>, AskError> {
        if let Some(address) = self.line.address.borrow().as_ref() {
            return Ok(address.clone());
        }
        let mut address = self.line.address.subscribe();
        let living = address.wait_for(Option::is_some);
        match tokio::time::timeout(PATIENCE, living).await {
            Ok(Ok(address)) => address.clone().ok_or(AskError::Down { keeper: K::NAME }),
            _ => Err(AskError::Down { keeper: K::NAME }),
        }
    }

    /// Stops offering an address that turned out dead, unless it was replaced already.
    fn forget(&self, dead: &Addr<Shell<K>>) {
        self.line.address.send_if_modified(|current| {
            let stale = current.as_ref() == Some(dead);
            if stale {
                *current = None;
            }
            stale
        });
    }
}

impl<K: Keeper> Clone for Handle<K> {
    fn clone(&self) -> Handle<K> {
        Handle { line: Arc::clone(&self.line) }
    }
}

impl<K: Keeper> fmt::Debug for Handle<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("keeper", &K::NAME)
            .field("depth", &self.line.pulse.depth.load(Ordering::Relaxed))
            .finish()
    }
}

/// One place in a keeper's capacity. Caller and letter both hold it, so that it is
/// given back when neither waits nor works any more: a caller that hangs up does
/// not make room while the keeper is still at it.
pub(super) struct Place(Arc<Pulse>);

impl Place {
    fn take<K: Keeper>(line: &Line<K>) -> Result<Arc<Place>, AskError> {
        let taken = line.pulse.depth.fetch_add(1, Ordering::SeqCst);
        let place = Arc::new(Place(Arc::clone(&line.pulse)));
        if line.closed.load(Ordering::SeqCst) {
            return Err(AskError::Down { keeper: K::NAME });
        }
        if taken >= K::CAPACITY {
            return Err(AskError::Busy { keeper: K::NAME });
        }
        Ok(place)
    }

    /// The keeper's.
    pub(super) fn pulse(&self) -> &Pulse {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.depth.fetch_sub(1, Ordering::SeqCst);
    }
}
