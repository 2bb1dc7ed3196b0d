//! Counting revocations, once they are committed.

use entities::cascade::Reach;

/// One more act of revocation, if it reached anything.
pub(crate) fn count(reason: &'static str, reach: Reach) {
    if reach.is_something() {
        count_one(reason);
    }
}

/// One more act of revocation, which reached something.
pub(crate) fn count_one(reason: &'static str) {
    metrics::counter!("authserver_tokens_revoked_total", "reason" => reason).increment(1);
}
