//! The machinery of the tests, so that a test reads as setup, act, assert.

pub(crate) mod balancer;
pub(crate) mod behind;
pub(crate) mod browser;
pub(crate) mod client;
pub(crate) mod client_key;
pub(crate) mod database;
pub(crate) mod dice;
pub(crate) mod dpop;
pub(crate) mod jwt;
pub(crate) mod leash;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod publisher;
pub(crate) mod scene;
pub(crate) mod server;
pub(crate) mod stage;
pub(crate) mod store;
pub(crate) mod tenant;
pub(crate) mod tls_publisher;
pub(crate) mod wire;
pub(crate) mod written_down;
pub(crate) mod wrong_clock;

pub(crate) use browser::Browser;
pub(crate) use client::{Answer, Pkce, TokenClient};
pub(crate) use database::{Backend, on_both_databases};
pub(crate) use scene::Scene;
pub(crate) use server::Server;
