//! What is to be done about the keys at a moment, wherever they are kept. Only key pairs are
//! made here; a store carries the plan out, or somebody else was faster and it is dropped.

use std::time::Duration;

use chrono::{DateTime, Utc};
use protocol::jose::{KeyRing, SigningAlgorithm, SigningKey};
use protocol::secret::RootSecret;
use zeroize::Zeroizing;

use super::error::KeyStoreError;
use super::generate::private_key_pem;
use super::schedule::{Change, Entrance, Entry, Occasion, Overlap, Schedule};

/// How much a process looks after the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upkeep {
    /// Lets time pass for them and follows the configured algorithm: a server.
    Full,
    /// Makes the first key and nothing more: a command, which may be configured
    /// differently from the server and must not rotate keys in passing.
    FirstKeyOnly,
}

/// What a process wants of the keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) algorithm: SigningAlgorithm,
    pub(super) upkeep: Upkeep,
    /// How long a key signs.
    pub(super) interval: Duration,
    pub(super) overlap: Overlap,
}

/// What a rotation is to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewKey {
    pub(super) algorithm: SigningAlgorithm,
    pub(super) entrance: Entrance,
    pub(super) drop_old: bool,
}

/// The keys of one moment, and what happened to them just now.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) schedule: Schedule,
    pub(super) ring: KeyRing,
    pub(super) changes: Vec<Change>,
    /// Why a new key was announced just now, if one was.
    pub(super) announced: Option<Occasion>,
}

/// All that an installation keeps in its key store.
pub(super) struct Possessions {
    pub(super) root: RootSecret,
    pub(super) admin_key_hash: Option<[u8; 32]>,
    pub(super) schedule: Schedule,
    /// The private keys, in the schedule's order.
    pub(super) pems: Vec<Zeroizing<String>>,
}

/// A key pair that was just made.
#[derive(Clone)]
pub(super) struct Fresh {
    pub(super) kid: String,
    pub(super) pem: Zeroizing<String>,
}

/// From the keys as they are to the keys as they are to be.
#[derive(Clone)]
pub(super) struct Plan {
    before: Schedule,
    pub(super) schedule: Schedule,
    /// The keys of the new schedule that the old one had not.
    pub(super) fresh: Vec<Fresh>,
    /// Why a new key is announced, if one is without an order.
    pub(super) announced: Option<Occasion>,
}

impl Plan {
    /// Makes the first key when there is none; with [`Upkeep::Full`] time passes for the
    /// others, too, and one whose turn is over is relieved.
    pub(super) fn upkeep(
        before: Schedule,
        wanted: Wanted,
        now: DateTime<Utc>,
    ) -> Result<Plan, KeyStoreError> {
        let Wanted { algorithm, upkeep, interval, overlap } = wanted;
        let mut plan = Plan::of(before);
        if upkeep == Upkeep::Full {
            plan.schedule.advance(overlap, now);
        }
        if plan.schedule.active().is_none() {
            plan.add(algorithm, Entrance::AtOnce, overlap, now)?;
        }
        let due = plan.schedule.due(algorithm, interval, now);
        plan.announced = due.filter(|_| upkeep == Upkeep::Full);
        if plan.announced.is_some() {
            plan.add(algorithm, Entrance::Announced, overlap, now)?;
        }
        Ok(plan)
    }

    /// Adds a key by order; its entry.
    pub(super) fn rotation(
        before: Schedule,
        new: NewKey,
        overlap: Overlap,
        now: DateTime<Utc>,
    ) -> Result<(Plan, Entry), KeyStoreError> {
        let mut plan = Plan::of(before);
        if new.entrance == Entrance::Announced {
            plan.schedule.may_announce()?;
        }
        let old = plan.schedule.active().map(|key| key.kid.clone());
        let entry = plan.add(new.algorithm, new.entrance, overlap, now)?;
        if let Some(old) = old.filter(|_| new.drop_old) {
            plan.schedule.drop_key(&old);
        }
        Ok((plan, entry))
    }

    fn of(before: Schedule) -> Plan {
        Plan { schedule: before.clone(), before, fresh: Vec::new(), announced: None }
    }

    fn add(
        &mut self,
        algorithm: SigningAlgorithm,
        entrance: Entrance,
        overlap: Overlap,
        now: DateTime<Utc>,
    ) -> Result<Entry, KeyStoreError> {
        let none = KeyStoreError::Generation(algorithm);
        let Some(pem) = private_key_pem(algorithm) else { return Err(none) };
        let key = SigningKey::from_pem(algorithm, pem.as_bytes()).map_err(|_| none)?;
        let kid = key.kid().to_owned();
        self.schedule.add(kid.clone(), algorithm, entrance, overlap, now);
        self.fresh.push(Fresh { kid, pem });
        self.schedule.keys.last().cloned().ok_or(KeyStoreError::Generation(algorithm))
    }

    /// Whether there is anything to do.
    pub(super) fn changes_anything(&self) -> bool {
        self.schedule != self.before
    }

    /// What happens to which key.
    pub(super) fn changes(&self) -> Vec<Change> {
        self.schedule.changes_since(&self.before)
    }

    /// The keys that are to go.
    pub(super) fn gone(&self) -> Vec<String> {
        let left = |old: &&Entry| self.schedule.keys.iter().all(|key| key.kid != old.kid);
        self.before.keys.iter().filter(left).map(|old| old.kid.clone()).collect()
    }

    /// The keys that stay and change.
    pub(super) fn moved(&self) -> impl Iterator<Item = &Entry> {
        let changed =
            |key: &&Entry| self.before.keys.iter().any(|old| old.kid == key.kid && old != *key);
        self.schedule.keys.iter().filter(changed)
    }
}
