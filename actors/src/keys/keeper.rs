//! The keys keeper: the one writer of the schedule in this process.

use std::time::Duration;

use entities::audit_event::{self, NewEvent};
use entities::{Store, StoreError};
use protocol::jose::{KeyRing, KeyState, SigningAlgorithm};
use tokio::time::Instant;

use super::KeyRingView;
use super::keyfile::{KeyFileError, KeyFiles, Loaded, NewKey, Timing, Upkeep};
use super::schedule::{Change, Entrance, Entry, Occasion, Overlap, Schedule};
use crate::audit::{Event, Origin};
use crate::runtime::{Ask, Desk, Environment, Fault, Keeper, Letter, Queue, Receive, StartError};

/// How long verifiers may cache the JWKS; the `max-age` it is served with.
pub const JWKS_MAX_AGE: Duration = Duration::from_secs(300);
/// Added to it before a key signs: other processes poll the files.
const MARGIN: Duration = Duration::from_secs(60);

/// What the keeper is configured with.
#[derive(Debug, Clone)]
pub struct KeySettings {
    /// The folder with the keys.
    pub files: KeyFiles,
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
    fn timing(&self) -> Timing {
        Timing { interval: self.rotation_interval, overlap: self.overlap() }
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

/// "Change the signing key."
#[derive(Debug, Clone)]
pub struct RotateKeys {
    /// Sign with the new key at once, although verifiers may not have it yet.
    pub emergency: bool,
    /// In an emergency only: stop publishing the old key, so that what it signed is
    /// refused by everybody who refetches.
    pub drop_old: bool,
    /// Who orders it.
    pub admin: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for RotateKeys {
    /// The new key.
    type Reply = Result<Entry, RotateError>;
}

/// Why keys were not rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The new key was to be announced, and the old one dropped at once.
    #[error(
        "drop_old goes with emergency only: a key that is announced does not sign yet, so \
         without the old one nothing could be signed. If the old key is compromised, say \
         emergency as well; otherwise leave drop_old out, and the old key goes by itself"
    )]
    DropsTheOnlyKey,
    /// The key files.
    #[error(transparent)]
    Files(#[from] KeyFileError),
    /// The audit row.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for RotateError {
    fn fault(&self) -> Option<String> {
        match self {
            RotateError::DropsTheOnlyKey => None,
            RotateError::Files(error) => error.fault(),
            RotateError::Store(error) => error.fault(),
        }
    }
}

impl Fault for KeyFileError {
    fn fault(&self) -> Option<String> {
        match self {
            KeyFileError::RotationUnderWay(_) => None,
            error => Some(error.to_string()),
        }
    }
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
}

#[derive(Debug)]
enum Work {
    Look,
    Rotate(Letter<RotateKeys>),
}

impl Keys {
    /// Reads the keys, making the first one when there is none.
    ///
    /// # Errors
    /// When the key files cannot be used, or what happened to them cannot be audited.
    pub async fn load(
        settings: KeySettings,
        store: Store,
        environment: Environment,
    ) -> Result<Keys, StartError> {
        let loaded = look(settings.clone(), store.clone(), environment.clone()).await;
        let (schedule, ring) = loaded.map_err(StartError::because)?;
        let view = KeyRingView::showing(ring);
        let work = Queue::with_batches_of(1);
        Ok(Keys { settings, store, environment, schedule, view, work })
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

    fn adopt(&mut self, schedule: Schedule, ring: KeyRing) {
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
            Work::Look => desk.spawn(look(settings, store, environment), |keys, outcome, desk| {
                desk.note(&outcome);
                match outcome {
                    Ok((schedule, ring)) => keys.adopt(schedule, ring),
                    // The ring at hand goes on working; the log tells.
                    Err(error) => tracing::error!(%error, "the signing keys cannot be reloaded"),
                }
                keys.work_done(desk);
            }),
            Work::Rotate(letter) => match letter.open() {
                Some((order, answer)) => {
                    let work = rotate(settings, store, environment, order);
                    desk.spawn(work, |keys, outcome, desk| {
                        answer.give(outcome.map(|(schedule, ring, entry)| {
                            keys.adopt(schedule, ring);
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

    fn work_done(&mut self, desk: &mut Desk<'_, Self>) {
        self.work.batch_done();
        self.work_on(desk);
    }
}

impl Keeper for Keys {
    const NAME: &'static str = "keys";
    const CAPACITY: usize = 16;
    /// Also how soon a rotation by another process is noticed.
    const TICK: Option<Duration> = Some(Duration::from_secs(5));

    fn tick(&mut self, desk: &mut Desk<'_, Self>) {
        if self.work.is_idle() {
            self.work.push(Work::Look);
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

impl Receive<RotateKeys> for Keys {
    fn receive(&mut self, letter: Letter<RotateKeys>, desk: &mut Desk<'_, Self>) {
        self.work.push(Work::Rotate(letter));
        self.work_on(desk);
    }
}

/// Looks at the files, lets time pass for the keys, and writes down what that did.
///
/// Here the audit row comes second: a key whose time has come must not wait for a
/// database that is away. What could not be written is in the log.
async fn look(
    settings: KeySettings,
    store: Store,
    environment: Environment,
) -> Result<(Schedule, KeyRing), KeyFileError> {
    let (now, begun) = (environment.now(), Instant::now());
    let loaded = in_background(move || {
        let KeySettings { files, algorithm, upkeep, .. } = &settings;
        files.load(*algorithm, *upkeep, settings.timing(), now)
    })
    .await?;
    let Loaded { schedule, ring, changes, announced } = loaded;
    if announced.is_some() {
        metrics::counter!("authserver_key_rotation_total").increment(1);
    }
    metrics::histogram!("authserver_key_reload_duration_seconds").record(begun.elapsed());
    let events = changes.iter();
    let events = events.map(|it| told(it, announced).stamped(&environment)).collect();
    if let Err(error) = append(&store, events).await {
        tracing::error!(%error, ?changes, "a change of the signing keys could not be audited");
    }
    Ok((schedule, ring))
}

/// Rotates by order. Files cannot join a database transaction, so the audit row comes
/// first, once it is known that nothing is in the way: there is never a rotation the log
/// does not know.
async fn rotate(
    settings: KeySettings,
    store: Store,
    environment: Environment,
    order: RotateKeys,
) -> Result<(Schedule, KeyRing, Entry), RotateError> {
    let entrance = if order.emergency { Entrance::AtOnce } else { Entrance::Announced };
    if entrance == Entrance::Announced {
        if order.drop_old {
            return Err(RotateError::DropsTheOnlyKey);
        }
        let files = settings.files.clone();
        in_background(move || files.may_announce()).await?;
    }
    let event = Event::new(ROTATED, &order.origin)
        .by(&order.admin)
        .with("alg", settings.algorithm)
        .with("emergency", order.emergency)
        .with("dropped_old", order.drop_old)
        .stamped(&environment);
    append(&store, vec![event]).await?;
    let new = NewKey { algorithm: settings.algorithm, entrance, drop_old: order.drop_old };
    let now = environment.now();
    let rotated = in_background(move || settings.files.rotate(new, settings.overlap(), now)).await;
    match rotated {
        Ok((Loaded { schedule, ring, .. }, entry)) => Ok((schedule, ring, entry)),
        Err(error) => {
            let event = Event::new(ROTATED, &order.origin).by(&order.admin).with("failed", &error);
            append(&store, vec![event.stamped(&environment)]).await?;
            Err(error.into())
        }
    }
}

/// The action of everything that happens to signing keys.
const ROTATED: &str = "key.rotated";

fn told(change: &Change, announced: Option<Occasion>) -> Event {
    let state = change.state.map_or("gone", KeyState::as_str);
    let event = Event::new(ROTATED, &Origin::local())
        .by("keys keeper")
        .with("kid", &change.kid)
        .with("state", state);
    match announced.filter(|_| change.state == Some(KeyState::Next)) {
        Some(occasion) => event.with("reason", occasion.as_str()),
        None => event,
    }
}

async fn append(store: &Store, events: Vec<NewEvent>) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    store
        .write(move |transaction| {
            Box::pin(async move { audit_event::append(transaction, events).await })
        })
        .await
}

/// File work leaves the keeper's thread free.
async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // Ours is never cancelled, so this is a panic: the keeper's panic.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
