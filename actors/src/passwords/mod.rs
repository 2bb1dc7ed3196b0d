//! Argon2id in a small pool of its own, so that a wave of sign-ins cannot take the
//! processor from everybody who refreshes a token.

mod argon;
mod worker;

use zeroize::Zeroizing;

use argon::Memory;
use worker::Worker;

use crate::runtime::{Ask, Desk, Environment, Fault, Keeper, Letter, Queue, Receive};

/// "Make a hash of this password, to be stored."
pub struct Hash(pub Zeroizing<String>);

impl Ask for Hash {
    /// PHC string.
    type Reply = Result<String, HashFailed>;
}

/// "Is this the password behind that hash?" Without a hash the work is done all the
/// same and the answer is no: how long it takes tells nobody whether an account
/// exists.
pub struct Verify {
    /// What was typed.
    pub password: Zeroizing<String>,
    /// What is stored, if anything is.
    pub hash: Option<String>,
}

impl Ask for Verify {
    type Reply = bool;
}

/// The hash function refused its input.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the password cannot be hashed: {0}")]
pub struct HashFailed(String);

impl Fault for HashFailed {
    fn fault(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// Owns the processor time that passwords may cost.
#[derive(Debug)]
pub struct Passwords {
    environment: Environment,
    /// Stands in for the hash of accounts that have none.
    decoy: String,
    queue: Queue<Job>,
    worker: Worker,
}

enum Job {
    Hash(Letter<Hash>),
    Verify(Letter<Verify>),
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Job::Hash(_) => "Hash",
            Job::Verify(_) => "Verify",
        })
    }
}

impl Passwords {
    /// A keeper; costs one hash, which is kept as the decoy.
    ///
    /// # Errors
    /// When Argon2 refuses its parameters, or there is no thread to be had.
    pub fn new(environment: Environment) -> Result<Passwords, HashFailed> {
        // In memory of its own, which is given back: many a server never sees a password.
        let salt = environment.random_bytes();
        let decoy = Memory::default().hash("nobody has this password", salt)?;
        let worker = Worker::start().map_err(|error| HashFailed(error.to_string()))?;
        Ok(Passwords { environment, decoy, queue: Queue::with_batches_of(1), worker })
    }

    /// One password at a time.
    fn start_next(&mut self, desk: &mut Desk<'_, Self>) {
        while let Some(mut jobs) = self.queue.next_batch() {
            let started = jobs.pop().is_some_and(|job| self.start(job, desk));
            if started {
                return;
            }
            self.queue.batch_done();
        }
    }

    fn start(&mut self, job: Job, desk: &mut Desk<'_, Self>) -> bool {
        match job {
            Job::Hash(letter) => {
                let Some((Hash(password), answer)) = letter.open() else { return false };
                let salt = self.environment.random_bytes();
                let work = self.worker.run(move |memory| memory.hash(&password, salt));
                desk.spawn(work, move |keeper, outcome, desk| {
                    keeper.job_done(desk);
                    let stopped = || Err(HashFailed("the work stopped".to_owned()));
                    answer.give(outcome.unwrap_or_else(stopped));
                });
            }
            Job::Verify(letter) => {
                let Some((Verify { password, hash }, answer)) = letter.open() else { return false };
                let stored = hash.is_some();
                let hash = hash.unwrap_or_else(|| self.decoy.clone());
                let work = self.worker.run(move |memory| memory.matches(&password, &hash));
                desk.spawn(work, move |keeper, outcome, desk| {
                    keeper.job_done(desk);
                    answer.give(stored && outcome.unwrap_or(false));
                });
            }
        }
        true
    }

    fn job_done(&mut self, desk: &mut Desk<'_, Self>) {
        self.queue.batch_done();
        self.start_next(desk);
    }
}

impl Keeper for Passwords {
    const NAME: &'static str = "passwords";
    /// At 20 ms each, the last in line waits about a second.
    const CAPACITY: usize = 64;
}

impl Receive<Hash> for Passwords {
    fn receive(&mut self, letter: Letter<Hash>, desk: &mut Desk<'_, Self>) {
        self.queue.push(Job::Hash(letter));
        self.start_next(desk);
    }
}

impl Receive<Verify> for Passwords {
    fn receive(&mut self, letter: Letter<Verify>, desk: &mut Desk<'_, Self>) {
        self.queue.push(Job::Verify(letter));
        self.start_next(desk);
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hash(…)")
    }
}

impl std::fmt::Debug for Verify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verify(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use chrono::DateTime;
    use tokio::time::Instant;

    use super::*;
    use crate::runtime::{Handle, Household, RestartPolicy, StartError, SystemRandom, TestClock};

    /// How long a wrong password takes.
    async fn wrong(passwords: &Handle<Passwords>, hash: Option<&String>) -> Duration {
        let password = Zeroizing::new("wrong horse".to_owned());
        let begun = Instant::now();
        let right = passwords.ask(Verify { password, hash: hash.cloned() }).await.unwrap();
        assert!(!right);
        begun.elapsed()
    }

    fn median(mut times: Vec<Duration>) -> Duration {
        times.sort_unstable();
        times[times.len() / 2]
    }

    /// Else a stopwatch tells which addresses have an account.
    #[test]
    fn a_wrong_password_of_nobody_takes_as_long_as_one_of_somebody() {
        actix_rt::System::new().block_on(async {
            let clock = TestClock::starting_at(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
            let environment = Environment::new(Arc::new(clock), Arc::new(SystemRandom));
            let mut household = Household::new(environment.clone(), RestartPolicy::default());
            let factory = move || {
                let environment = environment.clone();
                let made = Passwords::new(environment).map_err(StartError::because);
                Box::pin(async move { made }) as _
            };
            let passwords = household.supervise(factory).await.unwrap();
            let right = || Zeroizing::new("right horse".to_owned());
            let hash = passwords.ask(Hash(right())).await.unwrap().unwrap();
            let known = passwords.ask(Verify { password: right(), hash: Some(hash.clone()) });
            assert!(known.await.unwrap());

            // In turn, so that whatever else the machine does slows both alike.
            let (mut nobody, mut somebody) = (Vec::new(), Vec::new());
            for _ in 0..9 {
                nobody.push(wrong(&passwords, None).await);
                somebody.push(wrong(&passwords, Some(&hash)).await);
            }
            let (nobody, somebody) = (median(nobody), median(somebody));
            assert!(nobody * 2 >= somebody, "{nobody:?} {somebody:?}");
            assert!(somebody * 2 >= nobody, "{nobody:?} {somebody:?}");
            household.shut_down(Duration::from_secs(5)).await;
        });
    }
}
