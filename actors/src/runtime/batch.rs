//! Many requests, one commit: the mailbox is the batch.

use std::collections::VecDeque;
use std::fmt;

/// Letters that wait while one batch is being committed.
///
/// The first letter to arrive is committed at once, alone; those that arrive while
/// it is at it form the next batch. So an idle keeper adds no delay, and a busy one
/// spends one transaction on many requests.
pub struct Queue<T> {
    waiting: VecDeque<T>,
    under_way: bool,
    limit: usize,
}

impl<T> Queue<T> {
    /// A queue whose batches hold at most `limit` entries.
    #[must_use]
    pub fn with_batches_of(limit: usize) -> Queue<T> {
        Queue { waiting: VecDeque::new(), under_way: false, limit: limit.max(1) }
    }

    /// Adds an entry; [`Queue::next_batch`] says whether it can start now.
    pub fn push(&mut self, entry: T) {
        self.waiting.push_back(entry);
    }

    /// The next batch to commit, or `None` while one is under way or nothing waits.
    pub fn next_batch(&mut self) -> Option<Vec<T>> {
        if self.under_way || self.waiting.is_empty() {
            return None;
        }
        self.under_way = true;
        let size = self.waiting.len().min(self.limit);
        Some(self.waiting.drain(..size).collect())
    }

    /// Nothing waits and no batch is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.under_way
    }

    /// The batch handed out last is done; the next may start.
    pub fn batch_done(&mut self) {
        self.under_way = false;
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("waiting", &self.waiting.len())
            .field("under_way", &self.under_way)
            .finish_non_exhaustive()
    }
}
