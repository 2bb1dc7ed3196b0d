//! A keeper takes on so much and no more, and says so at once.

use std::sync::mpsc;
use std::time::Duration;

use futures::FutureExt as _;

use super::clerk::{Block, Gate, Later, Note};
use super::universe::{eventually, in_a_universe};
use crate::runtime::AskError;

const BUSY: AskError = AskError::Busy { keeper: "clerk" };

#[test]
fn one_more_than_the_capacity_is_refused_at_once_and_certainly_not_done() {
    in_a_universe(async |universe| {
        let clerk = universe.clerk::<3>().await;
        let gates = [Gate::shut(), Gate::shut(), Gate::shut()];
        let mut asks: Vec<_> = gates
            .iter()
            .zip(1..)
            .map(|(gate, number)| {
                let (clerk, gate) = (clerk.clone(), gate.clone());
                actix_rt::spawn(async move { clerk.ask(Later(number, gate)).await })
            })
            .collect();
        universe.until_depth_is(3).await;

        let refused = clerk.ask(Note(4)).now_or_never();

        assert_eq!(refused, Some(Err(BUSY)));
        assert!(BUSY.is_certainly_not_done());
        gates[0].open();
        assert_eq!(asks.remove(0).await.unwrap(), Ok(1));
        assert_eq!(clerk.ask(Note(5)).await, Ok(5), "the answer gave a place back");
        gates.iter().for_each(Gate::open);
        for ask in asks {
            assert!(ask.await.unwrap().is_ok());
        }
        assert_eq!(universe.depth(), 0);
        assert_eq!(universe.book.sorted(), [1, 2, 3, 5]);
    });
}

#[test]
fn who_has_an_answer_finds_the_place_free() {
    in_a_universe(async |universe| {
        let clerk = universe.clerk::<1>().await;
        for number in 1000..4000 {
            assert_eq!(clerk.ask(Note(number)).await, Ok(number));
        }
    });
}

#[test]
fn a_refused_request_takes_no_place() {
    in_a_universe(async |universe| {
        let clerk = universe.clerk::<1>().await;
        let gate = Gate::shut();
        let mut held = Box::pin(clerk.ask(Later(1, gate.clone())));
        assert!(held.as_mut().now_or_never().is_none());
        for _ in 0..100 {
            assert_eq!(clerk.ask(Note(2)).await, Err(BUSY));
        }
        assert_eq!(universe.depth(), 1);
        gate.open();
        assert_eq!(held.await, Ok(1));
    });
}

#[test]
fn a_caller_that_hangs_up_frees_no_place_while_the_work_goes_on() {
    in_a_universe(async |universe| {
        let clerk = universe.clerk::<2>().await;
        let gate = Gate::shut();
        let mut ask = Box::pin(clerk.ask(Later(1, gate.clone())));
        assert!(ask.as_mut().now_or_never().is_none());
        assert_eq!(clerk.ask(Note(2)).await, Ok(2), "so the first letter is open by now");

        drop(ask);

        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(universe.depth(), 1);
        gate.open();
        universe.until_depth_is(0).await;
        assert_eq!(universe.book.lines(), [2, 1], "what was begun is done all the same");
    });
}

#[test]
fn what_nobody_waits_for_any_more_is_not_begun() {
    in_a_universe(async |universe| {
        let clerk = universe.clerk::<3>().await;
        let (release, blocked) = mpsc::channel();
        let mut block = Box::pin(clerk.ask(Block(blocked)));
        assert!(block.as_mut().now_or_never().is_none());
        let mut ask = Box::pin(clerk.ask(Note(1)));
        assert!(ask.as_mut().now_or_never().is_none());

        drop(ask);

        assert_eq!(universe.depth(), 2, "the letter still lies in the mailbox");
        drop(release);
        assert_eq!(block.await, Ok(()));
        assert_eq!(clerk.ask(Note(2)).await, Ok(2));
        universe.until_depth_is(0).await;
        assert_eq!(universe.book.lines(), [2]);
    });
}

#[test]
fn a_request_that_timed_out_unopened_is_taken_back_for_good() {
    in_a_universe(async |universe| {
        let clerk = universe.clerk::<3>().await;
        let (release, blocked) = mpsc::channel();
        let limit = Duration::from_millis(50);
        let blocked = clerk.ask_within(limit, Block(blocked));
        let unopened = clerk.ask_within(limit, Note(1));

        let (blocked, unopened) = futures::join!(blocked, unopened);

        assert_eq!(blocked, Err(AskError::TimedOut { keeper: "clerk" }));
        assert_eq!(unopened, Err(AskError::Down { keeper: "clerk" }));
        drop(release);
        assert_eq!(clerk.ask(Note(2)).await, Ok(2));
        eventually("all places are back", || universe.depth() == 0).await;
        assert_eq!(universe.book.lines(), [2], "what is certainly not done stays undone");
    });
}
