//! The keys keeper: the one writer of the schedule in this process.

use std::time::Duration;

use chrono::{DateTime, Utc};
use entities::Store;
use protocol::jose::{KeyRing, SigningAlgorithm};
use tokio::time::Instant;

use super::KeyRingView;
use super::error::KeyStoreError;
use super::plan::{Loaded, Upkeep, Wanted};
use super::schedule::{Entry, Overlap, Schedule};
use super::store::{KeyStore, RotateError, RotateKeys};
use crate::last_look::MARGIN;
use crate::runtime::{Ask, Desk, Environment, Keeper, Letter, Queue, Receive, StartError};
use crate::seekers::{Seekers, tell};

/// How long verifiers may cache the JWKS; the `max-age` it is served with.
pub const JWKS_MAX_AGE: Duration = Duration::from_secs(300);

/// What the keeper is configured with.
#[derive(Debug, Clone)]
pub struct KeySettings {
    /// Where the keys are kept.
    pub keys: KeyStore,
    /// What new keys sign with.
    pub algorithm: SigningAlgorithm,
    /// How long a key signs before the next takes over.
    pub rotation_interval: Duration,
    /// The longest life of any access token.
    pub longest_token: Duration,
    /// How much this process looks after the keys.
    pub upkeep: Upkeep,
}

impl KeySettings {
    fn wanted(&self) -> Wanted {
        Wanted {
            algorithm: self.algorithm,
            upkeep: self.upkeep,
            interval: self.rotation_interval,
            overlap: self.overlap(),
        }
    }

    fn overlap(&self) -> Overlap {
        Overlap { ahead: JWKS_MAX_AGE + MARGIN, behind: self.longest_token + MARGIN }
    }
}

/// "Which keys are there?"
#[derive(Debug, Clone, Copy)]
pub struct ListKeys;

impl Ask for ListKeys {
    type Reply = Vec<Entry>;
}

/// "Look at the keys: somebody changed them." Answered when the ring is what is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LookAtKeys;

impl Ask for LookAtKeys {
    type Reply = ();
}

/// "A token names a key that is not in the ring. Is there one by now?" Answered when somebody has
/// looked since it was asked; whether they could.
#[derive(Debug, Clone, Copy)]
pub struct SeekKey;

impl Ask for SeekKey {
    type Reply = bool;
}

/// Owns the signing keys.
#[derive(Debug)]
pub struct Keys {
    settings: KeySettings,
    store: Store,
    environment: Environment,
    schedule: Schedule,
    view: KeyRingView,
    /// One piece of file work at a time, in order: a look at the files that began
    /// before a rotation must not end after it.
    work: Queue<Work>,
    /// Who waits for a look at keys that tokens name.
    seekers: Seekers,
}

/// The keys as they were found.
struct Look {
    schedule: Schedule,
    ring: KeyRing,
    /// When somebody began to look.
    at: DateTime<Utc>,
}

#[derive(Debug)]
enum Work {
    Look(Option<Letter<LookAtKeys>>),
    Seek,
    Rotate(Letter<RotateKeys>),
}

impl Keys {
    /// Reads the keys, making the first one when there is none.
    ///
    /// # Errors
    /// When the keys cannot be had.
    pub async fn load(
        settings: KeySettings,
        store: Store,
        environment: Environment,
    ) -> Result<Keys, StartError> {
        let loaded = look(settings.clone(), store.clone(), environment.clone()).await;
        let Look { schedule, ring, at } = loaded.map_err(StartError::because)?;
        let view = KeyRingView::showing(ring, at);
        let work = Queue::with_batches_of(1);
        let seekers = Seekers::default();
        Ok(Keys { settings, store, environment, schedule, view, work, seekers })
    }

    /// Lets a keeper built after a restart go on feeding the view readers hold.
    #[must_use]
    pub fn feeding(mut self, view: &KeyRingView) -> Keys {
        view.adopt(&self.view);
        self.view = view.clone();
        self
    }

    /// What readers hold.
    #[must_use]
    pub fn view(&self) -> KeyRingView {
        self.view.clone()
    }

    fn adopt(&mut self, Look { schedule, ring, at }: Look) {
        self.view.seen_at(at);
        if schedule != self.schedule {
            tracing::info!(signing = ring.signing_key().kid(), "the key ring has changed");
            self.schedule = schedule;
            self.view.publish(ring);
        }
    }

