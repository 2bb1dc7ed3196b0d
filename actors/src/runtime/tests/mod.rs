//! The runtime's promises, each proved in a universe that no keeper may outlive.

mod ambient;
mod capacity;
mod clerk;
mod death;
mod heartbeat;
mod outcomes;
mod queue;
mod restarts;
mod shutdown;
mod ticks;
mod universe;
