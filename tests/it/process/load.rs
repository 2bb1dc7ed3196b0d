//! Many clients at once, each doing one thing again and again until the server is gone, and
//! remembering what it was told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::tenant::{App, Heard, Machine};
use crate::kit::Answer;
use crate::kit::client::claims;

/// How long the clients may take to notice that the server is gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one client was told.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    /// The `jti` of every access token.
    pub(super) tokens: Vec<Uuid>,
    /// The newest refresh token, and how many rotations it took.
    pub(super) tip: Option<(String, u64)>,
}

/// The clients at work.
#[derive(Debug)]
pub(super) struct Load {
    clients: JoinSet<Acknowledged>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    token_endpoint: String,
    answers: AtomicU64,
    /// From now on no answer, or a 503, is nothing to complain about.
    stopping: AtomicBool,
}

impl Load {
    /// Sets the clients to work: `machines` ask for tokens, each of `families` is rotated.
    pub(super) fn start(
        token_endpoint: String,
        machine: &Machine,
        machines: usize,
        app: &App,
        families: Vec<String>,
    ) -> Load {
        let (answers, stopping) = (AtomicU64::new(0), AtomicBool::new(false));
        let shared = Arc::new(Shared { token_endpoint, answers, stopping });
        let mut clients = JoinSet::new();
        for _ in 0..machines {
            clients.spawn(ask_for_tokens(Arc::clone(&shared), machine.clone()));
        }
        for first in families {
            clients.spawn(rotate(Arc::clone(&shared), app.clone(), first));
        }
        Load { clients, shared }
    }

    /// Waits until the clients have `count` answers.
    pub(super) async fn answers(&mut self, count: u64) {
        let enough = async {
            while self.shared.answers.load(Ordering::Relaxed) < count {
                // Nobody tells us; a client that fails meanwhile is joined later.
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, enough).await.expect("the clients get answers");
    }

    /// Says that the server is about to stop.
    pub(super) fn expect_the_end(&self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
    }

    /// Waits until every client has seen the end; what each was told.
    pub(super) async fn finish(self) -> Vec<Acknowledged> {
        timeout(PATIENCE, self.clients.join_all()).await.expect("the clients see the end")
    }
}

impl Shared {
    /// The answer if it is a success; the end otherwise, which must not come by itself.
    fn accept(&self, heard: Heard) -> Option<Answer> {
        let answer = heard.filter(|answer| answer.status != 503);
        let Some(answer) = answer else {
            assert!(self.stopping.load(Ordering::SeqCst), "no answer from a server that runs");
            return None;
        };
        assert_eq!(answer.status, 200, "{answer:?}");
        self.answers.fetch_add(1, Ordering::Relaxed);
        Some(answer)
    }
}

fn jti(answer: &Answer) -> Uuid {
    let jti = claims(&answer.member("access_token"))["jti"].as_str().unwrap().to_owned();
    Uuid::parse_str(&jti).unwrap()
}

async fn ask_for_tokens(shared: Arc<Shared>, machine: Machine) -> Acknowledged {
    let mut told = Acknowledged::default();
    while let Some(answer) = shared.accept(machine.token(&shared.token_endpoint).await) {
        told.tokens.push(jti(&answer));
    }
    told
}

async fn rotate(shared: Arc<Shared>, app: App, first: String) -> Acknowledged {
    let mut told = Acknowledged::default();
    let (mut tip, mut rotations) = (first, 0);
    while let Some(answer) = shared.accept(app.refresh(&shared.token_endpoint, &tip).await) {
        told.tokens.push(jti(&answer));
        (tip, rotations) = (answer.member("refresh_token"), rotations + 1);
    }
    told.tip = Some((tip, rotations));
    told
}
