//! Admin keys that were wrong, by the network they came from.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::RateLimit;

/// Networks remembered at most. Beyond it new ones go uncounted.
const REMEMBERED: usize = 10_000;

/// Counts wrong keys. In this process: a guess takes a request to one server, and the keys
/// the server makes cannot be guessed anyway.
pub(super) struct FailedKeys {
    most: u32,
    window: TimeDelta,
    counted: Mutex<HashMap<IpAddr, Failures>>,
}

/// The failures of a network since the first of them.
struct Failures {
    count: u32,
    since: DateTime<Utc>,
}

impl FailedKeys {
    pub(super) fn new(settings: &RateLimit) -> FailedKeys {
        FailedKeys {
            most: settings.auth_fail_max,
            window: TimeDelta::from_std(settings.auth_fail_window).unwrap_or(TimeDelta::MAX),
            counted: Mutex::default(),
        }
    }

    /// Counts one more wrong key. How long `network` has to wait, if there were too many
    /// before; this one is not counted then.
    pub(super) fn note(&self, network: IpAddr, now: DateTime<Utc>) -> Result<(), Duration> {
        if let Some(wait) = self.must_wait(network, now) {
            return Err(wait);
        }
        self.count(network, now);
        Ok(())
    }

    fn must_wait(&self, network: IpAddr, now: DateTime<Utc>) -> Option<Duration> {
        if self.most == 0 {
            return None;
        }
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = counted.get(&network).filter(|failures| failures.count >= self.most)?;
        if self.is_over(failures, now) {
            return None;
        }
        (self.window - now.signed_duration_since(failures.since)).to_std().ok()
    }

    /// Whether the window of `failures` has passed. A clock that was set back to before it
    /// began says nothing about it, and nobody waits longer than a window for that.
    fn is_over(&self, failures: &Failures, now: DateTime<Utc>) -> bool {
        let passed = now.signed_duration_since(failures.since);
        passed < TimeDelta::zero() || passed >= self.window
    }

    fn count(&self, network: IpAddr, now: DateTime<Utc>) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() >= REMEMBERED && !counted.contains_key(&network) {
            counted.retain(|_, failures| !self.is_over(failures, now));
            if counted.len() >= REMEMBERED {
                return;
            }
        }
        let failures = counted.entry(network).or_insert(Failures { count: 0, since: now });
        if self.is_over(failures, now) {
            *failures = Failures { count: 0, since: now };
        }
        failures.count = failures.count.saturating_add(1);
    }
}

impl fmt::Debug for FailedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailedKeys").field("most", &self.most).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::Config;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn keys() -> FailedKeys {
        FailedKeys::new(&Config::load(None, &BTreeMap::new()).unwrap().rate_limit)
    }

    #[test]
    fn ten_wrong_keys_of_a_network_make_it_wait_until_the_window_is_over() {
        let (keys, network) = (keys(), IpAddr::from([192, 0, 2, 1]));
        for _ in 0..10 {
            assert_eq!(keys.note(network, at(0)), Ok(()));
        }
        assert_eq!(keys.note(network, at(1)), Err(Duration::from_secs(599)));
        assert_eq!(keys.note(IpAddr::from([192, 0, 2, 2]), at(1)), Ok(()));
        assert_eq!(keys.note(network, at(600)), Ok(()), "counted anew");
        assert_eq!(keys.note(network, at(600)), Ok(()));
    }

    #[test]
    fn a_clock_set_back_makes_nobody_wait_longer_than_a_window() {
        let (keys, network) = (keys(), IpAddr::from([192, 0, 2, 1]));
        for _ in 0..10 {
            assert_eq!(keys.note(network, at(3600)), Ok(()));
        }
        assert!(keys.note(network, at(3600)).is_err());
        for _ in 0..10 {
            assert_eq!(keys.note(network, at(0)), Ok(()), "counted anew");
        }
        assert_eq!(keys.note(network, at(0)), Err(Duration::from_secs(600)));
    }

    #[test]
    fn a_swarm_of_networks_takes_no_more_memory_than_there_is() {
        let keys = keys();
        for number in 0..20_000_u32 {
            assert_eq!(keys.note(IpAddr::from(number.to_be_bytes()), at(0)), Ok(()));
        }
        assert_eq!(keys.counted.lock().unwrap().len(), REMEMBERED);
        assert_eq!(keys.note(IpAddr::from([192, 0, 2, 1]), at(600)), Ok(()));
        assert_eq!(keys.counted.lock().unwrap().len(), 1);
    }
}
