//! What keeps the keepers: supervision, handles, health and shutdown.
//!
//! A *keeper* is a supervised actor that owns one kind of state. This module is
//! the only place that touches actix. A keeper itself is a plain struct that
//! receives typed messages ([`Receive`]), may start work ([`Desk::spawn`]) and
//! answers when that work is done.
//!
//! What happens to a message, in order:
//!
//! 1. [`Handle::ask`] takes a place in the keeper's stated capacity, or answers
//!    [`AskError::Busy`] at once.
//! 2. The message travels as a [`Letter`]: a sealed slot that both sides hold.
//!    The keeper *opens* it when it starts on it.
//! 3. Should the keeper die, a letter that was never opened is certainly not
//!    done: the handle takes the message back out of the slot and sends it again
//!    once the supervisor has built a new keeper. An opened one may be done, and
//!    the caller is told so ([`AskError::Interrupted`]).
//!
//! A panic inside an actix actor ends that actor for good, and so does a panic
//! in a future it spawned. Each keeper therefore has a supervisor of ours, which
//! builds a fresh one from its factory, with growing pauses and a restart budget.

mod ambient;
mod answered;
mod batch;
mod desk;
mod handle;
mod health;
mod household;
mod keeper;
mod letter;
mod outcome;
mod shell;
mod supervisor;

#[cfg(test)]
mod tests;

pub use ambient::{Clock, Environment, Random, SystemClock, SystemRandom, TestClock};
pub(crate) use answered::answered_by;
pub use batch::Queue;
pub use desk::Desk;
pub use handle::{AskError, Handle};
pub use health::{KeeperHealth, KeeperState, Mishap};
pub use household::{Household, Restart, ShutdownReport};
pub use keeper::{Ask, Keeper, Receive};
pub use letter::{Answer, Letter};
pub use outcome::{Fault, Outcome};
pub use supervisor::{RestartPolicy, StartError};
