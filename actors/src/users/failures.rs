//! How many failed sign-ins of an identity are written down.
//!
//! Anybody can make sign-ins fail, so the audit log must not grow by one row each: an
//! attacker would size it. The first few of an identity in a window tell the operator
//! all there is to tell; the rest only count in the metric.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Rows of one identity in one window.
const ROWS: u32 = 10;
/// The window; begins with the first failure.
const WINDOW: Duration = Duration::from_secs(600);
/// Identities remembered; beyond it the oldest may be written down anew.
const REMEMBERED: u64 = 10_000;

/// Failures by keyed hash of what was typed as the address.
pub(super) struct RecentFailures(moka::sync::Cache<[u8; 32], Arc<AtomicU32>>);

impl RecentFailures {
    pub(super) fn new() -> RecentFailures {
        let cache = moka::sync::Cache::builder().max_capacity(REMEMBERED).time_to_live(WINDOW);
        RecentFailures(cache.build())
    }

    /// Counts one more failure; whether it is to be written down.
    pub(super) fn is_news(&self, identity: [u8; 32]) -> bool {
        let seen = self.0.get_with(identity, Arc::default);
        seen.fetch_add(1, Ordering::Relaxed) < ROWS
    }
}

impl fmt::Debug for RecentFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecentFailures").field("identities", &self.0.entry_count()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_of_each_identity_are_news() {
        let failures = RecentFailures::new();
        for identity in [[1; 32], [2; 32]] {
            let news = (0..100).filter(|_| failures.is_news(identity)).count();
            assert_eq!(news, 10);
        }
    }
}
