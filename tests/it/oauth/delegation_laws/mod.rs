//! The laws of delegation, over random histories on a real server:
//!
//! 1. no token's scopes exceed the intersection of everything that authorized it;
//! 2. no token is active after an act of "What revocation reaches" that reaches it committed;
//! 3. every token's chain can be walked to a person's consent or an operator's grant.
//!
//! People, clients and resources do what they may and what they may not; a model of the contract
//! (`model`, `gates`) says what has to come of it. Each step is done on the server over HTTP
//! and in the model; then tokens are introspected, and have to be exactly as active as the model
//! has it, with the scopes and the chain it has. A history comes of its seed. One that breaks
//! a law is made shorter, as far as that goes in a minute, and told in sentences.
//!
//! `meanwhile` has the second law while many do things at the same time.
//!
//! `DELEGATION_SEEDS=100` tries as many more histories, `DELEGATION_FIRST=7` begins at that seed; those of
//! the second set of rules are a million further.

mod acts;
mod gates;
mod laws;
mod meanwhile;
mod model;
mod scopes;
mod steps;
mod story;
mod tally;
mod world;

use std::time::{Duration, Instant};

use crate::kit::{Backend, Server, on_both_databases};
use model::Rules;
use steps::Step;
use story::{Held, Story};
use tally::Tally;
use world::World;

/// Histories for each of the two sets of rules, unless the environment says otherwise.
const HISTORIES: u64 = 8;
/// Random steps of a history.
const STEPS: usize = 60;
/// How long a history that breaks a law is made shorter.
const PATIENCE: Duration = Duration::from_secs(60);

/// How operators have switched it.
const RULES: [Rules; 2] = [
    Rules { max_chain_depth: 5, allow_self_exchange: false },
    Rules { max_chain_depth: 3, allow_self_exchange: true },
];

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

async fn server_with(backend: Backend, rules: Rules) -> Server {
    let (depth, own) = (rules.max_chain_depth.to_string(), rules.allow_self_exchange.to_string());
    let settings = [
        ("AUTHPLANE_TOKEN_EXCHANGE_MAX_CHAIN_DEPTH", depth.as_str()),
        ("AUTHPLANE_TOKEN_EXCHANGE_ALLOW_SELF_EXCHANGE", own.as_str()),
        // Clients that are switched off go on asking here.
        ("AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", "0"),
    ];
    Server::start_with(backend, &settings).await
}

/// What happened in a history, and at which step a law was broken, and how.
struct Outcome {
    told: Vec<String>,
    tally: Tally,
    broken: Option<(usize, String)>,
}

/// Lets these steps happen in a world of their own.
async fn happen(server: &Server, seed: u64, rules: Rules, steps: &[(usize, Step)]) -> Outcome {
    let (world, model) = World::set(server, seed, rules).await;
    let tally = Tally::default();
    let mut story = Story { server, world, model, told: Vec::new(), tally, at: 0 };
    let mut broken = None;
    for (at, step) in steps {
        if let Err(what) = story.step(*at, step).await {
            broken = Some((*at, what));
            break;
        }
    }
    if broken.is_none()
        && let Err(what) = story.look_at_everything().await
    {
        broken = Some((usize::MAX, what));
    }
    story.tally.steps = story.told.len();
    Outcome { told: story.told, tally: story.tally, broken }
}

/// Leaves steps out for as long as a law is broken all the same; what happens then.
async fn shortened(
    server: &Server,
    seed: u64,
    rules: Rules,
    mut steps: Vec<(usize, Step)>,
    mut outcome: Outcome,
) -> Outcome {
    let begun = Instant::now();
    let mut size = steps.len() / 2;
    while size > 0 && begun.elapsed() < PATIENCE {
        let mut from = 0;
        while from < steps.len() && begun.elapsed() < PATIENCE {
            let mut fewer = steps.clone();
            fewer.drain(from..(from + size).min(steps.len()));
            let shorter = happen(server, seed, rules, &fewer).await;
            match &shorter.broken {
                Some((at, _)) => {
                    fewer.retain(|(step, _)| step <= at);
                    (steps, outcome) = (fewer, shorter);
                }
                None => from += size,
            }
        }
        size /= 2;
    }
    outcome
}

/// Lets the history of a seed happen.
async fn history_of(server: &Server, seed: u64, rules: Rules) -> Held<Tally> {
    let steps: Vec<(usize, Step)> = steps::history(seed, STEPS).into_iter().enumerate().collect();
    let outcome = happen(server, seed, rules, &steps).await;
    let Some((at, _)) = outcome.broken else { return Ok(outcome.tally) };
    let steps = steps.into_iter().filter(|(step, _)| *step <= at).collect();
    let Outcome { told, broken, .. } = shortened(server, seed, rules, steps, outcome).await;
    let what = broken.map_or(String::new(), |(_, what)| what);
    Err(format!("seed {seed}, {rules:?}, {:?}\n{}\n=> {what}", server.backend(), told.join("\n")))
}

#[expect(clippy::print_stdout, reason = "what came up, for who asks with --nocapture")]
fn report(took: Duration, tally: &Tally) {
    println!("{took:?}: {tally:#?}");
}

on_both_databases! {
    async fn the_laws_hold_whatever_happens(backend: Backend) {
        let asked = from_environment("DELEGATION_SEEDS");
        let first = from_environment("DELEGATION_FIRST").unwrap_or(1);
        let mut tally = Tally::default();
        let begun = Instant::now();
        for (rules, apart) in RULES.into_iter().zip([0, 1_000_000]) {
            let server = server_with(backend, rules).await;
            for seed in first..first + asked.unwrap_or(HISTORIES) {
                let rolled = history_of(&server, seed + apart, rules).await;
                tally.add(&rolled.unwrap_or_else(|broken| panic!("{broken}")));
            }
            server.stop().await;
        }
        report(begun.elapsed(), &tally);
        // Histories that somebody asked for may be too few to have everything.
        if asked.is_none() {
            tally.is_enough();
        }
    }
}
