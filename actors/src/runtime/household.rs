//! All keepers of one server: starts them in order, stops them in reverse.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::{oneshot, watch};

use super::handle::{Handle, Line};
use super::health::{KeeperHealth, KeeperState, Pulse, Vigilance};
use super::supervisor::{OnRestart, RestartPolicy, StartError, Supervisor};
use super::{Environment, Keeper};

/// A keeper died and is being rebuilt; the ledger writes it down.
#[derive(Debug, Clone)]
pub struct Restart {
    /// The keeper's name.
    pub keeper: String,
    /// How often it has been rebuilt since the process started, this one included.
    pub restarts: u64,
    /// Why.
    pub reason: String,
}

/// What a shutdown achieved.
#[derive(Debug, Default)]
pub struct ShutdownReport {
    /// Keepers that did not finish their work in time.
    pub unfinished: Vec<String>,
}

/// What a keeper gets at a shutdown even when the time is up: one with nothing to do
/// only has to be scheduled once to say so.
const A_MOMENT: Duration = Duration::from_millis(250);

/// The keepers of one server, in the order they were started.
pub struct Household {
    environment: Environment,
    policy: RestartPolicy,
    vigilance: Vigilance,
    members: Vec<Member>,
    restarts: Arc<Mutex<RestartListener>>,
}

type RestartListener = Option<Box<dyn Fn(Restart) + Send>>;

struct Member {
    name: String,
    capacity: usize,
    pulse: Arc<Pulse>,
    close: Box<dyn Fn() + Send + Sync>,
    drain: Mutex<Option<oneshot::Sender<oneshot::Sender<()>>>>,
    arbiter: Mutex<Option<actix_rt::Arbiter>>,
}

impl Household {
    /// An empty household. Must live inside an actix system.
    #[must_use]
    pub fn new(environment: Environment, policy: RestartPolicy) -> Household {
        let restarts = Arc::new(Mutex::new(None));
        let vigilance = Vigilance::default();
        Household { environment, policy, vigilance, members: Vec::new(), restarts }
    }

    /// Watches the keepers started from now on this closely: tests have no time to
    /// wait until silence counts as silence.
    #[cfg(test)]
    pub(super) fn watch_closely(&mut self, vigilance: Vigilance) {
        self.vigilance = vigilance;
    }

    /// The keepers' threads that nobody has told to stop.
    #[cfg(test)]
    pub(super) fn arbiters(&self) -> Vec<actix_rt::ArbiterHandle> {
        let held = |member: &Member| {
            let arbiter = member.arbiter.lock().unwrap_or_else(PoisonError::into_inner);
            arbiter.as_ref().map(actix_rt::Arbiter::handle)
        };
        self.members.iter().filter_map(held).collect()
    }

    /// Tells `listener` of every restart from now on.
    pub fn on_restart(&self, listener: impl Fn(Restart) + Send + 'static) {
        let mut held = self.restarts.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Some(Box::new(listener));
    }

    /// Starts a keeper on a thread of its own and keeps it alive.
    ///
    /// # Errors
    /// When the factory fails at this first start; later failures are retried.
    pub async fn supervise<K, F>(&mut self, factory: F) -> Result<Handle<K>, StartError>
    where
        K: Keeper,
        F: Fn() -> BoxFuture<'static, Result<K, StartError>> + Send + Sync + 'static,
    {
        self.supervise_shard(K::NAME.to_owned(), factory).await
    }

