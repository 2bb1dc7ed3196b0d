//! How often, and how, a keeper is brought back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::clerk::{Clerk, Note, POISON, die};
use super::universe::{QUICK, eventually, in_a_universe, in_a_universe_under};
use crate::runtime::{
    AskError, Desk, Environment, Handle, Household, Keeper, KeeperState, Letter, Receive,
    RestartPolicy, StartError,
};

const DOWN: AskError = AskError::Down { keeper: "mayfly" };

/// Dies as soon as it lives.
struct Mayfly;

impl Keeper for Mayfly {
    const NAME: &'static str = "mayfly";
    const CAPACITY: usize = 8;
    const TICK: Option<Duration> = Some(Duration::ZERO);

    fn tick(&mut self, _: &mut Desk<'_, Self>) {
        die();
    }
}

impl Receive<Note> for Mayfly {
    fn receive(&mut self, letter: Letter<Note>, _: &mut Desk<'_, Self>) {
        drop(letter);
    }
}

#[test]
fn a_keeper_that_dies_at_once_each_time_is_given_up_and_says_why() {
    in_a_universe_under(RestartPolicy { budget: 3, ..QUICK }, async |universe| {
        universe.expect_given_up("mayfly");
        let mayfly = universe.household.supervise(|| Box::pin(async { Ok(Mayfly) })).await.unwrap();

        eventually("it is given up", || universe.health().state == KeeperState::Failed).await;

        let health = universe.health();
        assert_eq!(health.restarts, 3);
        assert_eq!(health.last_error.as_ref().map(|it| it.what.as_str()), Some("it panicked"));
        assert_eq!(universe.restarts_heard(), ["it panicked"; 3]);
        let within = tokio::time::timeout(Duration::from_secs(4), mayfly.ask(Note(1)));
        assert_eq!(within.await.unwrap(), Err(DOWN));
        assert!(DOWN.is_certainly_not_done());
        assert_eq!(universe.depth(), 0);
    });
}

/// Supervises a clerk whose `n`-th build goes as `build` says, counted from 0.
async fn clerk_built_by(
    household: &mut Household,
    build: impl Fn(usize) -> Result<(), StartError> + Send + Sync + Clone + 'static,
) -> Result<Handle<Clerk<8>>, StartError> {
    let builds = Arc::new(AtomicUsize::new(0));
    household
        .supervise(move || {
            let attempt = builds.fetch_add(1, Ordering::SeqCst);
            let build = build.clone();
            Box::pin(async move { build(attempt).map(|()| Clerk::writing_in(Default::default())) })
        })
        .await
}

#[test]
fn a_keeper_that_cannot_be_built_at_boot_is_an_error_with_the_reason() {
    in_a_universe(async |universe| {
        universe.expect_given_up("clerk");

        let refused = clerk_built_by(&mut universe.household, |_| {
            Err(StartError::because("the store is not there"))
        });

        assert_eq!(refused.await.unwrap_err().to_string(), "the store is not there");
        let health = universe.health();
        assert_eq!(health.state, KeeperState::Failed);
        assert_eq!(
            health.last_error.as_ref().map(|it| it.what.as_str()),
            Some("the store is not there")
        );
        assert_eq!(health.restarts, 0, "boot fails, it does not try on");
    });
}

#[test]
fn a_factory_that_panics_at_boot_is_an_error_too() {
    in_a_universe(async |universe| {
        universe.expect_given_up("clerk");
        let refused = clerk_built_by(&mut universe.household, |_| die()).await;
        assert_eq!(refused.unwrap_err().to_string(), "its factory panicked");
    });
}

#[test]
fn a_keeper_that_cannot_be_rebuilt_is_tried_again_and_its_letters_wait() {
    in_a_universe(async |universe| {
        let build = |attempt| match attempt {
            1 | 2 => Err(StartError::because("the store is not there")),
            3 => die(),
            _ => Ok(()),
        };
        let clerk = clerk_built_by(&mut universe.household, build).await.unwrap();
        let interrupted = Err(AskError::Interrupted { keeper: "clerk" });
        assert_eq!(clerk.ask(Note(POISON)).await, interrupted);

        assert_eq!(clerk.ask(Note(1)).await, Ok(1));

        assert_eq!(universe.health().restarts, 1);
        assert_eq!(universe.health().state, KeeperState::Up);
        assert_eq!(
            universe.health().last_error.as_ref().map(|it| it.what.as_str()),
            Some("its factory panicked")
        );
        assert_eq!(universe.restarts_heard(), ["it panicked"]);
    });
}

#[test]
fn a_keeper_that_cannot_be_rebuilt_is_tried_for_as_long_as_it_takes() {
    in_a_universe_under(RestartPolicy { budget: 2, ..QUICK }, async |universe| {
        let build = |attempt| match attempt {
            1..20 => Err(StartError::because("the store is gone")),
            _ => Ok(()),
        };
        let clerk = clerk_built_by(&mut universe.household, build).await.unwrap();
        assert!(clerk.ask(Note(POISON)).await.is_err());

        assert_eq!(clerk.ask(Note(1)).await, Ok(1));

        assert_eq!(
            universe.health().last_error.as_ref().map(|it| it.what.as_str()),
            Some("the store is gone")
        );
        assert_eq!(universe.restarts_heard(), ["it panicked"]);
    });
}

#[test]
fn deaths_outside_the_window_are_forgiven() {
    let window = Duration::from_millis(30);
    in_a_universe_under(RestartPolicy { budget: 1, window, ..QUICK }, async |universe| {
        let clerk = universe.clerk::<8>().await;
        for _ in 0..3 {
            assert!(clerk.ask(Note(POISON)).await.is_err());
            assert_eq!(clerk.ask(Note(1)).await, Ok(1));
            tokio::time::sleep(2 * window).await;
        }
        assert_eq!(universe.health().restarts, 3);
    });
}

#[test]
fn a_household_that_is_dropped_leaves_no_thread_behind() {
    actix_rt::System::new().block_on(async {
        let mut household = Household::new(Environment::system(), QUICK);
        let clerk = clerk_built_by(&mut household, |_| Ok(())).await.unwrap();
        assert_eq!(clerk.ask(Note(1)).await, Ok(1));
        let threads = household.arbiters();

        drop(household);

        eventually("every thread ends", || threads.iter().all(|thread| !thread.alive())).await;
    });
}
