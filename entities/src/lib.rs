//! Rows and the queries on them, the same for SQLite and PostgreSQL.
//!
//! A module holds one table: its row, how the row becomes a type of `protocol`, and
//! every query that touches it. Queries take any connection, so that a keeper can
//! put several of them into one transaction. Nothing here decides: a query that
//! changes a row states the condition it relies on and returns how many rows met it.

pub mod admin_key;
pub mod attempt;
pub mod audit_event;
pub mod authorization_code;
pub mod authorization_request;
pub mod budget;
pub mod cascade;
pub mod catalog_version;
pub mod client;
pub mod consent_grant;
pub mod family;
pub mod fronting_link;
pub mod installation;
pub mod issuance;
pub mod key_schedule;
pub mod news;
pub mod parties;
pub mod replay;
pub mod resource;
pub mod revocation_version;
pub mod ring_secret;
pub mod server_secret;
pub mod session;
pub mod setting;
pub mod signing_key;
pub mod store;
pub mod sweep;
pub mod sweep_turn;
pub mod table;
pub mod unused_client;
pub mod user;

mod clocks;
mod ended;
mod json;
mod page;

/// Ids bound in one statement at most; both databases limit the parameters of one.
pub(crate) const IDS_PER_STATEMENT: usize = 1000;

pub(crate) use clocks::may_still_work;
pub(crate) use ended::end_once;
pub use json::{Ids, Strings};
pub(crate) use json::{mentions, mentions_in};
pub use news::News;
pub use page::Page;
pub use sea_orm::{ConnectionTrait, DatabaseTransaction};
pub use store::{Backend, Heard, Store, StoreError, StoreOptions, Subscription};
