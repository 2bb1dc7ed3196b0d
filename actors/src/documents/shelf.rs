//! What is held of which document, and when to look again: the rules, as pure functions
//! of what happened and when.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// How long a document that could not be had is left alone.
pub const LEFT_ALONE_FOR: TimeDelta = TimeDelta::seconds(30);
/// A document is looked at again for a key that it lacks once in this time.
pub const LOOKED_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(30);
/// The shortest a document is kept, whatever its server says.
pub const KEPT_AT_LEAST: Duration = Duration::from_secs(60);
/// URLs remembered at most, with their documents or the failure to have one.
pub const DOCUMENTS: usize = 2_000;
/// Bytes of documents held at most: two thousand of some small keys each. Anybody may publish the
/// largest set there can be, and a hundred of those fill this.
pub const BYTES: usize = 32 * 1024 * 1024;
/// Fetches under way at most.
pub const FETCHES: usize = 16;
/// Of these, fetches under way at most from URLs that never gave a document: anybody can
/// register as many slow ones as they like, and those who have a document go on.
pub const FETCHES_OF_STRANGERS: usize = FETCHES / 2;
/// Fetches from one host under way at most.
pub const FETCHES_OF_A_HOST: usize = 4;

/// One URL's place on the shelf. `D` is the document, `E` why there is none.
#[derive(Debug, Clone)]
struct Place<D, E> {
    held: Option<Held<D>>,
    failed: Option<(DateTime<Utc>, E)>,
    /// Whether a document was ever had from there. Stays when the document has gone.
    known: bool,
    /// When it was last looked at for the sake of a missing key.
    looked_again_at: Option<DateTime<Utc>>,
    asked_at: DateTime<Utc>,
}

/// A document as it was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held<D> {
    /// The document.
    pub document: D,
    /// When it was fetched.
    pub fetched_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl<D> Held<D> {
    fn is_newer_than(&self, seen: Option<DateTime<Utc>>) -> bool {
        seen.is_none_or(|seen| self.fetched_at > seen)
    }
}

/// What to do for somebody who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<D, E> {
    /// Give them this.
    Give(Held<D>),
    /// Tell them that it failed a moment ago.
    Refuse(E),
    /// Fetch it for them; or let them wait for the fetch that is under way.
    Fetch,
    /// Enough is being fetched.
    Busy,
}

/// Everything that is held. Keyed by URL.
#[derive(Debug)]
pub struct Shelf<D, E> {
    weigh: fn(&D) -> usize,
    places: HashMap<String, Place<D, E>>,
    /// The URLs that are being fetched.
    under_way: HashMap<String, UnderWay>,
}

/// A fetch.
#[derive(Debug)]
struct UnderWay {
    host: String,
    /// Whether a document was ever had from there.
    known: bool,
}

impl<D: Clone, E: Clone> Shelf<D, E> {
    /// An empty one, whose documents have as many bytes as `weigh` says.
    pub fn new(weigh: fn(&D) -> usize) -> Shelf<D, E> {
        Shelf { weigh, places: HashMap::new(), under_way: HashMap::new() }
    }

