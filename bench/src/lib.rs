//! The load tool: how fast is the server, and how near to what the machine can do?
//!
//! It starts the real program on loopback with a temporary database, sets a scene with
//! the program's own command line, and drives each path over keep-alive connections.
//! Beside it runs the **ceiling**, a program that does the same cryptography behind the
//! same web framework and stores nothing. Absolute figures drift with the machine; the
//! ratio of the two, taken in one run, says how much of what is possible the server
//! reaches. `docs/performance.md` says how to read the table.

pub mod browser;
pub mod ceiling;
pub mod http;
pub mod load;
pub mod measure;
pub mod paths;
mod peer;
pub mod program;
pub mod proof;
pub mod report;
pub mod scene;
pub mod soak;
pub mod stop;

/// What can go wrong in a load tool: anything, and it ends the run with a message.
pub type Problem = Box<dyn std::error::Error + Send + Sync>;

/// [`Result`] with a [`Problem`].
pub type Outcome<T> = Result<T, Problem>;
