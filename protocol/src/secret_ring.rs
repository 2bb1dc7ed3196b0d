//! The ring of secrets that a fleet signs with and tells its own work by: refresh tokens, form
//! tokens, nonces, tickets, marks in browsers, admin keys.
//!
//! The first is the root secret of the installation; each later one is random and relieves the
//! one before. A secret is known everywhere before anything is made with it, as a signing key is
//! published before it signs, and what it made is recognised after it was relieved for as long
//! as that lasts. One that was stolen is dropped with everything before it: what they made is
//! worth nothing from then on.
//!
//! When a secret counts follows from the dates in the ring and the time. Nothing is changed in
//! a ring, secrets are only added; so servers that see the same ring agree, but for their clocks,
//! and what those differ by makes no difference.
//!
//! What is looked up by its keyed hash does not depend on the ring: client secrets, authorization
//! codes, sessions. They are 256 random bits each; whoever knows the key of their hashes can
//! neither guess one nor make one.

mod keys;

use std::cmp::Ordering;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::secret::{HashKey, RootSecret};

pub use keys::{Derivation, RingKeys};

/// Added to how long something lasts: clocks differ.
const SKEW: TimeDelta = TimeDelta::minutes(1);

/// Later than anything lasts that has an end.
const END: DateTime<Utc> = DateTime::<Utc>::MAX_UTC;

/// The number of the root secret.
pub const FIRST: u32 = 1;

/// A secret of a ring.
#[derive(Clone)]
pub struct RingSecret {
    /// Its place: one more than the one it relieves.
    pub number: u32,
    /// The secret.
    pub secret: RootSecret,
    /// From when on things are made with it.
    pub signs_from: DateTime<Utc>,
    /// Whether those before count for nothing any more.
    pub drops_earlier: bool,
}

impl RingSecret {
    /// The root secret, which was there from the beginning.
    #[must_use]
    pub fn root(secret: RootSecret) -> RingSecret {
        let signs_from = DateTime::<Utc>::MIN_UTC;
        RingSecret { number: FIRST, secret, signs_from, drops_earlier: false }
    }
}

impl fmt::Debug for RingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingSecret")
            .field("number", &self.number)
            .field("signs_from", &self.signs_from)
            .field("drops_earlier", &self.drops_earlier)
            .finish_non_exhaustive()
    }
}

/// What a secret does at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretState {
    /// It is known, and makes nothing yet.
    Next,
    /// Things are made with it.
    Active,
    /// What it made is recognised.
    Retired,
}

impl SecretState {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SecretState::Next => "next",
            SecretState::Active => "active",
            SecretState::Retired => "retired",
        }
    }
}

/// A secret as operators see one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub number: u32,
    /// What it does now.
    pub state: SecretState,
    /// From when on things are made with it; from the beginning with the first.
    pub signs_from: Option<DateTime<Utc>>,
    /// When another takes or took over.
    pub relieved_at: Option<DateTime<Utc>>,
    /// When nothing counts any more that it made.
    pub gone_at: Option<DateTime<Utc>>,
}

/// The secrets that were not dropped.
#[derive(Debug, Clone)]
pub struct SecretRing {
    oldest: RingSecret,
    /// In the order of their numbers.
    later: Vec<RingSecret>,
}

impl SecretRing {
    /// A ring that begins with `root`.
    #[must_use]
    pub fn new(root: RootSecret, mut added: Vec<RingSecret>) -> SecretRing {
        added.sort_by_key(|secret| secret.number);
        let (mut oldest, mut later) = (RingSecret::root(root), Vec::new());
        for secret in added {
            if secret.drops_earlier {
                later.clear();
                oldest = secret;
            } else {
                later.push(secret);
            }
        }
        SecretRing { oldest, later }
    }

