//! Refresh families: one user sign-in at one client, and the chain of refresh tokens
//! that rotate from it (RFC 6749 §6, RFC 9700 §4.14).
//!
//! A family is one row. Its live tip is a generation number; presenting the tip moves
//! it on by one. [`state`] decides what a presented token deserves, [`commit`] writes
//! the verdicts of many requests in one transaction, [`keeper`] queues the requests.
//! The keeper makes it fast; that no token is ever spent twice is true because of the
//! conditional update in `entities::family::rotate_all`, on any number of replicas.

mod commit;
mod keeper;
mod messages;
pub mod state;

pub use keeper::{Families, FamilySettings, Shards};
pub use messages::{RevokeFamily, Rotate, Rotated};
