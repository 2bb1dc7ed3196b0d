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
}

/// All keys of the installation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// In the order they were made.
    pub keys: Vec<Entry>,
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
        self.keys.push(Entry { kid, alg, state, created_at: now, changes_at });
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
        let due = |key: &Entry| key.changes_at.is_some_and(|at| at <= now);
        if self.keys.iter().any(|key| key.state == KeyState::Next && due(key)) {
            self.retire_active(overlap, now);
            if let Some(next) = self.keys.iter_mut().find(|key| key.state == KeyState::Next) {
                next.state = KeyState::Active;
                next.changes_at = None;
            }
        }
        self.keys.retain(|key| key.state != KeyState::Retired || !due(key));
        *self != before
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
            key.state = KeyState::Retired;
            key.changes_at = Some(now + span(overlap.behind));
        }
    }
}

fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OVERLAP: Overlap =
        Overlap { ahead: Duration::from_secs(360), behind: Duration::from_secs(3600) };

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn with_first_key() -> Schedule {
        let mut schedule = Schedule::default();
        schedule.add("k0".to_owned(), SigningAlgorithm::Es256, Entrance::AtOnce, OVERLAP, at(0));
        schedule
    }

    fn announce(schedule: &mut Schedule, kid: &str, second: i64) {
        let alg = SigningAlgorithm::Es256;
        schedule.add(kid.to_owned(), alg, Entrance::Announced, OVERLAP, at(second));
    }

    #[test]
    fn a_key_is_published_before_it_signs_and_after_it_signed() {
        let mut schedule = with_first_key();
        announce(&mut schedule, "k1", 0);
        assert!(!schedule.advance(OVERLAP, at(359)));
        assert_eq!(schedule.active().unwrap().kid, "k0");
        assert!(schedule.advance(OVERLAP, at(360)));
        assert_eq!(schedule.active().unwrap().kid, "k1");
        assert_eq!(schedule.keys.len(), 2);
        assert!(!schedule.advance(OVERLAP, at(360 + 3599)));
        assert!(schedule.advance(OVERLAP, at(360 + 3600)));
        assert_eq!(schedule.keys.len(), 1);
    }

    #[test]
    fn changes_tell_of_every_key_whose_state_moved() {
        let before = with_first_key();
        let mut after = before.clone();
        announce(&mut after, "k1", 0);
        after.advance(OVERLAP, at(360));
        let change = |kid: &str, state| Change { kid: kid.to_owned(), state };
        let (retired, active) = (Some(KeyState::Retired), Some(KeyState::Active));
        assert_eq!(after.changes_since(&before), [change("k0", retired), change("k1", active)]);
        assert_eq!(after.changes_since(&after), []);
        after.drop_key("k0");
        assert_eq!(after.changes_since(&before)[0], change("k0", None));
    }

    #[test]
    fn one_rotation_at_a_time() {
        let mut schedule = with_first_key();
        assert_eq!(schedule.may_announce(), Ok(()));
        announce(&mut schedule, "k1", 0);
        assert_eq!(schedule.may_announce().unwrap_err().kid, "k1");
    }

    #[test]
    fn an_emergency_signs_at_once_and_may_drop_the_old_key() {
        let mut schedule = with_first_key();
        announce(&mut schedule, "k1", 0);
        schedule.add("k2".to_owned(), SigningAlgorithm::Es256, Entrance::AtOnce, OVERLAP, at(5));
        assert_eq!(schedule.active().unwrap().kid, "k2");
        assert!(schedule.next().is_none(), "the waiting key may be as compromised as the other");
        schedule.drop_key("k0");
        assert_eq!(schedule.keys.len(), 1);
        schedule.drop_key("k2");
        assert_eq!(schedule.keys.len(), 1, "the signing key cannot be dropped");
    }

    proptest! {
        #[test]
        fn exactly_one_key_signs_whatever_happens(
            steps in prop::collection::vec((0_i64..5000, prop::option::of(any::<bool>())), 1..40)
        ) {
            let mut schedule = with_first_key();
            let mut second = 0;
            for (count, (wait, rotation)) in steps.into_iter().enumerate() {
                second += wait;
                schedule.advance(OVERLAP, at(second));
                let kid = format!("k{}", count + 1);
                match rotation {
                    Some(true) => schedule.add(
                        kid, SigningAlgorithm::Es256, Entrance::AtOnce, OVERLAP, at(second)),
                    Some(false) if schedule.may_announce().is_ok() =>
                        announce(&mut schedule, &kid, second),
                    _ => {}
                }
                let signing = |key: &&Entry| key.state == KeyState::Active;
                prop_assert_eq!(schedule.keys.iter().filter(signing).count(), 1);
                let waiting = |key: &&Entry| key.state == KeyState::Next;
                prop_assert!(schedule.keys.iter().filter(waiting).count() <= 1);
            }
        }
    }
}