    fn work_on(&mut self, desk: &mut Desk<'_, Self>) {
        let Some(work) = self.work.next_batch().and_then(|mut batch| batch.pop()) else { return };
        let (settings, store) = (self.settings.clone(), self.store.clone());
        let environment = self.environment.clone();
        match work {
            Work::Look(letter) => {
                let answer = letter.and_then(Letter::open).map(|(LookAtKeys, answer)| answer);
                desk.spawn(look(settings, store, environment), |keys, outcome, desk| {
                    keys.has_looked(outcome, desk);
                    if let Some(answer) = answer {
                        answer.give(());
                    }
                    keys.work_done(desk);
                });
            }
            Work::Seek => {
                let seekers = self.seekers.depart();
                desk.spawn(look(settings, store, environment), |keys, outcome, desk| {
                    let looked = keys.has_looked(outcome, desk);
                    tell(seekers, looked);
                    keys.work_done(desk);
                });
            }
            Work::Rotate(letter) => match letter.open() {
                Some((order, answer)) => {
                    let work = rotate(settings, store, environment, order);
                    desk.spawn(work, |keys, outcome, desk| {
                        answer.give(outcome.map(|(look, entry)| {
                            keys.adopt(look);
                            metrics::counter!("authserver_key_rotation_total").increment(1);
                            entry
                        }));
                        keys.work_done(desk);
                    });
                }
                None => self.work_done(desk),
            },
        }
    }

    /// Takes in what a look brought; whether it brought anything.
    fn has_looked(&mut self, outcome: Result<Look, KeyStoreError>, desk: &Desk<'_, Self>) -> bool {
        desk.note(&outcome);
        match outcome {
            Ok(look) => {
                self.adopt(look);
                true
            }
            // The ring at hand goes on working; the log tells.
            Err(error) => {
                tracing::error!(%error, "the signing keys cannot be reloaded");
                false
            }
        }
    }

    fn work_done(&mut self, desk: &mut Desk<'_, Self>) {
        self.work.batch_done();
        self.work_on(desk);
    }
}

impl Keeper for Keys {
    const NAME: &'static str = "keys";
    const CAPACITY: usize = 256;
    /// Also how soon a rotation by another process is noticed that nobody announced.
    const TICK: Option<Duration> = Some(Duration::from_secs(5));

    fn tick(&mut self, desk: &mut Desk<'_, Self>) {
        if self.work.is_idle() {
            self.work.push(Work::Look(None));
            self.work_on(desk);
        }
    }
}

impl Receive<ListKeys> for Keys {
    fn receive(&mut self, letter: Letter<ListKeys>, _: &mut Desk<'_, Self>) {
        let Some((ListKeys, answer)) = letter.open() else { return };
        answer.give(self.schedule.keys.clone());
    }
}

impl Receive<LookAtKeys> for Keys {
    fn receive(&mut self, letter: Letter<LookAtKeys>, desk: &mut Desk<'_, Self>) {
        self.work.push(Work::Look(Some(letter)));
        self.work_on(desk);
    }
}

impl Receive<SeekKey> for Keys {
    fn receive(&mut self, letter: Letter<SeekKey>, desk: &mut Desk<'_, Self>) {
        let Some((SeekKey, answer)) = letter.open() else { return };
        let Some(next) = self.seekers.join(answer) else { return };
        desk.spawn_forgettable(tokio::time::sleep_until(next), |keys, (), desk| {
            keys.work.push(Work::Seek);
            keys.work_on(desk);
        });
    }
}

impl Receive<RotateKeys> for Keys {
    fn receive(&mut self, letter: Letter<RotateKeys>, desk: &mut Desk<'_, Self>) {
        self.work.push(Work::Rotate(letter));
        self.work_on(desk);
    }
}

/// Looks at the keys, lets time pass for them, and measures how long that takes.
async fn look(
    settings: KeySettings,
    store: Store,
    environment: Environment,
) -> Result<Look, KeyStoreError> {
    let (at, begun) = (environment.now(), Instant::now());
    let loaded = settings.keys.look(settings.wanted(), &store, &environment).await?;
    if loaded.announced.is_some() {
        metrics::counter!("authserver_key_rotation_total").increment(1);
    }
    metrics::histogram!("authserver_key_reload_duration_seconds").record(begun.elapsed());
    Ok(Look { schedule: loaded.schedule, ring: loaded.ring, at })
}

async fn rotate(
    settings: KeySettings,
    store: Store,
    environment: Environment,
    order: RotateKeys,
) -> Result<(Look, Entry), RotateError> {
    let at = environment.now();
    let (algorithm, overlap) = (settings.algorithm, settings.overlap());
    let rotated = settings.keys.rotate(&order, algorithm, overlap, &store, &environment).await?;
    let (Loaded { schedule, ring, .. }, entry) = rotated;
    Ok((Look { schedule, ring, at }, entry))
}
