//! Keepers: supervised owners of state that changes.
//!
//! Each folder is one keeper: its messages, its rules as pure functions, and the
//! thin shell that moves messages. [`runtime`] is what keeps them alive.

pub mod admin_keys;
pub mod attempts;
pub mod audit;
pub mod catalog;
pub mod consent;
pub mod denials;
pub mod documents;
pub mod encryption;
pub mod families;
pub mod janitor;
pub mod keepers;
pub mod keys;
mod last_look;
pub mod ledger;
pub mod passwords;
pub mod relay;
pub mod replay;
pub mod replica;
mod revocations;
pub mod runtime;
pub mod secrets;
mod seekers;
pub mod users;

pub use keepers::{Keepers, Settings};
