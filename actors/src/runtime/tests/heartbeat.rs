//! Health tells a keeper that works from one that hangs.

use std::sync::mpsc;
use std::time::Duration;

use super::clerk::{Block, Gate, Later, Note};
use super::universe::{eventually, in_a_universe};
use crate::runtime::KeeperState;
use crate::runtime::health::Vigilance;

const CLOSE: Vigilance = Vigilance {
    heartbeat_every: Duration::from_millis(10),
    unresponsive_after: Duration::from_millis(200),
};

#[test]
fn a_keeper_that_blocks_its_thread_is_unresponsive_until_it_goes_on() {
    in_a_universe(async |universe| {
        universe.household.watch_closely(CLOSE);
        let clerk = universe.clerk::<8>().await;
        assert_eq!(universe.health().state, KeeperState::Up);
        let (release, blocked) = mpsc::channel();
        let asking = clerk.clone();
        let block = actix_rt::spawn(async move { asking.ask(Block(blocked)).await });

        eventually("silence shows", || universe.health().state == KeeperState::Unresponsive).await;

        drop(release);
        assert_eq!(block.await.unwrap(), Ok(()));
        eventually("it is back", || universe.health().state == KeeperState::Up).await;
        assert_eq!(universe.health().restarts, 0, "a keeper that hangs is not replaced");
        assert_eq!(clerk.ask(Note(1)).await, Ok(1));
    });
}

#[test]
fn a_keeper_whose_work_takes_long_is_not_unresponsive() {
    in_a_universe(async |universe| {
        universe.household.watch_closely(CLOSE);
        let clerk = universe.clerk::<8>().await;
        let gate = Gate::shut();
        let (asking, shut) = (clerk.clone(), gate.clone());
        let ask = actix_rt::spawn(async move { asking.ask(Later(1, shut)).await });

        tokio::time::sleep(2 * CLOSE.unresponsive_after).await;

        assert_eq!(universe.health().state, KeeperState::Up);
        gate.open();
        assert_eq!(ask.await.unwrap(), Ok(1));
    });
}
