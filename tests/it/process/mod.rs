//! The server as a process: how it starts, what it says, and how it stops.

mod boot;
mod load;
mod shutdown;
mod tenant;
