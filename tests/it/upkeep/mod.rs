//! What a server does by itself over time.

mod ended;
mod purge;
mod retention;
mod status;
mod status_command;
mod unused_clients;
