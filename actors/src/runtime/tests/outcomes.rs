//! How a keeper fares shows without asking it.

use std::time::Duration;

use entities::StoreError;

use super::clerk::{Clerk, MINUTE, Note};
use super::universe::{eventually, in_a_universe, noon};
use crate::runtime::{Ask, Desk, Fault as _, Letter, Outcome as _, Receive};

/// "Do this", and how it will go.
struct Try(Result<u64, StoreError>);

impl Ask for Try {
    type Reply = Result<u64, StoreError>;
}

impl<const PLACES: usize> Receive<Try> for Clerk<PLACES> {
    fn receive(&mut self, letter: Letter<Try>, _: &mut Desk<'_, Self>) {
        let Some((Try(outcome), answer)) = letter.open() else { return };
        answer.give(outcome);
    }
}

fn away() -> StoreError {
    StoreError::Unreachable("the cable is out".to_owned())
}

#[test]
fn what_went_well_and_what_went_wrong_last_is_seen_with_its_time() {
    in_a_universe(async |universe| {
        let clerk = universe.clerk::<8>().await;
        let fresh = universe.health();
        assert_eq!((fresh.last_success, &fresh.last_error), (None, &None), "nothing was done yet");

        clerk.ask(Note(1)).await.unwrap();
        assert_eq!(universe.health().last_success, Some(noon()));
        universe.clock.advance(MINUTE / 2);
        clerk.ask(Try(Err(away()))).await.unwrap().unwrap_err();
        let hurt = universe.health();
        assert_eq!(hurt.last_success, Some(noon()), "a failure is no success");
        let error = hurt.last_error.unwrap();
        assert_eq!(error.at, noon() + MINUTE / 2);
        assert!(error.what.contains("the cable is out"), "{error:?}");

        clerk.ask(Try(Ok(7))).await.unwrap().unwrap();
        let mended = universe.health();
        assert_eq!(mended.last_success, Some(noon() + MINUTE / 2));
        assert_eq!(mended.last_error, Some(error), "it is not forgotten that it once failed");
    });
}

#[test]
fn that_somebody_is_refused_is_no_fault_of_the_keeper() {
    let taken = StoreError::Duplicate("slug".to_owned());
    assert_eq!(taken.fault(), None);
    assert_eq!(Err::<(), _>(taken).mishap(), None);
    assert!(Err::<(), _>(away()).mishap().is_some());
}

#[test]
fn a_long_error_is_cut() {
    in_a_universe(async |universe| {
        let clerk = universe.clerk::<8>().await;
        let long = StoreError::Refused("ü".repeat(10_000));
        clerk.ask(Try(Err(long))).await.unwrap().unwrap_err();
        let error = universe.health().last_error.unwrap();
        assert!(error.what.len() < 320 && error.what.ends_with('…'), "{}", error.what.len());
    });
}

#[test]
fn a_success_is_dated_by_the_heartbeat_when_nobody_looks() {
    in_a_universe(async |universe| {
        let clerk = universe.clerk::<8>().await;
        clerk.ask(Note(1)).await.unwrap();
        // A heartbeat of real time later the time of it is settled, whoever looks when.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        universe.clock.advance(10 * MINUTE);
        let noticed = noon();
        eventually("it is dated", || universe.health().last_success == Some(noticed)).await;
    });
}
