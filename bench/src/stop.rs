//! Ending before the end: what was started does not outlive the run, however long that was to
//! take. (PostgreSQL has a watchdog of its own, which also sees to it when this process is killed.)

use tokio::signal::unix::{SignalKind, signal};

use crate::Outcome;

/// The run was ended by a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// What shells call it: 128 and the number of the signal.
    pub status: u8,
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped by a signal; the programs that were measured are stopped too")
    }
}

impl std::error::Error for Stopped {}

/// Does `work`, and lets go of it on SIGINT, SIGTERM or SIGHUP, with every
/// [`Program`](crate::program::Program) that it holds.
///
/// # Errors
/// What `work` fails of, or [`Stopped`].
pub async fn until_told<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let told = tokio::select! {
        done = work => return done,
        _ = hang_up.recv() => SignalKind::hangup(),
        _ = interrupt.recv() => SignalKind::interrupt(),
        _ = terminate.recv() => SignalKind::terminate(),
    };
    let number = u8::try_from(told.as_raw_value()).unwrap_or_default();
    Err(Stopped { status: 128 + number }.into())
}
