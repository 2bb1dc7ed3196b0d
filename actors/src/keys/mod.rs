//! Signing keys: which exist, which signs, when they change.
//!
//! A key is published as `next` before it signs, so that every verifier and every
//! replica has it; it signs as `active`; it stays published as `retired` until the
//! last token it signed has expired. Keys relieve each other by a schedule, or by order.
//!
//! [`schedule`] holds these rules and `plan` what follows from them at a moment, wherever the
//! keys are: in files, or sealed in the database, which is what a fleet shares ([`KeyStore`]).
//! Readers take the immutable key ring from a [`KeyRingView`], without asking anybody.

mod error;
mod folder;
mod generate;
mod keeper;
mod keyfile;
mod moving;
mod plan;
pub mod schedule;
mod sealed;
#[cfg(test)]
mod simulation_tests;
mod store;
mod view;

pub use error::KeyStoreError;
pub(crate) use keeper::LookAtKeys;
pub use keeper::{JWKS_MAX_AGE, KeySettings, Keys, ListKeys, SeekKey};
pub use keyfile::KeyFiles;
pub use moving::{Moved, move_into_database, move_into_files};
pub use plan::Upkeep;
pub use sealed::SealedKeys;
pub(crate) use sealed::{key_cell, secret_cell};
pub use store::{KeyStore, RotateError, RotateKeys};
pub use view::KeyRingView;
