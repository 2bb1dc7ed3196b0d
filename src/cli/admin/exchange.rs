//! `authserver admin exchange`

use std::io;

use clap::{Args, Subcommand, ValueEnum};
use protocol::exchange::ActChain;

use super::super::{CliError, output};
use super::Counter;
use crate::admin::ExplainExchange;
use crate::administration::exchange::{
    DpopCase, ExchangeExplanation, ExchangeQuestion, ProofKey, RouteView,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what would come of an exchange: which gate stops it, and what to change. No token is
    /// needed, none is issued, and nothing is written.
    Explain(Explain),
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Id of the client that the subject token was issued to.
    #[arg(long, value_name = "ID")]
    subject_client: String,
    /// Id of the client that asks for the exchange.
    #[arg(long, value_name = "ID")]
    acting_client: String,
    /// Id of the client whose own token is the actor_token, if there is one.
    #[arg(long, value_name = "ID")]
    actor_client: Option<String>,
    /// URI, slug or id of the resource that the new token is for. Without it, the request names
    /// none.
    #[arg(long)]
    resource: Option<String>,
    /// URIs, slugs or ids of the resources that the subject token is for, comma separated or
    /// repeated [default: those it gets when its client names none].
    #[arg(long, value_delimiter = ',', value_name = "RESOURCE")]
    source: Vec<String>,
    /// The scopes that are asked for, with spaces between [default: whatever it is authorized for].
    #[arg(long, value_name = "SCOPES")]
    scopes: Option<String>,
    /// The scopes of the subject token, with spaces between [default: all it can have].
    #[arg(long, value_name = "SCOPES")]
    subject_scopes: Option<String>,
    /// Id or e-mail address of the user whom the subject token stands for; on a server, the key
    /// needs the right users:read for it. Without it, what depends on the user is left open.
    #[arg(long, conflicts_with = "machine")]
    user: Option<String>,
    /// The subject token is its client's own (client_credentials).
    #[arg(long)]
    machine: bool,
    /// The subject token is bound to a key (DPoP).
    #[arg(long)]
    subject_bound: bool,
    /// The DPoP proof that comes with the request: by the subject token's key or another one.
    #[arg(long, value_enum, default_value_t = Proof::None)]
    proof: Proof,
    /// Hops in the act chain of the subject token.
    #[arg(long, default_value_t = 0)]
    depth: u32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Proof {
    None,
    SameKey,
    OtherKey,
}

impl From<Explain> for ExchangeQuestion {
    fn from(typed: Explain) -> ExchangeQuestion {
        let words = |typed: String| typed.split_ascii_whitespace().map(str::to_owned).collect();
        ExchangeQuestion {
            subject_client: typed.subject_client,
            acting_client: typed.acting_client,
            actor_client: typed.actor_client,
            resource: typed.resource,
            source: typed.source,
            scopes: typed.scopes.map(words).unwrap_or_default(),
            subject_scopes: typed.subject_scopes.map(words),
            user: typed.user,
            machine: typed.machine,
            dpop: DpopCase {
                subject_bound: typed.subject_bound,
                proof: match typed.proof {
                    Proof::None => ProofKey::None,
                    Proof::SameKey => ProofKey::SameKey,
                    Proof::OtherKey => ProofKey::OtherKey,
                },
            },
            depth: typed.depth,
        }
    }
}

pub(super) async fn run(command: Command, counter: &Counter<'_>) -> Result<(), CliError> {
    let Command::Explain(explain) = command;
    counter.show(ExplainExchange { body: explain.into() }, told).await
}

fn told(explanation: &ExchangeExplanation) -> io::Result<()> {
    let rows = explanation.gates.iter().cloned().map(|gate| {
        let mark = match gate.passed {
            Some(true) => "passed",
            Some(false) => "STOPS",
            None => "open",
        };
        vec![mark.to_owned(), gate.gate, gate.route.unwrap_or_default(), gate.question]
    });
    output::table(&["", "GATE", "ROUTE", "QUESTION"], rows.collect())?;
    output::fields(&outcome(explanation))
}

/// What came of it, without what there is nothing to say about.
fn outcome(explanation: &ExchangeExplanation) -> Vec<(&'static str, String)> {
    let said = explanation.clone();
    let verdict = match said.allowed {
        Some(true) => "yes",
        Some(false) => "no",
        None => "depends on what the user has agreed to: name one with --user",
    };
    let needed = said.consent.map(|it| format!("{} ({})", it.scopes.join(" "), it.cause));
    let lines = [
        ("allowed", Some(verdict.to_owned())),
        ("reason", said.reason),
        ("error", said.error),
        ("description", said.error_description),
        ("consent needed", needed),
        ("what to do", said.remedy),
        ("other route", said.other_route.map(|other| other_route(&other))),
        ("scopes", said.scopes.map(|scopes| scopes.join(" "))),
        ("rests on", said.way),
        ("link", said.via_link.map(|id| id.to_string())),
        ("act", said.act.map(|act| hops(&act))),
        ("hops", said.chain_depth.map(|depth| depth.to_string())),
        ("token type", said.token_type),
        ("lives at most", said.expires_in_at_most.map(|seconds| format!("{seconds} s"))),
    ];
    lines.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Why the other route does not lead there, as one line.
fn other_route(other: &RouteView) -> String {
    let RouteView { route, stopped_at, reason, remedy, .. } = other;
    format!("{route}: stopped at {stopped_at} ({reason}). {remedy}")
}

/// The chain as one line, who acts now first.
fn hops(act: &ActChain) -> String {
    let hops = act.hops().map(|hop| format!("{} ({})", hop.sub, hop.actor_type));
    hops.collect::<Vec<_>>().join(" for ")
}
