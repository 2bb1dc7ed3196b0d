//! The keys keeper: the one writer of the schedule in this process.

use std::time::Duration;

use entities::{Store, StoreError, audit_event};
use protocol::jose::SigningAlgorithm;

use super::KeyRingView;
use super::keyfile::{KeyFileError, KeyFiles, NewKey};
use super::schedule::{Entrance, Entry, Overlap, Schedule};
use crate::audit::{Event, Origin};
use crate::runtime::{Ask, Desk, Environment, Keeper, Letter, Receive, StartError};

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
    /// The longest life of any access token.
    pub longest_token: Duration,
}

impl KeySettings {
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
    /// In an emergency: stop publishing the old key, so that what it signed is
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
    /// The key files.
    #[error(transparent)]
    Files(#[from] KeyFileError),
    /// The audit row.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Owns the signing keys.
#[derive(Debug)]
pub struct Keys {
    settings: KeySettings,
    store: Store,
    environment: Environment,
    schedule: Schedule,
    view: KeyRingView,
    busy: bool,
}

impl Keys {
    /// Reads the keys, making the first one when there is none.
    ///
    /// # Errors
    /// When the key files cannot be used.
    pub async fn load(
        settings: KeySettings,
        store: Store,
        environment: Environment,
    ) -> Result<Keys, StartError> {
        let (schedule, ring) =
            advance(settings.clone(), environment.clone()).await.map_err(StartError::because)?;
        let view = KeyRingView::showing(ring);
        Ok(Keys { settings, store, environment, schedule, view, busy: false })
    }

    /// Lets a keeper built after a restart go on feeding the view readers hold.
    #[must_use]
    pub fn feeding(mut self, view: &KeyRingView) -> Keys {
        view.0.store(self.view.current());
        self.view = view.clone();
        self
    }

    /// What readers hold.
    #[must_use]
    pub fn view(&self) -> KeyRingView {
        self.view.clone()
    }

    fn adopt(&mut self, schedule: Schedule, ring: protocol::jose::KeyRing) {
        if schedule != self.schedule {
            tracing::info!(signing = ring.signing_key().kid(), "the key ring has changed");
            self.schedule = schedule;
            self.view.publish(ring);
        }
    }
}

type Loaded = Result<(Schedule, protocol::jose::KeyRing), KeyFileError>;

async fn advance(settings: KeySettings, environment: Environment) -> Loaded {
    in_background(move || {
        let now = environment.now();
        let schedule = settings.files.advance(settings.algorithm, settings.overlap(), now)?;
        let ring = settings.files.ring(&schedule)?;
        Ok((schedule, ring))
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

impl Keeper for Keys {
    const NAME: &'static str = "keys";
    const CAPACITY: usize = 16;
    /// Also how soon a rotation by another process is noticed.
    const TICK: Option<Duration> = Some(Duration::from_secs(5));

    fn tick(&mut self, desk: &mut Desk<'_, Self>) {
        if self.busy {
            return;
        }
        self.busy = true;
        let work = advance(self.settings.clone(), self.environment.clone());
        desk.spawn(work, |keys, outcome, _| {
            keys.busy = false;
            match outcome {
                Ok((schedule, ring)) => keys.adopt(schedule, ring),
                // The ring at hand goes on working; the log and the metric tell.
                Err(error) => tracing::error!(%error, "the signing keys cannot be reloaded"),
            }
        });
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
        let Some((order, answer)) = letter.open() else { return };
        let (settings, store) = (self.settings.clone(), self.store.clone());
        let environment = self.environment.clone();
        desk.spawn(rotate(settings, store, environment, order), move |keys, outcome, _| {
            answer.give(outcome.map(|(schedule, ring, entry)| {
                keys.adopt(schedule, ring);
                metrics::counter!("authserver_key_rotation_total").increment(1);
                entry
            }));
        });
    }
}

/// Files cannot join a database transaction. The audit row comes first, so that there
/// is never a rotation the log does not know; a failure after it is in the log too.
async fn rotate(
    settings: KeySettings,
    store: Store,
    environment: Environment,
    order: RotateKeys,
) -> Result<(Schedule, protocol::jose::KeyRing, Entry), RotateError> {
    let event = Event::new("key.rotated", &order.origin)
        .by(&order.admin)
        .with("alg", settings.algorithm)
        .with("emergency", order.emergency)
        .with("dropped_old", order.drop_old)
        .stamped(&environment);
    store
        .write(move |transaction| {
            Box::pin(async move { audit_event::append(transaction, vec![event]).await })
        })
        .await?;
    let entrance = if order.emergency { Entrance::AtOnce } else { Entrance::Announced };
    let drop_old = order.emergency && order.drop_old;
    let new = NewKey { algorithm: settings.algorithm, entrance, drop_old };
    let done = in_background(move || {
        let (schedule, entry) =
            settings.files.rotate(new, settings.overlap(), environment.now())?;
        let ring = settings.files.ring(&schedule)?;
        Ok::<_, KeyFileError>((schedule, ring, entry))
    });
    Ok(done.await?)
}