    /// Like [`Household::supervise`], under a name that tells shards apart.
    ///
    /// # Errors
    /// As [`Household::supervise`].
    pub async fn supervise_shard<K, F>(
        &mut self,
        name: String,
        factory: F,
    ) -> Result<Handle<K>, StartError>
    where
        K: Keeper,
        F: Fn() -> BoxFuture<'static, Result<K, StartError>> + Send + Sync + 'static,
    {
        let environment = self.environment.clone();
        let pulse = Arc::new(Pulse::new(self.vigilance.unresponsive_after, environment));
        let line = Arc::new(Line::<K> {
            address: watch::Sender::new(None),
            pulse: Arc::clone(&pulse),
            closed: AtomicBool::new(false),
        });
        let arbiter = actix_rt::Arbiter::new();
        let (drain, drained) = oneshot::channel();
        let (ready, started) = oneshot::channel();
        let supervisor = Supervisor {
            name: name.clone(),
            factory: Box::new(factory),
            line: Arc::clone(&line),
            pulse: Arc::clone(&pulse),
            arbiter: arbiter.handle(),
            policy: self.policy,
            heartbeat_every: self.vigilance.heartbeat_every,
            environment: self.environment.clone(),
            on_restart: self.restart_relay(),
        };
        actix_rt::spawn(supervisor.run(drained, ready));
        let closing = Arc::clone(&line);
        self.members.push(Member {
            name,
            capacity: K::CAPACITY,
            pulse,
            close: Box::new(move || closing.closed.store(true, Ordering::SeqCst)),
            drain: Mutex::new(Some(drain)),
            arbiter: Mutex::new(Some(arbiter)),
        });
        started.await.unwrap_or_else(|_| Err(StartError("its supervisor stopped".to_owned())))?;
        Ok(Handle::new(line))
    }

    fn restart_relay(&self) -> OnRestart {
        let listener = Arc::clone(&self.restarts);
        Arc::new(move |restart| {
            if let Some(tell) = listener.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
                tell(restart);
            }
        })
    }

    /// Every keeper's state, in starting order. Reads shared memory only, so it
    /// answers even when a keeper does not.
    #[must_use]
    pub fn health(&self) -> Vec<KeeperHealth> {
        self.members.iter().map(Member::health).collect()
    }

    /// Stops the keepers one after the other, last started first: each refuses new
    /// messages, answers those it has taken on, finishes its work and goes.
    ///
    /// `patience` is for all of them together, and each has at least an equal share of
    /// what is left: one that is stuck does not use up the time of the ledger. Keepers
    /// that are not done in theirs are left behind and named in the report.
    pub async fn shut_down(&self, patience: Duration) -> ShutdownReport {
        let mut report = ShutdownReport::default();
        let deadline = tokio::time::Instant::now() + patience;
        for (earlier, member) in self.members.iter().enumerate().rev() {
            (member.close)();
            let left = deadline.duration_since(tokio::time::Instant::now());
            let share = left / u32::try_from(earlier + 1).unwrap_or(u32::MAX);
            let share = share.max(A_MOMENT);
            if tokio::time::timeout(share, member.drain()).await.is_err() {
                report.unfinished.push(member.name.clone());
            }
            member.stop_arbiter();
        }
        report
    }
}

impl Member {
    fn health(&self) -> KeeperHealth {
        let (state, last_error) = self.pulse.read();
        KeeperHealth {
            keeper: self.name.clone(),
            state,
            mailbox_depth: self.pulse.depth.load(Ordering::Relaxed),
            mailbox_capacity: self.capacity,
            restarts: self.pulse.restarts.load(Ordering::Relaxed),
            last_success: self.pulse.last_success(),
            last_error,
        }
    }

    async fn drain(&self) {
        let order = self.drain.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(order) = order else { return };
        let (done, drained) = oneshot::channel();
        if order.send(done).is_ok() {
            drop(drained.await);
        }
    }

    fn stop_arbiter(&self) {
        if let Some(arbiter) = self.arbiter.lock().unwrap_or_else(PoisonError::into_inner).take() {
            arbiter.stop();
        }
    }
}

impl Drop for Household {
    /// A household that was not shut down still must not leave threads behind.
    fn drop(&mut self) {
        for member in &self.members {
            if member.pulse.read().0 == KeeperState::Up {
                tracing::debug!(keeper = %member.name, "household dropped while keeper was up");
            }
            member.stop_arbiter();
        }
    }
}

impl fmt::Debug for Household {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.members.iter().map(|member| &member.name)).finish()
    }
}
