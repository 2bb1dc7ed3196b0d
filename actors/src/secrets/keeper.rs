//! The secrets keeper: feeds the view, and adds secrets by order.

use std::time::Duration;

use chrono::{DateTime, Utc};
use protocol::secret_ring::{Derivation, Entry, RingKeys, SecretRing};

use super::SecretRingView;
use super::store::{RingStore, RotateSecrets, SecretsError};
use crate::runtime::{Ask, Desk, Environment, Keeper, Letter, Queue, Receive, StartError};
use crate::seekers::{Seekers, tell};

/// What the keeper is configured with.
#[derive(Debug, Clone)]
pub struct SecretSettings {
    /// Where the ring is.
    pub ring: RingStore,
    /// What the keys depend on beside it.
    pub derivation: Derivation,
}

/// "Which secrets are there?"
#[derive(Debug, Clone, Copy)]
pub struct ListSecrets;

impl Ask for ListSecrets {
    type Reply = Vec<Entry>;
}

/// "Look at the secrets: somebody changed them." Answered when somebody has looked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LookAtSecrets;

impl Ask for LookAtSecrets {
    type Reply = ();
}

/// "A token names a secret that is not in the ring. Is there one by now?" Answered when somebody
/// has looked since it was asked; whether they could.
#[derive(Debug, Clone, Copy)]
pub struct SeekSecret;

impl Ask for SeekSecret {
    type Reply = bool;
}

/// Owns the ring of server secrets.
#[derive(Debug)]
pub struct Secrets {
    settings: SecretSettings,
    environment: Environment,
    ring: SecretRing,
    view: SecretRingView,
    /// One look or rotation at a time, in order: a look that began before a rotation must not
    /// end after it.
    work: Queue<Work>,
    /// Who waits for a look at secrets that tokens name.
    seekers: Seekers,
}

#[derive(Debug)]
enum Work {
    Look(Option<Letter<LookAtSecrets>>),
    Seek,
    Rotate(Letter<RotateSecrets>),
}

impl Secrets {
    /// Reads the ring.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn load(
        settings: SecretSettings,
        environment: Environment,
    ) -> Result<Secrets, StartError> {
        let at = environment.now();
        let ring = settings.ring.load().await.map_err(StartError::because)?;
        let keys = RingKeys::derive(&ring, &settings.derivation, environment.now());
        let keys = keys.ok_or(SecretsError::AdminKeyPair).map_err(StartError::because)?;
        let view = SecretRingView::showing(keys, at);
        let (work, seekers) = (Queue::with_batches_of(1), Seekers::default());
        Ok(Secrets { settings, environment, ring, view, work, seekers })
    }

    /// Lets a keeper built after a restart go on feeding the view readers hold.
    #[must_use]
    pub fn feeding(mut self, view: &SecretRingView) -> Secrets {
        view.adopt(&self.view);
        self.view = view.clone();
        self
    }

    /// What readers hold.
    #[must_use]
    pub fn view(&self) -> SecretRingView {
        self.view.clone()
    }

    /// Takes in the ring as it was at a moment. What is made and recognised follows from it and
    /// the time.
    fn adopt(&mut self, ring: SecretRing, seen_at: DateTime<Utc>) -> Result<(), SecretsError> {
        if ring.newest() != self.ring.newest() {
            tracing::info!(newest = ring.newest(), "the ring of server secrets has changed");
        }
        self.ring = ring;
        let now = self.environment.now();
        let keys = RingKeys::derive(&self.ring, &self.settings.derivation, now);
        self.view.publish(keys.ok_or(SecretsError::AdminKeyPair)?, seen_at);
        Ok(())
    }

    /// What operators are told of the ring.
    fn entries(&self) -> Vec<Entry> {
        self.ring.entries(self.settings.derivation.longest(), self.environment.now())
    }

    fn work_on(&mut self, desk: &mut Desk<'_, Self>) {
        let Some(work) = self.work.next_batch().and_then(|mut batch| batch.pop()) else { return };
        match work {
            Work::Look(letter) => {
                let answer = letter.and_then(Letter::open).map(|(LookAtSecrets, answer)| answer);
                self.look(desk, |_looked| {
                    if let Some(answer) = answer {
                        answer.give(());
                    }
                });
            }
            Work::Seek => {
                let seekers = self.seekers.depart();
                self.look(desk, |looked| tell(seekers, looked));
            }
            Work::Rotate(letter) => match letter.open() {
                Some((order, answer)) => {
                    let (ring, environment) =
                        (self.settings.ring.clone(), self.environment.clone());
                    let (longest, at) = (self.settings.derivation.longest(), environment.now());
                    let work = async move { ring.rotate(&order, longest, &environment).await };
                    desk.spawn(work, move |secrets, outcome, desk| {
                        answer.give(outcome.and_then(|ring| {
                            secrets.adopt(ring, at)?;
                            metrics::counter!("authserver_secret_rotation_total").increment(1);
                            Ok(secrets.entries())
                        }));
                        secrets.work_done(desk);
                    });
                }
                None => self.work_done(desk),
            },
        }
    }

    fn look(&mut self, desk: &mut Desk<'_, Self>, then: impl FnOnce(bool) + 'static) {
        let (ring, at) = (self.settings.ring.clone(), self.environment.now());
        desk.spawn(async move { ring.load().await }, move |secrets, outcome, desk| {
            let outcome = outcome.and_then(|ring| secrets.adopt(ring, at));
            desk.note(&outcome);
            // The ring at hand goes on working; the log tells.
            if let Err(error) = &outcome {
                tracing::error!(%error, "the server secrets cannot be reloaded");
            }
            then(outcome.is_ok());
            secrets.work_done(desk);
        });
    }

    fn work_done(&mut self, desk: &mut Desk<'_, Self>) {
        self.work.batch_done();
        self.work_on(desk);
    }
}

impl Keeper for Secrets {
    const NAME: &'static str = "secrets";
    const CAPACITY: usize = 256;
    /// Also how soon a secret takes over whose time has come, and how soon a change is noticed
    /// that nobody heard of.
    const TICK: Option<Duration> = Some(Duration::from_secs(5));

    fn tick(&mut self, desk: &mut Desk<'_, Self>) {
        if self.work.is_idle() {
            self.work.push(Work::Look(None));
            self.work_on(desk);
        }
    }
}

impl Receive<ListSecrets> for Secrets {
    fn receive(&mut self, letter: Letter<ListSecrets>, _: &mut Desk<'_, Self>) {
        let Some((ListSecrets, answer)) = letter.open() else { return };
        answer.give(self.entries());
    }
}

impl Receive<LookAtSecrets> for Secrets {
    fn receive(&mut self, letter: Letter<LookAtSecrets>, desk: &mut Desk<'_, Self>) {
        self.work.push(Work::Look(Some(letter)));
        self.work_on(desk);
    }
}

impl Receive<SeekSecret> for Secrets {
    fn receive(&mut self, letter: Letter<SeekSecret>, desk: &mut Desk<'_, Self>) {
        let Some((SeekSecret, answer)) = letter.open() else { return };
        let Some(next) = self.seekers.join(answer) else { return };
        desk.spawn_forgettable(tokio::time::sleep_until(next), |secrets, (), desk| {
            secrets.work.push(Work::Seek);
            secrets.work_on(desk);
        });
    }
}

impl Receive<RotateSecrets> for Secrets {
    fn receive(&mut self, letter: Letter<RotateSecrets>, desk: &mut Desk<'_, Self>) {
        self.work.push(Work::Rotate(letter));
        self.work_on(desk);
    }
}
