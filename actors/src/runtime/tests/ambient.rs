//! Time, randomness and ids.

use std::sync::Arc;
use std::time::Duration;

use chrono::Timelike as _;
use futures::FutureExt as _;

use super::universe::noon;
use crate::runtime::{Clock as _, Environment, SystemClock, SystemRandom, TestClock};

fn environment(clock: &TestClock) -> Environment {
    Environment::new(Arc::new(clock.clone()), Arc::new(SystemRandom))
}

#[test]
fn ids_are_version_7_and_sort_by_time() {
    let clock = TestClock::starting_at(noon());
    let environment = environment(&clock);
    let mut ids = Vec::new();
    for _ in 0..500 {
        ids.push(environment.new_id());
        clock.advance(Duration::from_millis(1));
    }
    assert!(ids.is_sorted());
    assert!(ids.iter().map(ToString::to_string).is_sorted(), "as text too");
    assert!(ids.iter().all(|id| id.get_version_num() == 7));
    let (seconds, nanos) = ids[0].get_timestamp().unwrap().to_unix();
    assert_eq!((i64::try_from(seconds).unwrap(), nanos), (noon().timestamp(), 0));
}

#[test]
fn two_ids_of_one_millisecond_differ() {
    let environment = environment(&TestClock::starting_at(noon()));
    assert_ne!(environment.new_id(), environment.new_id());
}

#[test]
fn the_system_clock_shows_whole_milliseconds() {
    for _ in 0..1000 {
        assert_eq!(SystemClock.now().nanosecond() % 1_000_000, 0);
    }
}

#[test]
fn random_bytes_are_not_the_same_twice() {
    let environment = Environment::system();
    assert_ne!(environment.random_bytes::<32>(), environment.random_bytes::<32>());
}

#[test]
fn a_wait_on_the_test_clock_ends_when_its_time_has_come_and_not_before() {
    let clock = TestClock::starting_at(noon());
    let mut wait = clock.wait(Duration::from_secs(10));
    assert_eq!(wait.as_mut().now_or_never(), None);
    clock.advance(Duration::from_millis(9_999));
    assert_eq!(wait.as_mut().now_or_never(), None);
    clock.advance(Duration::from_millis(1));
    assert_eq!(wait.as_mut().now_or_never(), Some(()));
    assert_eq!(clock.now(), noon() + Duration::from_secs(10));
}

#[test]
fn a_wait_past_the_end_of_time_is_only_a_long_wait() {
    let clock = TestClock::starting_at(noon());
    assert_eq!(clock.wait(Duration::MAX).now_or_never(), None);
    clock.advance(Duration::MAX);
    assert_eq!(clock.now(), chrono::DateTime::<chrono::Utc>::MAX_UTC);
}

#[test]
fn a_wait_on_the_system_clock_ends() {
    let wait = async { Environment::system().wait(Duration::from_millis(1)).await };
    actix_rt::System::new().block_on(wait);
}
