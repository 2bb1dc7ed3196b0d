//! Signing keys: which exist, which signs, when they change.
//!
//! A key is published as `next` before it signs, so that every verifier and every
//! replica has it; it signs as `active`; it stays published as `retired` until the
//! last token it signed has expired. Keys relieve each other by a schedule, or by order.
//! [`schedule`] holds these rules, [`keyfile`] the
//! files. Readers take the immutable key ring from a [`KeyRingView`], without asking anybody.

mod folder;
mod generate;
mod keeper;
mod keyfile;
pub mod schedule;
#[cfg(test)]
mod simulation_tests;
mod view;

pub use keeper::{JWKS_MAX_AGE, KeySettings, Keys, ListKeys, RotateError, RotateKeys};
pub use keyfile::{KeyFileError, KeyFiles, Upkeep};
pub use view::KeyRingView;
