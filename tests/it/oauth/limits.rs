//! What strangers can do, and where it ends.

mod admin;
mod proxies;
mod requests;
