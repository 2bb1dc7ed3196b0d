//! Three servers behind a balancer on one PostgreSQL, under mixed load, while one thing after the
//! other goes wrong. What must hold all the same is in [`laws`], checked from outside, by what
//! clients were told.
//!
//! The test in the suite is short. A long one, with a fault every 20 seconds:
//!
//! ```text
//! AUTHPLANE_FLEET_MINUTES=30 cargo test --locked --test it -- --nocapture fleet::
//! ```
//!
//! It prints its seed; `AUTHPLANE_FLEET_SEED` has the same faults in the same order again, and the
//! clients throw the same dice.

mod acts;
mod broken_laws;
mod clients;
mod ends;
mod faults;
mod history;
mod laws;
mod pool;
mod replicas;
mod report;
mod voyage;

use std::time::Duration;

use faults::Fault;
use tokio::time::{Instant, sleep_until};
use voyage::Voyage;

use crate::kit::dice::Dice;

/// How long what lasts may last in the short form.
const BRIEFLY: Duration = Duration::from_secs(8);
/// In the long form there is a fault so often, and lasts so long at most, if that is how it is.
const EVERY: Duration = Duration::from_secs(20);
const AT_LENGTH: Duration = Duration::from_secs(25);

/// A number that whoever runs the test may give.
fn given(variable: &str) -> Option<u64> {
    let given = std::env::var(variable).ok()?;
    Some(given.parse().unwrap_or_else(|_| panic!("{variable} is no whole number: {given}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_laws_hold_while_one_thing_after_the_other_goes_wrong() {
    let seed = given("AUTHPLANE_FLEET_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let mut dice = Dice::new(seed);
    let mut voyage = Voyage::begin(seed).await;
    match given("AUTHPLANE_FLEET_MINUTES") {
        None => {
            for fault in Fault::each_once(&mut dice) {
                voyage.meet(fault, BRIEFLY).await;
            }
        }
        Some(minutes) => {
            let end = Instant::now() + Duration::from_secs(minutes * 60);
            while Instant::now() < end {
                for fault in Fault::each_once(&mut dice) {
                    let next = Instant::now() + EVERY;
                    let long = BRIEFLY + (AT_LENGTH - BRIEFLY) * u32::from(dice.percent(30));
                    voyage.meet(fault, long).await;
                    sleep_until(next).await;
                }
            }
        }
    }
    voyage.end().await;
}
