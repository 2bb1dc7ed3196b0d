//! Periodic work follows the clock that is passed in.

use std::time::Duration;

use super::clerk::{Clerk, CountTicks, MINUTE, Note, POISON};
use super::universe::in_a_universe;
use crate::runtime::Handle;

/// The count once everything the clock set off has reached the keeper.
async fn ticks(clerk: &Handle<Clerk<8>>) -> usize {
    // The supervisor runs on this thread: let it see the new time first.
    tokio::time::sleep(Duration::from_millis(20)).await;
    clerk.ask(CountTicks).await.unwrap()
}

#[test]
fn ticks_follow_the_clock_and_nothing_else() {
    in_a_universe(async |universe| {
        let clerk = universe.clerk::<8>().await;
        assert_eq!(ticks(&clerk).await, 0, "real time counts for nothing");
        universe.clock.advance(MINUTE - Duration::from_millis(1));
        assert_eq!(ticks(&clerk).await, 0);
        universe.clock.advance(Duration::from_millis(1));
        assert_eq!(ticks(&clerk).await, 1);
        universe.clock.advance(MINUTE);
        assert_eq!(ticks(&clerk).await, 2);
        universe.clock.advance(100 * MINUTE);
        assert_eq!(ticks(&clerk).await, 3, "what was slept through is not made up for");
    });
}

#[test]
fn a_rebuilt_keeper_ticks_again() {
    in_a_universe(async |universe| {
        let clerk = universe.clerk::<8>().await;
        assert!(clerk.ask(Note(POISON)).await.is_err());
        assert_eq!(ticks(&clerk).await, 0);
        universe.clock.advance(MINUTE);
        assert_eq!(ticks(&clerk).await, 1);
    });
}