    /// The secrets, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &RingSecret> {
        std::iter::once(&self.oldest).chain(&self.later)
    }

    /// What things are made with at `now`.
    #[must_use]
    pub fn active(&self, now: DateTime<Utc>) -> &RingSecret {
        let begun = |secret: &&RingSecret| secret.signs_from <= now;
        // What drops all before it is there at once, also where the clock is behind.
        self.later.iter().rev().find(begun).unwrap_or(&self.oldest)
    }

    /// The number of the last one.
    #[must_use]
    pub fn newest(&self) -> u32 {
        self.later.last().unwrap_or(&self.oldest).number
    }

    /// Since when, or from when on, another makes what this one made.
    #[must_use]
    pub fn relieved_at(&self, number: u32) -> Option<DateTime<Utc>> {
        self.later.iter().find(|later| later.number > number).map(|later| later.signs_from)
    }

    /// What operators are told of the ring at `now`: the secrets that count, oldest first.
    /// Nothing that is made with them lasts longer than `longest`.
    #[must_use]
    pub fn entries(&self, longest: TimeDelta, now: DateTime<Utc>) -> Vec<Entry> {
        let longest = longest.checked_add(&SKEW).unwrap_or(TimeDelta::MAX);
        let active = self.active(now).number;
        let entry = |secret: &RingSecret| {
            let (number, relieved_at) = (secret.number, self.relieved_at(secret.number));
            let state = match number.cmp(&active) {
                Ordering::Less => SecretState::Retired,
                Ordering::Equal => SecretState::Active,
                Ordering::Greater => SecretState::Next,
            };
            let signs_from = (number != FIRST).then_some(secret.signs_from);
            let gone_at = relieved_at.map(|at| at.checked_add_signed(longest).unwrap_or(END));
            Entry { number, state, signs_from, relieved_at, gone_at }
        };
        self.iter().map(entry).filter(|entry| entry.gone_at.is_none_or(|at| now < at)).collect()
    }

    /// The secrets whose work is recognised at `now`, when it lasts no longer than `lasting`:
    /// the active one first.
    fn living<K>(
        &self,
        lasting: TimeDelta,
        now: DateTime<Utc>,
        key: impl Fn(&RootSecret) -> K,
    ) -> Living<K> {
        let active = self.active(now);
        let lasting = lasting.checked_add(&SKEW).unwrap_or(TimeDelta::MAX);
        let counts = |secret: &&RingSecret| {
            let relieved = self.relieved_at(secret.number);
            secret.number != active.number && relieved.is_none_or(|at| now - at < lasting)
        };
        let keyed = |secret: &RingSecret| Keyed {
            number: secret.number,
            signs_from: secret.signs_from,
            key: key(&secret.secret),
        };
        let others = self.iter().rev().filter(counts).map(keyed).collect();
        Living { active: keyed(active), others, newest: self.newest() }
    }
}

/// A key, and which secret it is of.
#[derive(Debug, Clone)]
struct Keyed<K> {
    number: u32,
    signs_from: DateTime<Utc>,
    key: K,
}

/// The keys of one purpose that count: one that makes, and those whose work is recognised.
#[derive(Debug, Clone)]
pub struct Living<K> {
    active: Keyed<K>,
    /// The newest first.
    others: Vec<Keyed<K>>,
    newest: u32,
}

impl<K> From<K> for Living<K> {
    /// The only one.
    fn from(key: K) -> Living<K> {
        let active = Keyed { number: FIRST, signs_from: DateTime::<Utc>::MIN_UTC, key };
        Living { active, others: Vec::new(), newest: FIRST }
    }
}

impl<K> Living<K> {
    /// The one that makes.
    #[must_use]
    pub fn active(&self) -> &K {
        &self.active.key
    }

    /// The one that made things at a moment, and its number: at every server and at any time
    /// later the same one, while it counts.
    #[must_use]
    pub fn at(&self, moment: DateTime<Utc>) -> (u32, &K) {
        let begun = self.all().filter(|keyed| keyed.signs_from <= moment);
        let made = begun.max_by_key(|keyed| keyed.number);
        let made = made.or_else(|| self.all().min_by_key(|keyed| keyed.number));
        let made = made.unwrap_or(&self.active);
        (made.number, &made.key)
    }

    /// All of them, the active one first.
    pub fn iter(&self) -> impl Iterator<Item = &K> {
        self.all().map(|keyed| &keyed.key)
    }

