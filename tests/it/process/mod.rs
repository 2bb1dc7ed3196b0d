//! The server as a process: how it starts, what it says, how it stops, and what becomes of it when
//! what it stands on is taken away.

mod boot;
mod certificates;
mod counted;
mod database_away;
mod flood;
mod frozen;
mod full_disk;
mod health;
mod key_store;
mod kills;
mod load;
mod measured;
mod record;
mod shutdown;
mod stop_while_fetching;
