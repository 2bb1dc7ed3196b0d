//! Shutting down: nothing new, everything that was taken on, then the door.

use std::sync::mpsc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::join_all;

use super::clerk::{Block, File, Gate, Later, Note};
use super::universe::{eventually, in_a_universe};
use crate::runtime::{AskError, KeeperState};

const DOWN: AskError = AskError::Down { keeper: "clerk" };
const AMPLE: Duration = Duration::from_secs(5);

#[test]
fn everything_taken_on_is_answered_and_nothing_new_is_taken_on() {
    in_a_universe(async |universe| {
        let clerk = universe.clerk::<512>().await;
        let gate = Gate::shut();
        let files = (0..200).map(|number| {
            let (clerk, gate) = (clerk.clone(), gate.clone());
            actix_rt::spawn(async move { clerk.ask(File(number, gate)).await.map(|_| ()) })
        });
        let laters = (200..300).map(|number| {
            let (clerk, gate) = (clerk.clone(), gate.clone());
            actix_rt::spawn(async move { clerk.ask(Later(number, gate)).await.map(|_| ()) })
        });
        let asks: Vec<_> = files.chain(laters).collect();
        universe.until_depth_is(300).await;
        let mut going = Box::pin(universe.shut_down(AMPLE));
        assert!(going.as_mut().now_or_never().is_none(), "there is work to finish");

        assert_eq!(clerk.ask(Note(999)).now_or_never(), Some(Err(DOWN)));
        gate.open();

        assert_eq!(going.await.unfinished, [""; 0]);
        for ask in join_all(asks).await {
            assert_eq!(ask.unwrap(), Ok(()));
        }
        assert_eq!(universe.book.sorted(), (0..300).collect::<Vec<_>>());
        assert_eq!(universe.health().state, KeeperState::Stopped);
        assert_eq!(clerk.ask(Note(999)).now_or_never(), Some(Err(DOWN)));
    });
}

#[test]
fn keepers_stop_one_after_the_other_last_started_first() {
    in_a_universe(async |universe| {
        let mut clerks = Vec::new();
        for name in ["first", "second", "third"] {
            let clerk = universe.clerk_called::<8>(name).await;
            let gate = Gate::shut();
            let (asking, shut) = (clerk.clone(), gate.clone());
            let ask = actix_rt::spawn(async move { asking.ask(Later(1, shut)).await });
            clerks.push((clerk, gate, ask));
        }
        let household = &universe.household;
        eventually("all are at work", || household.health().iter().all(|it| it.mailbox_depth == 1))
            .await;
        let mut going = Box::pin(universe.shut_down(AMPLE));

        while let Some((stopping, gate, ask)) = clerks.pop() {
            // The one whose turn it is takes on nothing, those started before it still do.
            for _ in 0..5 {
                assert!(going.as_mut().now_or_never().is_none());
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            assert_eq!(stopping.ask(Note(2)).await, Err(DOWN));
            for (earlier, _, _) in &clerks {
                assert_eq!(earlier.ask(Note(3)).await, Ok(3));
            }
            gate.open();
            assert_eq!(ask.await.unwrap(), Ok(1));
        }

        assert_eq!(going.await.unfinished, [""; 0]);
    });
}

#[test]
fn work_that_never_ends_is_reported_and_left_behind() {
    in_a_universe(async |universe| {
        let clerk = universe.clerk::<8>().await;
        let asking = clerk.clone();
        let ask = actix_rt::spawn(async move { asking.ask(Later(1, Gate::shut())).await });
        universe.until_depth_is(1).await;
        let began = tokio::time::Instant::now();

        let report = universe.shut_down(Duration::from_millis(50)).await;

        assert_eq!(report.unfinished, ["clerk"]);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert_eq!(ask.await.unwrap(), Err(AskError::Interrupted { keeper: "clerk" }));
        eventually("it is stopped", || universe.health().state == KeeperState::Stopped).await;
    });
}

#[test]
fn a_keeper_that_blocks_its_thread_does_not_hold_up_the_shutdown() {
    in_a_universe(async |universe| {
        let clerk = universe.clerk::<8>().await;
        let (release, blocked) = mpsc::channel();
        let asking = clerk.clone();
        let ask = actix_rt::spawn(async move { asking.ask(Block(blocked)).await });
        universe.until_depth_is(1).await;
        let threads = universe.household.arbiters();
        let began = tokio::time::Instant::now();

        let report = universe.household.shut_down(Duration::from_millis(50)).await;

        assert_eq!(report.unfinished, ["clerk"]);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        drop(release);
        assert_eq!(ask.await.unwrap(), Ok(()));
        eventually("its thread ends", || threads.iter().all(|thread| !thread.alive())).await;
        eventually("it is stopped", || universe.health().state == KeeperState::Stopped).await;
    });
}

#[test]
fn an_idle_household_is_gone_at_once_and_may_be_told_twice() {
    in_a_universe(async |universe| {
        let _clerk = universe.clerk::<8>().await;
        assert_eq!(universe.shut_down(AMPLE).await.unfinished, [""; 0]);
        assert_eq!(universe.shut_down(Duration::ZERO).await.unfinished, [""; 0]);
    });
}