    /// The one of this number, if it counts.
    #[must_use]
    pub fn of(&self, number: u32) -> Option<&K> {
        self.all().find(|keyed| keyed.number == number).map(|keyed| &keyed.key)
    }

    /// The highest number that is known here.
    #[must_use]
    pub fn newest(&self) -> u32 {
        self.newest
    }

    fn all(&self) -> impl Iterator<Item = &Keyed<K>> {
        std::iter::once(&self.active).chain(&self.others)
    }
}

impl<K> Living<Option<K>> {
    /// The same, if all of them could be made.
    fn all_made(self) -> Option<Living<K>> {
        let made = |Keyed { number, signs_from, key }: Keyed<Option<K>>| {
            Some(Keyed { number, signs_from, key: key? })
        };
        let others = self.others.into_iter().map(made).collect::<Option<_>>()?;
        Some(Living { active: made(self.active)?, others, newest: self.newest })
    }
}

impl Living<HashKey> {
    /// The keyed hash of `message` by the active key.
    #[must_use]
    pub fn hash(&self, message: &[u8]) -> [u8; 32] {
        self.active().hash(message)
    }

    /// Whether `hash` is the keyed hash of `message` by any of them.
    #[must_use]
    pub fn verify(&self, message: &[u8], hash: &[u8]) -> bool {
        self.iter().any(|key| key.verify(message, hash))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::secret::Purpose;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap()
    }

    fn added(number: u32, signs_from: i64, drops_earlier: bool) -> RingSecret {
        let secret = RootSecret::from_bytes([u8::try_from(number).unwrap(); 32]);
        RingSecret { number, secret, signs_from: at(signs_from), drops_earlier }
    }

    fn ring(added: Vec<RingSecret>) -> SecretRing {
        SecretRing::new(RootSecret::from_bytes([1; 32]), added)
    }

    fn numbers(ring: &SecretRing, lasting: i64, now: i64) -> (u32, Vec<u32>) {
        let living = ring.living(TimeDelta::seconds(lasting), at(now), |_| ());
        (living.active.number, living.others.iter().map(|keyed| keyed.number).collect())
    }

    #[test]
    fn a_secret_is_recognised_before_it_makes_anything_and_as_long_as_its_work_lasts() {
        let ring = ring(vec![added(2, 60, false)]);
        assert_eq!(numbers(&ring, 100, 0), (1, vec![2]), "announced");
        assert_eq!(numbers(&ring, 100, 59), (1, vec![2]));
        assert_eq!(numbers(&ring, 100, 60), (2, vec![1]), "relieved");
        assert_eq!(numbers(&ring, 100, 219), (2, vec![1]), "and a minute for the clocks");
        assert_eq!(numbers(&ring, 100, 220), (2, vec![]));
        assert_eq!(numbers(&ring, 1_000, 220), (2, vec![1]), "what lasts longer");
    }

    #[test]
    fn what_drops_the_earlier_ones_does_so_at_once_whatever_the_clock_says() {
        let ring = ring(vec![added(2, 0, false), added(3, 500, false), added(4, 100, true)]);
        for now in [-1_000, 0, 99, 100, 600] {
            assert_eq!(numbers(&ring, 1_000_000, now), (4, vec![]), "{now}");
        }
        assert_eq!(ring.newest(), 4);
    }

    #[test]
    fn who_made_something_at_a_moment_is_the_same_whenever_and_wherever_one_asks() {
        let ring = ring(vec![added(2, 60, false), added(3, 120, false)]);
        for asked in [0, 59, 60, 130, 150] {
            let living = ring.living(TimeDelta::seconds(100), at(asked), |_| ());
            for (moment, number) in [(59, 1), (60, 2), (119, 2), (120, 3), (500, 3)] {
                assert_eq!(living.at(at(moment)).0, number, "{moment}, asked at {asked}");
            }
        }
        // Nobody makes anything with what was dropped, whenever it was begun.
        let dropped = SecretRing::new(RootSecret::from_bytes([1; 32]), vec![added(2, 60, true)]);
        assert_eq!(dropped.living(TimeDelta::MAX, at(60), |_| ()).at(at(0)).0, 2);
    }

