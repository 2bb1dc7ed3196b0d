//! Builds a keeper, watches it, and builds it again.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::{Actor as _, Addr};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::handle::Line;
use super::health::{KeeperState, Pulse};
use super::shell::{Drain, Heartbeat, Shell, Tick};
use super::{Environment, Keeper, Restart};

/// A keeper could not be built. The supervisor tries again.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

impl StartError {
    /// A start error that says what could not be had.
    pub fn because(cause: impl fmt::Display) -> StartError {
        StartError(cause.to_string())
    }
}

/// How a keeper is brought back.
#[derive(Debug, Clone, Copy)]
pub struct RestartPolicy {
    /// The pause before the first rebuild; doubles with each one that follows.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// How many rebuilds within [`RestartPolicy::window`] before the keeper is
    /// given up: a bug that comes back at once is not healed by restarting.
    pub budget: usize,
    /// The time over which rebuilds are counted.
    pub window: Duration,
}

impl Default for RestartPolicy {
    fn default() -> RestartPolicy {
        RestartPolicy {
            first_pause: Duration::from_millis(50),
            longest_pause: Duration::from_secs(5),
            budget: 20,
            window: Duration::from_secs(300),
        }
    }
}

/// Builds a keeper from what is stored.
pub(super) type Factory<K> =
    Box<dyn Fn() -> BoxFuture<'static, Result<K, StartError>> + Send + Sync>;

pub(super) type OnRestart = Arc<dyn Fn(Restart) + Send + Sync>;

pub(super) struct Supervisor<K: Keeper> {
    pub(super) name: String,
    pub(super) factory: Factory<K>,
    pub(super) line: Arc<Line<K>>,
    pub(super) pulse: Arc<Pulse>,
    pub(super) arbiter: actix_rt::ArbiterHandle,
    pub(super) policy: RestartPolicy,
    pub(super) heartbeat_every: Duration,
    pub(super) environment: Environment,
    pub(super) on_restart: OnRestart,
}

/// Why one life of a keeper ended.
enum End {
    Died,
    Drained,
}

impl<K: Keeper> Supervisor<K> {
    /// Keeps the keeper alive until told to drain it. `ready` hears of the first
    /// start, so that boot fails with the reason when a keeper cannot be built.
    pub(super) async fn run(
        self,
        mut drain: oneshot::Receiver<oneshot::Sender<()>>,
        ready: oneshot::Sender<Result<(), StartError>>,
    ) {
        let mut ready = Some(ready);
        let mut restarts = Restarts::under(self.policy);
        loop {
            let (reason, counts) = match self.build().await {
                Ok(keeper) => {
                    let (address, life) = self.begin(keeper);
                    if let Some(ready) = ready.take() {
                        drop(ready.send(Ok(())));
                    }
                    match self.watch(&address, life, &mut drain).await {
                        End::Drained => return,
                        End::Died => ("it panicked".to_owned(), true),
                    }
                }
                Err(error) if ready.is_some() => {
                    self.pulse.set(KeeperState::Failed, Some(error.to_string()));
                    if let Some(ready) = ready.take() {
                        drop(ready.send(Err(error)));
                    }
                    return;
                }
                // What the keeper needs is away, most likely the database: that is no
                // bug of the keeper, and it may take as long as it takes.
                Err(error) => (error.to_string(), false),
            };
            let Some(pause) = restarts.next_pause(counts) else {
                tracing::error!(keeper = %self.name, reason, "keeper failed for good: out of restarts");
                // Nobody need wait for a keeper that will not come back.
                self.line.closed.store(true, Ordering::SeqCst);
                self.pulse.set(KeeperState::Failed, Some(reason));
                self.leave(drain.await.ok());
                return;
            };
            if counts {
                self.announce_restart(&reason);
            } else {
                tracing::warn!(keeper = %self.name, reason, "keeper cannot be rebuilt yet");
                self.pulse.set(KeeperState::Restarting, Some(reason));
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                waiting = &mut drain => { self.leave(waiting.ok()); return; }
            }
        }
    }

