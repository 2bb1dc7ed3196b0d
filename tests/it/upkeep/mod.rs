//! What a server does by itself over time.

mod purge;
mod retention;
mod unused_clients;
