//! How often an address may ask, in a fixed amount of memory.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

/// Requests that addresses may make.
pub(super) struct AddressBudget {
    limiter: RateLimiter<IpAddr, Slots, DefaultClock>,
    remembered: usize,
}

impl AddressBudget {
    /// `per_second` requests an address, `burst` at once; `remembered` addresses are told
    /// apart. `key` must not be known to anybody who chooses addresses.
    pub(super) fn new(
        per_second: u32,
        burst: u32,
        remembered: usize,
        key: [u8; 16],
    ) -> AddressBudget {
        let count = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(count(per_second)).allow_burst(count(burst));
        let slots =
            Slots { key, cells: (0..remembered.max(1)).map(|_| Default::default()).collect() };
        let limiter = RateLimiter::new(quota, slots, DefaultClock::default());
        AddressBudget { limiter, remembered }
    }

    /// Takes one request of `network`, or says how long to wait for the next.
    pub(super) fn spend(&self, network: IpAddr) -> Result<(), Duration> {
        let spent = self.limiter.check_key(&network);
        spent.map_err(|until| until.wait_time_from(self.limiter.clock().now()))
    }
}

/// A fixed number of counters. Each address has one by its keyed hash; when there are more
/// addresses than counters, some share. So memory is what it is from the start, nothing
/// has to be tidied, and a swarm of addresses makes nobody forgotten.
struct Slots {
    key: [u8; 16],
    cells: Box<[InMemoryState]>,
}

impl Slots {
    fn of(&self, network: IpAddr) -> Option<&InMemoryState> {
        let mut hasher = DefaultHasher::new();
        (self.key, network).hash(&mut hasher);
        let count = u64::try_from(self.cells.len()).unwrap_or(u64::MAX);
        let slot = hasher.finish() % count.max(1);
        self.cells.get(usize::try_from(slot).unwrap_or(0))
    }
}

impl StateStore for Slots {
    type Key = IpAddr;

    fn measure_and_replace<T, F, E>(&self, network: &IpAddr, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        match self.of(*network) {
            Some(cell) => cell.measure_and_replace(&NotKeyed::NonKey, decide),
            None => decide(None).map(|(decision, _)| decision),
        }
    }
}

impl fmt::Debug for AddressBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressBudget").field("addresses", &self.remembered).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn each_address_has_its_burst_and_is_told_when_to_come_back() {
        let budget = AddressBudget::new(1, 3, 1000, [7; 16]);
        for one in [address(1), address(2)] {
            for _ in 0..3 {
                assert!(budget.spend(one).is_ok());
            }
            let wait = budget.spend(one).unwrap_err();
            assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
        }
    }

    #[test]
    fn more_addresses_than_are_remembered_share_and_are_still_limited() {
        let budget = AddressBudget::new(1, 2, 10, [7; 16]);
        let passed = (0..10_000).filter(|number| budget.spend(address(*number)).is_ok()).count();
        assert!((20..30).contains(&passed), "{passed}");
    }

    #[test]
    fn who_shares_with_whom_is_not_known_outside() {
        let shares = |key| {
            let slots = Slots { key, cells: (0..64).map(|_| Default::default()).collect() };
            let first = slots.of(address(0)).map(std::ptr::from_ref);
            let sharing =
                |number: &u32| slots.of(address(*number)).map(std::ptr::from_ref) == first;
            (1..1000).filter(sharing).collect::<Vec<u32>>()
        };
        assert_ne!(shares([1; 16]), shares([2; 16]));
    }
}
