//! What strangers have tried, counted in the store: a restart forgets nothing, and
//! replicas do not multiply it.
//!
//! **Signing in** is counted by what was typed as the address, whether or not anybody has
//! it, in two ways. From a browser nobody knows it counts for the address *and* the
//! network it came from: as many failures as configured lock the address for that network.
//! And for the address as a whole, where [`ACCOUNT_WIDE`] times as many lock it for all
//! such browsers, so that spreading over networks does not help. From a browser the person
//! has signed in with before, it counts for that browser alone, and neither lock holds it
//! up: whoever fails on purpose cannot lock a person out of the browsers they use.
//!
//! **Client authentication** is counted by client and network, **admin keys** by network: who has
//! a right one is never kept waiting.

mod lockouts;
mod messages;
mod registrations;
mod work;

use std::time::Duration;

use entities::Store;
use entities::audit_event::NewEvent;
use entities::budget::Refill;
use protocol::secret::HashKey;

pub use entities::attempt::Kind;
pub use messages::{
    BeginSignIn, Begun, EndSignIn, LiftLockouts, ListLockouts, Lockout, LockoutScope, Lockouts,
    NoteClientFailure, NoteWrongAdminKey, Outcome, SpendRegistration, Ticket, Whose,
};

use crate::denials::Denials;
use crate::runtime::{Answer, Desk, Environment, Keeper, Letter, Queue, Receive};

/// How many times the failures of one network lock an address for all networks.
pub const ACCOUNT_WIDE: u32 = 10;
/// Failures of clients in one transaction at most.
const BATCH: usize = 64;

/// What the keeper is configured with.
#[derive(Debug, Clone)]
pub struct AttemptSettings {
    /// Failures that lock; 0 is never.
    pub most: u32,
    /// The time in which they count.
    pub window: Duration,
    /// How long a lockout lasts.
    pub lockout: Duration,
    /// Rows of a kind that are kept at most.
    pub remembered: u32,
    /// Registrations from one network.
    pub registrations: Refill,
    /// Registrations in all.
    pub registrations_in_all: Refill,
    /// Keys the hashes of identities.
    pub key: HashKey,
}

/// Owns the counts of what strangers have tried.
#[derive(Debug)]
pub struct Attempts {
    store: Store,
    environment: Environment,
    settings: AttemptSettings,
    denials: Denials,
    failures: Queue<Letter<NoteClientFailure>>,
    tidying: bool,
}

impl Attempts {
    /// A keeper over `store`.
    #[must_use]
    pub fn new(
        store: Store,
        environment: Environment,
        settings: AttemptSettings,
        denials: Denials,
    ) -> Attempts {
        let failures = Queue::with_batches_of(BATCH);
        Attempts { store, environment, settings, denials, failures, tidying: false }
    }

    fn count_next_failures(&mut self, desk: &mut Desk<'_, Self>) {
        let Some(letters) = self.failures.next_batch() else { return };
        let (failures, answers): (Vec<NoteClientFailure>, Vec<Answer<_>>) =
            letters.into_iter().filter_map(Letter::open).unzip();
        let work = work::note_client_failures(self, failures);
        desk.spawn(work, |keeper, outcome, desk| {
            match outcome {
                Ok((waits, events)) => {
                    answers.into_iter().zip(waits).for_each(|(it, wait)| it.give(Ok(wait)));
                    keeper.write_down(events, desk);
                }
                Err(error) => answers.into_iter().for_each(|it| it.give(Err(error.clone()))),
            }
            keeper.failures.batch_done();
            keeper.count_next_failures(desk);
        });
    }

    fn write_down(&self, events: Vec<NewEvent>, desk: &mut Desk<'_, Self>) {
        if events.is_empty() {
            return;
        }
        desk.spawn(work::write_down(self, events), |_, outcome, _| {
            if let Err(error) = outcome {
                tracing::warn!(%error, "a lockout was not written to the audit log");
            }
        });
    }
}

impl Keeper for Attempts {
    const NAME: &'static str = "attempts";
    const CAPACITY: usize = 512;
    const TICK: Option<Duration> = Some(Duration::from_secs(30));

    /// What expires is swept by the janitor; this is for what does not expire fast enough.
    fn tick(&mut self, desk: &mut Desk<'_, Self>) {
        if self.tidying {
            return;
        }
        self.tidying = true;
        desk.spawn(work::forget_beyond(self), |keeper, outcome, desk| {
            keeper.tidying = false;
            desk.note(&outcome);
            match outcome {
                Ok(0) => {}
                Ok(rows) => tracing::warn!(
                    rows,
                    "more identities failed than rate_limit.max_tracked_identities; those that failed least often were forgotten"
                ),
                Err(error) => tracing::warn!(%error, "attempts were not counted; it is tried again"),
            }
        });
    }
}

impl Receive<BeginSignIn> for Attempts {
    fn receive(&mut self, letter: Letter<BeginSignIn>, desk: &mut Desk<'_, Self>) {
        let Some((attempt, answer)) = letter.open() else { return };
        desk.spawn(work::begin_sign_in(self, &attempt), |_, outcome, _| answer.give(outcome));
    }
}

impl Receive<EndSignIn> for Attempts {
    fn receive(&mut self, letter: Letter<EndSignIn>, desk: &mut Desk<'_, Self>) {
        let Some((end, answer)) = letter.open() else { return };
        desk.spawn(work::end_sign_in(self, end), |_, outcome, _| answer.give(outcome));
    }
}

impl Receive<NoteClientFailure> for Attempts {
    fn receive(&mut self, letter: Letter<NoteClientFailure>, desk: &mut Desk<'_, Self>) {
        self.failures.push(letter);
        self.count_next_failures(desk);
    }
}

impl Receive<NoteWrongAdminKey> for Attempts {
    fn receive(&mut self, letter: Letter<NoteWrongAdminKey>, desk: &mut Desk<'_, Self>) {
        let Some((note, answer)) = letter.open() else { return };
        desk.spawn(work::note_wrong_admin_key(self, note), |_, outcome, _| answer.give(outcome));
    }
}

impl Receive<SpendRegistration> for Attempts {
    fn receive(&mut self, letter: Letter<SpendRegistration>, desk: &mut Desk<'_, Self>) {
        let Some((spend, answer)) = letter.open() else { return };
        desk.spawn(registrations::spend(self, &spend), |_, outcome, _| answer.give(outcome));
    }
}

impl Receive<ListLockouts> for Attempts {
    fn receive(&mut self, letter: Letter<ListLockouts>, desk: &mut Desk<'_, Self>) {
        let Some((ListLockouts, answer)) = letter.open() else { return };
        desk.spawn(lockouts::list(self), |_, outcome, _| answer.give(outcome));
    }
}

impl Receive<LiftLockouts> for Attempts {
    fn receive(&mut self, letter: Letter<LiftLockouts>, desk: &mut Desk<'_, Self>) {
        let Some((order, answer)) = letter.open() else { return };
        desk.spawn(lockouts::lift(self, order), |_, outcome, _| answer.give(outcome));
    }
}
