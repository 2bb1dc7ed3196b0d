//! Those who wait for somebody to look for what they were shown and nobody here knows.

use std::time::Duration;

use tokio::time::Instant;

use crate::runtime::Answer;

/// From one look to the next.
const PACE: Duration = Duration::from_millis(250);
/// Who waits for a look at most. Others hear that nobody looked.
const MOST: usize = 192;

/// All who wait share a look, and looks have their pace: whoever makes things up costs a look now
/// and then, and has to wait for it.
#[derive(Debug, Default)]
pub(crate) struct Seekers {
    waiting: Vec<Answer<bool>>,
    /// When somebody looked for them last.
    looked_at: Option<Instant>,
}

impl Seekers {
    /// Lets somebody wait. Whoever comes first has to see to it that somebody looks, then.
    pub(crate) fn join(&mut self, answer: Answer<bool>) -> Option<Instant> {
        if self.waiting.len() >= MOST {
            answer.give(false);
            return None;
        }
        self.waiting.push(answer);
        let next = || self.looked_at.map_or_else(Instant::now, |at| at + PACE);
        (self.waiting.len() == 1).then(next)
    }

    /// Those for whom somebody looks now.
    pub(crate) fn depart(&mut self) -> Vec<Answer<bool>> {
        self.looked_at = Some(Instant::now());
        std::mem::take(&mut self.waiting)
    }
}

/// Tells them whether anybody could look.
pub(crate) fn tell(seekers: Vec<Answer<bool>>, looked: bool) {
    seekers.into_iter().for_each(|seeker| seeker.give(looked));
}
