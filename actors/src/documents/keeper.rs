//! The documents keeper: who waits for which fetch.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use protocol::document_url::DocumentUrl;
use protocol::jose::KeySet;
use tokio::time::Instant;

use super::fetch::{FetchError, Fetcher};
use super::messages::{DocumentError, DocumentSettings, FetchKeys, HeldKeys, StopFetching};
use super::shelf::{FETCHES, Held, Shelf, Verdict};
use crate::runtime::{Answer, Desk, Environment, Keeper, Letter, Receive};

/// Who may wait for one fetch. Together with [`FETCHES`] less than the keeper's capacity:
/// slow documents never keep those from being answered whose document is here.
const WAITING_FOR_ONE: usize = 64;

type Waiting = Answer<Result<HeldKeys, DocumentError>>;

/// Owns the documents of others.
#[derive(Debug)]
pub struct Documents {
    environment: Environment,
    fetcher: Fetcher,
    keep_for: Duration,
    shelf: Shelf<KeySet, Arc<FetchError>>,
    waiting: HashMap<String, Vec<Waiting>>,
    /// Whether nothing is fetched any more.
    stopping: bool,
}

impl Documents {
    /// A keeper with nothing on its shelf.
    #[must_use]
    pub fn new(settings: DocumentSettings, environment: Environment) -> Documents {
        Documents {
            environment,
            fetcher: Fetcher::new(settings),
            keep_for: settings.keep_for,
            shelf: Shelf::new(KeySet::footprint),
            waiting: HashMap::new(),
            stopping: false,
        }
    }

    fn fetch_for(&mut self, url: DocumentUrl, answer: Waiting, desk: &mut Desk<'_, Self>) {
        if self.stopping {
            return answer.give(Err(DocumentError::Stopping));
        }
        let key = url.to_string();
        let waiting = self.waiting.entry(key.clone()).or_default();
        if waiting.len() >= WAITING_FOR_ONE {
            suppressed("busy");
            return answer.give(Err(DocumentError::Busy));
        }
        waiting.push(answer);
        if waiting.len() > 1 {
            return;
        }
        let fetcher = self.fetcher.clone();
        let begun = Instant::now();
        // A stranger's server may take its time: a stop does not.
        let fetch = async move { fetcher.key_set(&url).await };
        desk.spawn_forgettable(fetch, move |keeper, outcome, _| {
            metrics::histogram!("authserver_cimd_fetch_duration_seconds").record(begun.elapsed());
            keeper.note(&key, outcome);
        });
    }

    fn note(&mut self, url: &str, outcome: Result<(KeySet, Option<Duration>), FetchError>) {
        if let Err(error) = &outcome {
            tracing::info!(url, %error, "a document of a client cannot be had");
        }
        let longest = self.keep_for;
        let outcome = outcome
            .map(|(keys, allowed)| (keys, allowed.unwrap_or(longest).min(longest)))
            .map_err(Arc::new);
        let told = self.shelf.put(url, outcome, self.environment.now());
        for answer in self.waiting.remove(url).unwrap_or_default() {
            answer.give(told.clone().map(held_keys).map_err(DocumentError::Failed));
        }
    }
}

fn held_keys(held: Held<KeySet>) -> HeldKeys {
    HeldKeys { keys: held.document, fetched_at: held.fetched_at }
}

/// Counts a fetch that somebody could have caused and that did not happen.
fn suppressed(reason: &'static str) {
    metrics::counter!("authserver_cimd_fetch_suppressed_total", "reason" => reason).increment(1);
}

impl Keeper for Documents {
    const NAME: &'static str = "documents";
    const CAPACITY: usize = 4 * FETCHES * WAITING_FOR_ONE;
}

impl Receive<StopFetching> for Documents {
    /// What is under way may go on, and nobody waits for it any more.
    fn receive(&mut self, letter: Letter<StopFetching>, _: &mut Desk<'_, Self>) {
        let Some((StopFetching, answer)) = letter.open() else { return };
        self.stopping = true;
        for waiting in self.waiting.drain().flat_map(|(_, waiting)| waiting) {
            waiting.give(Err(DocumentError::Stopping));
        }
        answer.give(());
    }
}

impl Receive<FetchKeys> for Documents {
    fn receive(&mut self, letter: Letter<FetchKeys>, desk: &mut Desk<'_, Self>) {
        let Some((FetchKeys { url, newer_than }, answer)) = letter.open() else { return };
        let (key, now) = (url.to_string(), self.environment.now());
        match self.shelf.ask(&key, url.host(), newer_than, now) {
            Verdict::Give(held) => {
                if newer_than.is_some_and(|seen| held.fetched_at <= seen) {
                    suppressed("looked_again_lately");
                }
                answer.give(Ok(held_keys(held)));
            }
            Verdict::Refuse(error) => {
                suppressed("failed_lately");
                answer.give(Err(DocumentError::Failed(error)));
            }
            Verdict::Busy => {
                suppressed("busy");
                answer.give(Err(DocumentError::Busy));
            }
            Verdict::Fetch => self.fetch_for(url, answer, desk),
        }
    }
}
