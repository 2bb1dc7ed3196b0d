//! A keeper that dies takes nothing with it but what it was working on.

use std::sync::mpsc;

use futures::future::join_all;

use super::clerk::{BATCH, Block, Clerk, File, Gate, Later, Note, POISON};
use super::universe::{Universe, eventually, in_a_universe};
use crate::runtime::{AskError, Handle, KeeperState};

const INTERRUPTED: AskError = AskError::Interrupted { keeper: "clerk" };

type Crowd = Clerk<1024>;

/// Blocks the clerk until the sender is dropped, so that letters pile up unopened.
async fn hold_up(universe: &Universe, clerk: &Handle<Crowd>) -> mpsc::Sender<()> {
    let (release, blocked) = mpsc::channel();
    let clerk = clerk.clone();
    actix_rt::spawn(async move { clerk.ask(Block(blocked)).await.unwrap() });
    universe.until_depth_is(1).await;
    release
}

async fn assert_died_once(universe: &Universe) {
    // Callers can learn of a death before the supervisor does.
    eventually("the clerk is back", || {
        let health = universe.health();
        health.restarts > 0 && health.state == KeeperState::Up
    })
    .await;
    let health = universe.health();
    assert_eq!(health.restarts, 1);
    assert_eq!(health.last_error.as_ref().map(|it| it.what.as_str()), Some("it panicked"));
    assert_eq!(universe.restarts_heard(), ["it panicked"]);
    assert_eq!(universe.book.writers(), 1);
}

#[test]
fn a_panic_under_load_costs_the_poisoned_request_and_no_other() {
    in_a_universe(async |universe| {
        let clerk = universe.clerk::<1024>().await;
        let release = hold_up(universe, &clerk).await;
        let numbers: Vec<u64> = (0..1000).collect();
        let asks = numbers.iter().map(|number| {
            let clerk = clerk.clone();
            let number = *number;
            actix_rt::spawn(async move { clerk.ask(Note(number)).await })
        });
        let asks: Vec<_> = asks.collect();
        universe.until_depth_is(1001).await;

        drop(release);

        for (number, answer) in join_all(asks).await.into_iter().enumerate() {
            let number = number as u64;
            let expected = if number == POISON { Err(INTERRUPTED) } else { Ok(number) };
            assert_eq!(answer.unwrap(), expected);
        }
        let done_once: Vec<u64> = numbers.into_iter().filter(|it| *it != POISON).collect();
        assert_eq!(universe.book.sorted(), done_once);
        assert_died_once(universe).await;
    });
}

#[test]
fn an_interrupted_request_may_have_been_done_and_says_so() {
    assert!(!INTERRUPTED.is_certainly_not_done());
    assert!(!AskError::TimedOut { keeper: "clerk" }.is_certainly_not_done());
    assert!(AskError::Busy { keeper: "clerk" }.is_certainly_not_done());
    assert!(AskError::Down { keeper: "clerk" }.is_certainly_not_done());
}

#[test]
fn several_poisoned_requests_are_one_death_each_and_still_cost_no_other() {
    in_a_universe(async |universe| {
        let clerk = universe.clerk::<1024>().await;
        let release = hold_up(universe, &clerk).await;
        let asks: Vec<_> = (0..300)
            .map(|number| if number % 100 == 50 { POISON } else { number })
            .map(|number| {
                let clerk = clerk.clone();
                actix_rt::spawn(async move { clerk.ask(Note(number)).await })
            })
            .collect();
        universe.until_depth_is(301).await;

        drop(release);

        let answers = join_all(asks).await;
        let lost =
            answers.into_iter().filter(|answer| *answer.as_ref().unwrap() == Err(INTERRUPTED));
        assert_eq!(lost.count(), 3);
        assert_eq!(universe.book.lines().len(), 297);
        assert_eq!(universe.health().restarts, 3);
    });
}

#[test]
fn a_panic_in_work_beside_the_mailbox_interrupts_what_was_open_and_no_other() {
    in_a_universe(async |universe| {
        let clerk = universe.clerk::<1024>().await;
        let (fatal, never) = (Gate::shut(), Gate::shut());
        let opened = [(POISON, fatal.clone()), (1, never.clone()), (2, never)];
        let opened = opened.map(|(number, gate)| {
            let clerk = clerk.clone();
            actix_rt::spawn(async move { clerk.ask(Later(number, gate)).await })
        });
        universe.until_depth_is(3).await;
        assert_eq!(clerk.ask(Note(3)).await, Ok(3));
        let release = {
            let (release, blocked) = mpsc::channel();
            let clerk = clerk.clone();
            actix_rt::spawn(async move { clerk.ask(Block(blocked)).await });
            release
        };
        let waiting: Vec<_> = (4..300)
            .map(|number| {
                let clerk = clerk.clone();
                actix_rt::spawn(async move { clerk.ask(Note(number)).await })
            })
            .collect();
        universe.until_depth_is(300).await;

        fatal.open();
        drop(release);

        for answer in join_all(opened).await {
            assert_eq!(answer.unwrap(), Err(INTERRUPTED));
        }
        for answer in join_all(waiting).await {
            assert!(answer.unwrap().is_ok());
        }
        assert_eq!(universe.book.sorted(), (3..300).collect::<Vec<_>>());
        assert_died_once(universe).await;
    });
}

#[test]
fn a_panic_in_a_batch_interrupts_that_batch_and_every_unopened_letter_is_delivered_again() {
    in_a_universe(async |universe| {
        let clerk = universe.clerk::<1024>().await;
        let gate = Gate::shut();
        // The first goes alone; the poisoned one is in the middle of the second batch.
        let numbers = [1, 2, 3, POISON, 5, 6].into_iter().chain(7..200);
        let asks: Vec<_> = numbers
            .map(|number| {
                let (clerk, gate) = (clerk.clone(), gate.clone());
                actix_rt::spawn(async move { clerk.ask(File(number, gate)).await })
            })
            .collect();
        universe.until_depth_is(199).await;

        gate.open();

        let answers: Vec<_> = join_all(asks).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers[0], Ok(1));
        assert_eq!(answers[1..=BATCH], [Err(INTERRUPTED); BATCH]);
        assert!(answers[BATCH + 1..].iter().all(Result::is_ok), "{answers:?}");
        // Of the poisoned batch, 2 and 3 were written before the death: "maybe done".
        let expected: Vec<u64> = [1, 2, 3].into_iter().chain(7..200).collect();
        assert_eq!(universe.book.sorted(), expected);
        assert_died_once(universe).await;
    });
}
