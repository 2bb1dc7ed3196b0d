//! When what is counted in memory is tidied.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};

/// Says *yes* at most once a second: tidying looks at everything, and a swarm of new names
/// would otherwise make each request do so.
#[derive(Debug)]
pub(super) struct Tidying(AtomicI64);

impl Tidying {
    pub(super) fn is_due(&self, now: DateTime<Utc>) -> bool {
        let now = now.timestamp();
        self.0.swap(now, Ordering::Relaxed) != now
    }
}

impl Default for Tidying {
    fn default() -> Tidying {
        Tidying(AtomicI64::new(i64::MIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_at_most_once_a_second() {
        let tidying = Tidying::default();
        let at = |milliseconds| DateTime::from_timestamp_millis(milliseconds).unwrap();
        assert!(tidying.is_due(at(1_000)));
        assert!(!tidying.is_due(at(1_999)));
        assert!(tidying.is_due(at(2_000)));
    }
}
