//! The integration tests: one binary, one kit, every story on both databases.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails loudly, tells the time and reads its environment"
)]

mod admin;
mod admin_acts;
mod clients;
mod fleet;
mod house;
mod kit;
mod oauth;
mod packaging;
mod process;
mod relay;
mod store;
mod upkeep;
