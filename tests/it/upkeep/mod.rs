//! What a server does by itself over time.

mod beside;
mod ended;
mod month;
mod purge;
mod reencrypt;
mod retention;
mod status;
mod status_command;
mod traffic;
mod unused_clients;
