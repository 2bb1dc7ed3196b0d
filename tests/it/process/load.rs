//! Many clients at once, each doing one thing again and again until the server is gone, and
//! remembering what it was told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::kit::client::claims;
use crate::kit::tenant::{App, Heard, Machine, code_in};
use crate::kit::{Answer, Pkce};

/// How long the clients may take to get answers, or to notice that the server is gone, on a machine
/// that is busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// What one client was told.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    /// The `jti` of every access token.
    pub(super) tokens: Vec<Uuid>,
    /// The newest refresh token, and how many rotations it took.
    pub(super) tip: Option<(String, u64)>,
    /// Codes, and what was heard of their redemption.
    pub(super) codes: Vec<Redeemed>,
    /// How often the server said that it could not.
    pub(super) refusals: u64,
}

/// A code that was sent to the token endpoint.
#[derive(Debug)]
pub(super) struct Redeemed {
    pub(super) code: String,
    pub(super) pkce: Pkce,
    /// Tokens came back.
    pub(super) acknowledged: bool,
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
    /// Families that were rotated once and more; and all.
    rotated: AtomicUsize,
    families: usize,
    /// From now on no answer, or a 503, is nothing to complain about.
    stopping: AtomicBool,
    /// A 503 that says when to come again is waited out, and not the end.
    storm: AtomicBool,
    /// The clients stop after the answer they are waiting for.
    over: AtomicBool,
}

/// What a client makes of an answer.
enum Next {
    Go(Answer),
    Again,
    Stop,
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
        let shared = Arc::new(Shared {
            token_endpoint,
            answers: AtomicU64::new(0),
            rotated: AtomicUsize::new(0),
            families: families.len(),
            stopping: AtomicBool::new(false),
            storm: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        let mut clients = JoinSet::new();
        for _ in 0..machines {
            clients.spawn(ask_for_tokens(Arc::clone(&shared), machine.clone()));
        }
        for first in families {
            clients.spawn(rotate(Arc::clone(&shared), app.clone(), first));
        }
        Load { clients, shared }
    }

    /// Sets one more client to work, which asks for codes and redeems them: the person of `app` is
    /// signed in and has agreed. `server` is the address without a path.
    pub(super) fn redeem_codes(&mut self, server: String, app: &App, name: &str) {
        self.clients.spawn(redeem(Arc::clone(&self.shared), server, app.clone(), name.to_owned()));
    }

    /// From now on the server may say that it cannot.
    pub(super) fn expect_a_storm(&self) {
        self.shared.storm.store(true, Ordering::SeqCst);
    }

    /// How many successes there were.
    pub(super) fn so_far(&self) -> u64 {
        self.shared.answers.load(Ordering::Relaxed)
    }

    /// Lets every client finish what it is at; what each was told.
    pub(super) async fn end(self) -> Vec<Acknowledged> {
        self.shared.over.store(true, Ordering::SeqCst);
        self.finish().await
    }

    /// Waits until the clients have `count` answers, and every family one of them.
    pub(super) async fn answers(&mut self, count: u64) {
        let shared = &self.shared;
        let enough = async {
            while shared.answers.load(Ordering::Relaxed) < count
                || shared.rotated.load(Ordering::Relaxed) < shared.families
            {
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
    /// A success is counted. A connection that breaks is the end, and so is a 503 unless there is a
    /// storm; neither may come by itself.
    async fn judge(&self, heard: Heard, told: &mut Acknowledged) -> Next {
        if let Some(answer) = heard.as_ref().filter(|answer| answer.status == 503)
            && self.storm.load(Ordering::SeqCst)
        {
            assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
            told.refusals += 1;
            sleep(Duration::from_millis(100)).await;
            return if self.over.load(Ordering::SeqCst) { Next::Stop } else { Next::Again };
        }
        let Some(answer) = heard.filter(|answer| answer.status != 503) else {
            assert!(self.stopping.load(Ordering::SeqCst), "no answer from a server that runs");
            return Next::Stop;
        };
        // Tokens, or the redirect with a code.
        assert!(matches!(answer.status, 200 | 302 | 303), "{answer:?}");
        self.answers.fetch_add(1, Ordering::Relaxed);
        Next::Go(answer)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

fn jti(answer: &Answer) -> Uuid {
    let jti = claims(&answer.member("access_token"))["jti"].as_str().unwrap().to_owned();
    Uuid::parse_str(&jti).unwrap()
}

async fn ask_for_tokens(shared: Arc<Shared>, machine: Machine) -> Acknowledged {
    let mut told = Acknowledged::default();
    while !shared.is_over() {
        let heard = machine.token(&shared.token_endpoint).await;
        match shared.judge(heard, &mut told).await {
            Next::Go(answer) => told.tokens.push(jti(&answer)),
            Next::Again => {}
            Next::Stop => break,
        }
    }
    told
}

async fn rotate(shared: Arc<Shared>, app: App, first: String) -> Acknowledged {
    let mut told = Acknowledged::default();
    let (mut tip, mut rotations) = (first, 0);
    while !shared.is_over() {
        let heard = app.refresh(&shared.token_endpoint, &tip).await;
        match shared.judge(heard, &mut told).await {
            Next::Go(answer) => {
                told.tokens.push(jti(&answer));
                shared.rotated.fetch_add(usize::from(rotations == 0), Ordering::Relaxed);
                (tip, rotations) = (answer.member("refresh_token"), rotations + 1);
            }
            // The same token again: within the grace window that is safe, whatever became of it.
            Next::Again => {}
            Next::Stop => break,
        }
    }
    told.tip = Some((tip, rotations));
    told
}

async fn redeem(shared: Arc<Shared>, server: String, app: App, name: String) -> Acknowledged {
    let mut told = Acknowledged::default();
    for number in 0_u64.. {
        if shared.is_over() {
            break;
        }
        let pkce = Pkce::new(&format!("{name} {number}"));
        let heard = app.ask_for_code(&server, &pkce).await;
        let code = match shared.judge(heard, &mut told).await {
            Next::Go(answer) => code_in(&answer).unwrap_or_else(|| panic!("no code: {answer:?}")),
            Next::Again => continue,
            Next::Stop => break,
        };
        let heard = app.redeem(&shared.token_endpoint, &code, &pkce).await;
        let next = shared.judge(heard, &mut told).await;
        let acknowledged = matches!(next, Next::Go(_));
        told.codes.push(Redeemed { code, pkce, acknowledged });
        match next {
            Next::Go(answer) => told.tokens.push(jti(&answer)),
            Next::Again => {}
            Next::Stop => break,
        }
    }
    told
}
