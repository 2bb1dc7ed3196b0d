//! When keys come and go. Pure: no clock, no files.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use protocol::jose::{KeyState, SigningAlgorithm};
use serde::{Deserialize, Serialize};

/// One key's entry in the schedule; the key itself is kept elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// RFC 7638 thumbprint.
    pub kid: String,
    /// What it signs with.
    pub alg: SigningAlgorithm,
    /// Where it is in its life.
    pub state: KeyState,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// For `next`: when it starts to sign. For `retired`: when it goes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub changes_at: Option<DateTime<Utc>>,
    /// The longest a token it signed may have to be verified, in seconds. Kept, because
    /// the server may be configured with shorter lives by the time the key retires.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signs_for: Option<u64>,
}

/// All keys of the installation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// In the order they were made.
    pub keys: Vec<Entry>,
}

/// Why a rotation begins without an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The key has signed for as long as one may.
    Scheduled,
    /// The operator configured another algorithm.
    Algorithm,
}

impl Occasion {
    /// The word for it in the audit log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Occasion::Scheduled => "scheduled",
            Occasion::Algorithm => "algorithm",
        }
    }
}

/// Something that happened to a key: what the audit log tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which key.
    pub kid: String,
    /// Its new state; none when it is gone.
    pub state: Option<KeyState>,
}

/// A rotation is under way: a `next` key waits for its time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a rotation is under way: key {kid} starts to sign at {at}; wait for it, or rotate with --emergency"
)]
pub struct RotationUnderWay {
    /// The waiting key.
    pub kid: String,
    /// When it will start to sign.
    pub at: DateTime<Utc>,
}

/// How long keys overlap.
#[derive(Debug, Clone, Copy)]
pub struct Overlap {
    /// A key is published this long before it signs: the JWKS `max-age`, and a margin
    /// for replicas that poll.
    pub ahead: Duration,
    /// A key is published this long after it signed last: the longest token life.
    pub behind: Duration,
}

/// The state a key is born in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// Published now, signs once every verifier can have it.
    Announced,
    /// Signs at once. For the first key, and for an emergency.
    AtOnce,
}

impl Schedule {
    /// The key that signs.
    #[must_use]
    pub fn active(&self) -> Option<&Entry> {
        self.keys.iter().find(|key| key.state == KeyState::Active)
    }

    /// The key that will sign next.
    #[must_use]
    pub fn next(&self) -> Option<&Entry> {
        self.keys.iter().find(|key| key.state == KeyState::Next)
    }

    /// Whether a rotation can start.
    ///
    /// # Errors
    /// [`RotationUnderWay`] while a `next` key waits.
    pub fn may_announce(&self) -> Result<(), RotationUnderWay> {
        match self.next() {
            Some(next) => Err(RotationUnderWay {
                kid: next.kid.clone(),
                at: next.changes_at.unwrap_or(next.created_at),
            }),
            None => Ok(()),
        }
    }

    /// Why a new key is to be announced now, if it is. Never while one waits: so of any
    /// number of processes that look one after the other, one announces; and however
    /// long nobody looked, one key is announced and not one for every turn missed.
    ///
    /// A key from the far future was made while the clock was wrong: it would sign until
    /// then, so its turn is over as well.
    #[must_use]
    pub fn due(
        &self,
        algorithm: SigningAlgorithm,
        interval: Duration,
        now: DateTime<Utc>,
    ) -> Option<Occasion> {
        let active = self.active().filter(|_| self.next().is_none())?;
        if active.alg != algorithm {
            return Some(Occasion::Algorithm);
        }
        let age = now.signed_duration_since(active.created_at).abs();
        (age >= span(interval)).then_some(Occasion::Scheduled)
    }

    /// Adds a key. One that signs at once retires the active key and takes the place
    /// of a waiting one.
    pub fn add(
        &mut self,
        kid: String,
        alg: SigningAlgorithm,
        entrance: Entrance,
        overlap: Overlap,
        now: DateTime<Utc>,
    ) {
        let (state, changes_at) = match entrance {
            Entrance::Announced => (KeyState::Next, Some(now + span(overlap.ahead))),
            Entrance::AtOnce => {
                self.keys.retain(|key| key.state != KeyState::Next);
                self.retire_active(overlap, now);
                (KeyState::Active, None)
            }
        };
        let signs_for = (state == KeyState::Active).then_some(overlap.behind.as_secs());
        self.keys.push(Entry { kid, alg, state, created_at: now, changes_at, signs_for });
    }

    /// Takes a key out at once: its tokens verify no more. For a compromised key that
    /// signs no longer.
    pub fn drop_key(&mut self, kid: &str) {
        self.keys.retain(|key| key.kid != kid || key.state == KeyState::Active);
    }

    /// Lets time pass: a `next` key whose time has come signs, a `retired` one whose
    /// tokens have all expired goes. Returns whether anything changed.
    pub fn advance(&mut self, overlap: Overlap, now: DateTime<Utc>) -> bool {
        let before = self.clone();
        self.distrust_the_future(overlap, now);
        let due = |key: &Entry| key.changes_at.is_some_and(|at| at <= now);
        if self.keys.iter().any(|key| key.state == KeyState::Next && due(key)) {
            self.retire_active(overlap, now);
            if let Some(next) = self.keys.iter_mut().find(|key| key.state == KeyState::Next) {
                next.state = KeyState::Active;
                next.changes_at = None;
            }
        }
        self.keys.retain(|key| key.state != KeyState::Retired || !due(key));
        self.note_longest_life(overlap);
        *self != before
    }

    /// A key waits no longer than keys do: if it seems to, the clock was ahead when it
    /// was announced, and its wait begins now.
    fn distrust_the_future(&mut self, overlap: Overlap, now: DateTime<Utc>) {
        let latest = now + span(overlap.ahead);
        let waiting = self.keys.iter_mut().filter(|key| key.state == KeyState::Next);
        for key in waiting.filter(|key| key.changes_at.is_some_and(|at| at > latest)) {
            key.changes_at = Some(latest);
        }
    }

    /// The active key signs tokens of the life configured now.
    fn note_longest_life(&mut self, overlap: Overlap) {
        for key in self.keys.iter_mut().filter(|key| key.state == KeyState::Active) {
            key.signs_for = key.signs_for.max(Some(overlap.behind.as_secs()));
        }
    }

    /// What happened to which key on the way from `before` to here.
    #[must_use]
    pub fn changes_since(&self, before: &Schedule) -> Vec<Change> {
        let state_in = |schedule: &Schedule, kid: &str| {
            schedule.keys.iter().find(|key| key.kid == kid).map(|key| key.state)
        };
        let kids = before.keys.iter().chain(&self.keys).map(|key| key.kid.as_str());
        let kids: BTreeSet<&str> = kids.collect();
        kids.into_iter()
            .filter(|kid| state_in(self, kid) != state_in(before, kid))
            .map(|kid| Change { kid: kid.to_owned(), state: state_in(self, kid) })
            .collect()
    }

    fn retire_active(&mut self, overlap: Overlap, now: DateTime<Utc>) {
        for key in self.keys.iter_mut().filter(|key| key.state == KeyState::Active) {
            let longest = key.signs_for.map_or(overlap.behind, Duration::from_secs);
            key.state = KeyState::Retired;
            key.changes_at = Some(now + span(longest.max(overlap.behind)));
        }
    }
}

fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