    /// A panic in the factory must not end the supervisor: it would leave a keeper
    /// that is "being restarted" for ever. Nothing of the failed build is kept, so
    /// there is nothing half-made to see.
    async fn build(&self) -> Result<K, StartError> {
        AssertUnwindSafe(async { (self.factory)().await })
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(StartError("its factory panicked".to_owned())))
    }

    fn begin(&self, keeper: K) -> (Addr<Shell<K>>, oneshot::Receiver<()>) {
        let (life, ended) = oneshot::channel();
        let pulse = Arc::clone(&self.pulse);
        self.pulse.beat();
        let address =
            Shell::start_in_arbiter(&self.arbiter, move |_| Shell::new(keeper, pulse, life));
        self.pulse.set(KeeperState::Up, None);
        self.line.address.send_replace(Some(address.clone()));
        (address, ended)
    }

    async fn watch(
        &self,
        address: &Addr<Shell<K>>,
        mut ended: oneshot::Receiver<()>,
        drain: &mut oneshot::Receiver<oneshot::Sender<()>>,
    ) -> End {
        let mut heartbeat = tokio::time::interval(self.heartbeat_every);
        let mut tick = self.next_tick();
        loop {
            tokio::select! {
                _ = &mut ended => {
                    self.line.address.send_replace(None);
                    return End::Died;
                }
                waiting = &mut *drain => {
                    self.drain(address, &mut ended).await;
                    self.leave(waiting.ok());
                    return End::Drained;
                }
                // A full mailbox or a dead address needs no action here: the
                // pulse simply does not move, and `ended` tells of a death.
                _ = heartbeat.tick() => {
                    drop(address.try_send(Heartbeat));
                    self.pulse.last_success();
                }
                () = &mut tick => {
                    drop(address.try_send(Tick));
                    tick = self.next_tick();
                }
            }
        }
    }

    fn next_tick(&self) -> BoxFuture<'static, ()> {
        match K::TICK {
            Some(every) => self.environment.wait(every),
            None => Box::pin(futures::future::pending()),
        }
    }

    /// Waits until every accepted message is answered and all work is done.
    async fn drain(&self, address: &Addr<Shell<K>>, ended: &mut oneshot::Receiver<()>) {
        let (done, drained) = oneshot::channel();
        let mut order = Drain(done);
        loop {
            match address.try_send(order) {
                Ok(()) => break,
                Err(actix::dev::SendError::Full(back)) => order = back,
                Err(actix::dev::SendError::Closed(_)) => return,
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::select! {
            _ = drained => {}
            _ = ended => {}
        }
    }

    fn leave(&self, waiting: Option<oneshot::Sender<()>>) {
        self.line.address.send_replace(None);
        if self.pulse.read().0 != KeeperState::Failed {
            self.pulse.set(KeeperState::Stopped, None);
        }
        if let Some(waiting) = waiting {
            let _gone = waiting.send(());
        }
    }

    fn announce_restart(&self, reason: &str) {
        let restarts = self.pulse.restarts.fetch_add(1, Ordering::Relaxed) + 1;
        self.pulse.set(KeeperState::Restarting, Some(reason.to_owned()));
        tracing::warn!(keeper = %self.name, restarts, reason, "keeper is being restarted");
        metrics::counter!("authserver_keeper_restarts_total", "keeper" => self.name.clone())
            .increment(1);
        (self.on_restart)(Restart {
            keeper: self.name.clone(),
            restarts,
            reason: reason.to_owned(),
        });
    }
}

/// The rebuilds of late, held against the policy.
struct Restarts {
    policy: RestartPolicy,
    recent: Vec<Instant>,
    /// Builds that failed since the last death.
    failed_builds: u32,
}

impl Restarts {
    fn under(policy: RestartPolicy) -> Restarts {
        Restarts { policy, recent: Vec::new(), failed_builds: 0 }
    }

    /// The pause before the next rebuild, or `None` when the budget is spent. Only a
    /// death `counts` against the budget.
    fn next_pause(&mut self, counts: bool) -> Option<Duration> {
        if !counts {
            self.failed_builds = self.failed_builds.saturating_add(1);
            return Some(self.pause(self.failed_builds - 1));
        }
        self.failed_builds = 0;
        let now = Instant::now();
        self.recent.retain(|at| now.duration_since(*at) < self.policy.window);
        if self.recent.len() >= self.policy.budget {
            return None;
        }
        let doublings = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        self.recent.push(now);
        Some(self.pause(doublings))
    }

    fn pause(&self, doublings: u32) -> Duration {
        let pause = self.policy.first_pause * 2_u32.pow(doublings.min(16));
        pause.min(self.policy.longest_pause)
    }
}
