//! The machinery of the tests, so that a test reads as setup, act, assert.

pub(crate) mod browser;
pub(crate) mod client;
pub(crate) mod database;
pub(crate) mod postgres;
pub(crate) mod server;

pub(crate) use browser::Browser;
pub(crate) use client::{Answer, Pkce, TokenClient};
pub(crate) use database::{Backend, on_both_databases};
pub(crate) use server::Server;