    #[test]
    fn a_ring_goes_on_after_a_drop() {
        let ring = ring(vec![added(5, 200, false), added(4, 100, true)]);
        assert_eq!(numbers(&ring, 1_000, 150), (4, vec![5]));
        assert_eq!(numbers(&ring, 1_000, 200), (5, vec![4]));
        assert_eq!(ring.relieved_at(4), Some(at(200)));
        assert_eq!(ring.relieved_at(5), None);
    }

    #[test]
    fn operators_are_told_of_a_secret_until_the_longest_lasting_of_its_work_is_over() {
        let ring = ring(vec![added(2, 60, false), added(3, 600, false)]);
        let told = |longest, now| {
            let entries = ring.entries(longest, at(now));
            entries.iter().map(|entry| (entry.number, entry.state.as_str())).collect::<Vec<_>>()
        };
        let longest = TimeDelta::seconds(100);
        assert_eq!(told(longest, 0), [(1, "active"), (2, "next"), (3, "next")]);
        assert_eq!(told(longest, 219), [(1, "retired"), (2, "active"), (3, "next")]);
        assert_eq!(told(longest, 220), [(2, "active"), (3, "next")]);
        assert_eq!(told(longest, 760), [(3, "active")]);
        // What never ends is never gone.
        assert_eq!(told(TimeDelta::MAX, 1_000_000).len(), 3);
        let entries = ring.entries(TimeDelta::MAX, at(0));
        assert_eq!(entries[0].gone_at, Some(END));
    }

    #[test]
    fn hashes_are_made_with_the_active_key_and_recognised_by_all_that_count() {
        let key = |secret: &RootSecret| secret.key_for(Purpose::Csrf);
        let ring = ring(vec![added(2, 60, false)]);
        let living = |now| ring.living(TimeDelta::seconds(100), at(now), key);
        let before = living(0).hash(b"form");
        let after = living(60).hash(b"form");
        assert_ne!(before, after);
        assert!(living(0).verify(b"form", &after), "a server whose clock is behind");
        assert!(living(60).verify(b"form", &before));
        assert!(!living(60).verify(b"another", &before));
        assert!(!living(220).verify(b"form", &before));
    }

    proptest! {
        /// Whatever the ring, two servers whose clocks differ by less than the minute that a
        /// secret is announced ahead recognise each other's work.
        #[test]
        fn servers_recognise_each_other_whatever_their_clocks(
            steps in prop::collection::vec((60_i64..100_000, any::<bool>()), 0..8),
            now in 0_i64..1_000_000,
            behind in 0_i64..60,
            lasting in 0_i64..1_000_000,
        ) {
            let mut from = 0;
            let secrets = (2_u32..).zip(steps).map(|(number, (wait, drops))| {
                from += wait;
                added(number, from, drops)
            });
            let ring = ring(secrets.collect());
            let key = |secret: &RootSecret| secret.key_for(Purpose::Csrf);
            let living = |now| ring.living(TimeDelta::seconds(lasting), at(now), key);
            let (ahead, behind) = (living(now), living(now - behind));
            prop_assert!(behind.verify(b"m", &ahead.hash(b"m")));
            prop_assert!(ahead.verify(b"m", &behind.hash(b"m")));
        }

        /// Nothing that was made before a drop counts after it.
        #[test]
        fn nothing_survives_a_drop(before in 1_u32..6, now in -1_000_i64..1_000_000) {
            let mut secrets: Vec<_> =
                (2..=before).map(|number| added(number, i64::from(number) * 100, false)).collect();
            let key = |secret: &RootSecret| secret.key_for(Purpose::Csrf);
            let made = ring(secrets.clone()).living(TimeDelta::MAX, at(700), key).hash(b"m");
            secrets.push(added(before + 1, 700, true));
            let after = ring(secrets).living(TimeDelta::MAX, at(now), key);
            prop_assert!(!after.verify(b"m", &made));
        }
    }
}