    /// What to do for somebody who asks for `url`, and is not content with a document that
    /// was fetched at `newer_than` or before. Counts a [`Verdict::Fetch`] as begun.
    pub fn ask(
        &mut self,
        url: &str,
        host: &str,
        newer_than: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Verdict<D, E> {
        let under_way = self.under_way.contains_key(url);
        if let Some(place) = self.places.get_mut(url) {
            place.asked_at = now;
            match place.answer(newer_than, now) {
                // Somebody is looking again just now: what is held is about to be old.
                Some(Verdict::Give(held)) if under_way && !held.is_newer_than(newer_than) => {}
                Some(answer) => return answer,
                None => {}
            }
        }
        if under_way {
            return Verdict::Fetch;
        }
        let known = self.places.get(url).is_some_and(|place| place.known);
        if !self.has_room_for(host, known) {
            return Verdict::Busy;
        }
        if let Some(place) = self.places.get_mut(url)
            && place.is_fresh(now)
        {
            place.looked_again_at = Some(now);
        }
        self.under_way.insert(url.to_owned(), UnderWay { host: host.to_owned(), known });
        Verdict::Fetch
    }

    fn has_room_for(&self, host: &str, known: bool) -> bool {
        let count = |counts: &dyn Fn(&UnderWay) -> bool| {
            self.under_way.values().filter(|it| counts(it)).count()
        };
        self.under_way.len() < FETCHES
            && count(&|it| it.host == host) < FETCHES_OF_A_HOST
            && (known || count(&|it| !it.known) < FETCHES_OF_STRANGERS)
    }

    /// Whether `url` is being fetched.
    #[must_use]
    pub fn is_under_way(&self, url: &str) -> bool {
        self.under_way.contains_key(url)
    }

    /// Notes how the fetch of `url` ended; what those who waited are told.
    ///
    /// A document that is still good stays when it cannot be had anew.
    pub fn put(
        &mut self,
        url: &str,
        outcome: Result<(D, Duration), E>,
        now: DateTime<Utc>,
    ) -> Result<Held<D>, E> {
        self.under_way.remove(url);
        self.make_room_for(url);
        if let Ok((document, _)) = &outcome {
            self.make_bytes_for(url, (self.weigh)(document));
        }
        let place = self.places.entry(url.to_owned()).or_insert_with(|| Place::new(now));
        match outcome {
            Ok((document, keep_for)) => {
                let keep_for = TimeDelta::from_std(keep_for.max(KEPT_AT_LEAST));
                let expires_at = keep_for.ok().and_then(|keep| now.checked_add_signed(keep));
                let expires_at = expires_at.unwrap_or(DateTime::<Utc>::MAX_UTC);
                let held = Held { document, fetched_at: now, expires_at };
                place.held = Some(held.clone());
                place.known = true;
                place.failed = None;
                Ok(held)
            }
            Err(error) => {
                place.failed = Some((now, error.clone()));
                place.held = place.held.take().filter(|held| now < held.expires_at);
                place.held.clone().ok_or(error)
            }
        }
    }

    /// How many documents, or failures to have one, are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// How many bytes the documents have that are held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.places.values().map(|place| place.bytes(self.weigh)).sum()
    }

    /// What nobody has asked for longest goes, and before that what never was there. Looks at
    /// everything, which happens with fetches only, and those are few.
    fn make_room_for(&mut self, url: &str) {
        if self.places.len() < DOCUMENTS || self.places.contains_key(url) {
            return;
        }
        let idle = self.places.iter().min_by_key(|(_, place)| (place.known, place.asked_at));
        if let Some(idle) = idle.map(|(url, _)| url.clone()) {
            self.places.remove(&idle);
        }
    }

    /// Documents go until one of `bytes` fits in for `url`: the large before those of half their
    /// size, so that who publishes large ones pushes out their like; among equals what nobody has asked
    /// for longest. Their places stay: they are no strangers.
    fn make_bytes_for(&mut self, url: &str, bytes: usize) {
        let weigh = self.weigh;
        if let Some(place) = self.places.get_mut(url) {
            place.held = None;
        }
        let mut held = self.bytes();
        while held > 0 && held + bytes > BYTES {
            let heaviest = self
                .places
                .values_mut()
                .max_by_key(|place| (place.bytes(weigh).checked_ilog2(), Reverse(place.asked_at)));
            let Some(place) = heaviest else { return };
            held -= place.bytes(weigh);
            place.held = None;
        }
    }
}

impl<D: Clone, E: Clone> Place<D, E> {
    fn new(now: DateTime<Utc>) -> Place<D, E> {
        Place { held: None, failed: None, known: false, looked_again_at: None, asked_at: now }
    }

    fn bytes(&self, weigh: fn(&D) -> usize) -> usize {
        self.held.as_ref().map_or(0, |held| weigh(&held.document))
    }

    fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        self.held.as_ref().is_some_and(|held| now < held.expires_at)
    }

    /// The answer, when nothing has to be fetched for it.
    fn answer(
        &self,
        newer_than: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Option<Verdict<D, E>> {
        // Either way: a clock that was set back must not stretch a pause of seconds to hours.
        let within = |since: DateTime<Utc>, pause| (now - since).abs() < pause;
        let failed = self.failed.as_ref().filter(|(at, _)| within(*at, LEFT_ALONE_FOR));
        let Some(held) = self.held.as_ref().filter(|held| now < held.expires_at) else {
            return failed.map(|(_, error)| Verdict::Refuse(error.clone()));
        };
        let is_new_enough = held.is_newer_than(newer_than);
        let was_looked_for = failed.is_some()
            || self.looked_again_at.is_some_and(|at| within(at, LOOKED_AGAIN_AFTER));
        (is_new_enough || was_looked_for).then(|| Verdict::Give(held.clone()))
    }
}

#[cfg(test)]
#[path = "shelf_tests.rs"]
mod tests;
