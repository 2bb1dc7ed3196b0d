//! The one thread that Argon2 works on, and the memory it works in.
//!
//! Each hash takes 19 MiB. Were they asked of the allocator each time, on whichever thread of a
//! pool, every thread would hold on to what it gave back, and what was given back is seldom
//! where the next 19 MiB fit. So they are there once, from the first password on.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use tokio::sync::oneshot;

use super::argon::Memory;

type Work = Box<dyn FnOnce(&mut Memory) + Send>;

/// The way to the thread, which ends when this is dropped.
pub(super) struct Worker(Sender<Work>);

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub(super) fn start() -> io::Result<Worker> {
        let (queue, orders) = channel::<Work>();
        let all_of_it = move || {
            let mut memory = Memory::default();
            for work in orders {
                // Who waits for it hears that nothing came of it; the next work is done, in
                // memory that it fills anew.
                drop(catch_unwind(AssertUnwindSafe(|| work(&mut memory))));
            }
        };
        thread::Builder::new().name("passwords".to_owned()).spawn(all_of_it)?;
        Ok(Worker(queue))
    }

    /// Does `work` when what was asked for before is done; `None` when it panicked.
    pub(super) fn run<T, W>(&self, work: W) -> impl Future<Output = Option<T>> + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce(&mut Memory) -> T + Send + 'static,
    {
        let (give, outcome) = oneshot::channel();
        // A thread that is gone drops the work, and with it the other end of `outcome`.
        drop(self.0.send(Box::new(move |memory| drop(give.send(work(memory))))));
        async move { outcome.await.ok() }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Worker")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_work_is_done_on_one_thread_of_its_own() {
        let worker = Worker::start().unwrap();
        let here = thread::current().id();

        let first = worker.run(|_| thread::current().id()).await.unwrap();
        let second = worker.run(|_| thread::current().id()).await.unwrap();

        assert_eq!(first, second);
        assert_ne!(first, here);
    }

    #[tokio::test]
    async fn work_that_panics_ends_nothing_but_itself() {
        let worker = Worker::start().unwrap();
        let torn = worker.run(|_| -> u32 { panic!("on purpose") }).await;
        let next = worker.run(|_| 2).await;
        assert_eq!((torn, next), (None, Some(2)));
    }
}
