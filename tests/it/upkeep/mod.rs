//! What a server does by itself over time.

mod ended;
mod purge;
mod retention;
mod unused_clients;
