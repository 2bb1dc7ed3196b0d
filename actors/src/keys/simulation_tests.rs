//! Months of scheduled rotation: three servers on one folder of keys, and verifiers that
//! use a JWKS for as long as it may be cached.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use protocol::jose::{KeyRing, SigningAlgorithm};
use tempfile::TempDir;

use super::keyfile::KeyFiles;
use super::plan::{Upkeep, Wanted};
use super::schedule::{Occasion, Overlap};

const MAX_AGE: i64 = 300;
const LIFE: i64 = 3600;
const DAY: i64 = 24 * 3600;

/// What the world of verifiers has seen.
struct World {
    files: KeyFiles,
    _folder: TempDir,
    interval: Duration,
    now: i64,
    rings: Vec<KeyRing>,
    /// The kids of every JWKS that was served, and when.
    served: VecDeque<(i64, Vec<String>)>,
    /// The kid of every token that lives, and its end.
    tokens: Vec<(String, i64)>,
    announced: usize,
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::seconds(second)
}

impl World {
    fn new(interval: i64) -> World {
        let folder = TempDir::new().unwrap();
        let mut world = World {
            files: KeyFiles::open(&folder.path().join("keys")).unwrap(),
            _folder: folder,
            interval: Duration::from_secs(interval.unsigned_abs()),
            now: 0,
            rings: Vec::new(),
            served: VecDeque::new(),
            tokens: Vec::new(),
            announced: 0,
        };
        world.rings = (0..3).map(|_| world.look().0).collect();
        world
    }

    /// One server looks at the files; whether a rotation is under way then.
    fn look(&mut self) -> (KeyRing, bool) {
        let overlap = Overlap {
            ahead: Duration::from_secs(360),
            behind: Duration::from_secs(LIFE.unsigned_abs() + 60),
        };
        let (algorithm, upkeep) = (SigningAlgorithm::Es256, Upkeep::Full);
        let wanted = Wanted { algorithm, upkeep, interval: self.interval, overlap };
        let loaded = self.files.load(wanted, at(self.now)).unwrap();
        if let Some(occasion) = loaded.announced {
            assert_eq!(occasion, Occasion::Scheduled);
            self.announced += 1;
        }
        (loaded.ring, loaded.schedule.next().is_some())
    }

    /// Every server signs with what it has, looks at the files, and serves what it sees
    /// then. Returns how long nothing will happen that a test could miss.
    fn step(&mut self, turn: usize) -> i64 {
        let mut waiting = false;
        for number in 0..self.rings.len() {
            let server = (number + turn) % self.rings.len();
            let kid = self.rings[server].signing_key().kid().to_owned();
            self.tokens.push((kid, self.now + LIFE));
            let (ring, next) = self.look();
            let kids = ring.keys().iter().map(|key| key.key.kid().to_owned()).collect();
            self.served.push_back((self.now, kids));
            self.rings[server] = ring;
            waiting |= next;
        }
        self.verify();
        let retiring = self.rings.iter().any(|ring| ring.keys().len() > 1);
        match (waiting, retiring) {
            (true, _) => 20,
            (_, true) => 600,
            _ => DAY / 4,
        }
    }

    /// Every token that lives is known to every verifier, however old its JWKS.
    fn verify(&mut self) {
        let now = self.now;
        self.tokens.retain(|(_, end)| *end > now);
        while self.served.front().is_some_and(|(when, _)| *when < now - MAX_AGE) {
            self.served.pop_front();
        }
        for (when, kids) in &self.served {
            assert!(kids.len() <= 3, "{kids:?}");
            for (kid, _) in &self.tokens {
                assert!(kids.contains(kid), "{kid} is not in the JWKS of {}", now - when);
            }
        }
    }

    fn run(&mut self, days: i64) {
        let end = self.now + days * DAY;
        let mut turn = 0;
        while self.now < end {
            self.now += self.step(turn);
            turn += 1;
        }
    }
}

#[test]
fn for_months_every_token_verifies_with_whatever_jwks_may_still_be_cached() {
    let mut world = World::new(30 * DAY);
    world.run(200);
    assert_eq!(world.announced, 6, "one server rotates, for all, once in thirty days");
}

#[test]
fn after_a_long_downtime_one_key_is_announced_and_no_more() {
    let mut world = World::new(30 * DAY);
    world.now = 400 * DAY;
    world.run(2);
    assert_eq!(world.announced, 1);
    assert_eq!(world.rings[0].keys().len(), 1, "and the old one is gone again");
}

#[test]
fn another_interval_counts_from_when_it_is_configured() {
    let mut world = World::new(30 * DAY);
    world.run(20);
    assert_eq!(world.announced, 0);
    world.interval = Duration::from_secs(7 * 24 * 3600);
    world.run(20);
    assert_eq!(world.announced, 3, "at once, and twice after a week each");
    world.interval = Duration::from_secs(365 * 24 * 3600);
    world.run(100);
    assert_eq!(world.announced, 3);
}

#[test]
fn a_command_lets_the_keys_be() {
    let mut world = World::new(30 * DAY);
    world.now = 400 * DAY;
    let overlap = Overlap { ahead: Duration::from_secs(360), behind: Duration::from_secs(60) };
    let (algorithm, upkeep) = (SigningAlgorithm::EdDsa, Upkeep::FirstKeyOnly);
    let wanted = Wanted { algorithm, upkeep, interval: world.interval, overlap };
    let loaded = world.files.load(wanted, at(world.now));
    assert_eq!(loaded.unwrap().announced, None);
    world.run(1);
    assert_eq!(world.announced, 1);
}
