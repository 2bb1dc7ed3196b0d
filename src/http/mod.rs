//! HTTP: parse, hand on, render.
//!
//! A handler here is short. It reads the request into types, sends it to one flow or
//! grant, and renders what comes back. What the answer should be is decided elsewhere.

pub mod admin;
mod body;
pub mod cookies;
pub mod discovery;
mod form;
pub mod health;
pub mod jwks;
mod limits;
mod meters;
mod metrics;
mod oauth;
mod observe;
mod openapi;
mod origin;
mod page;
mod pages;
mod problem;
mod routes;

pub(crate) use limits::network;
pub use limits::{Limits, Surface, guard};
pub use observe::{Transport, observe};
pub use openapi::public_document;
pub(crate) use problem::{TYPE_BASE, retry_after, whole_seconds};
pub use routes::{admin_routes, public_routes};
