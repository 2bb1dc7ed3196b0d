//! What strangers can do, and where it ends.

mod admin;
mod clients;
mod connections;
mod lockout;
mod pending;
mod proxies;
mod registrations;
mod requests;
mod tls;
