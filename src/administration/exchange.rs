//! The dry run of a token exchange: which gates it passes, which one stops it, and what to change.
//!
//! No token is needed. The operator describes the exchange, and what the endpoint would go by is
//! gathered and judged by what the endpoint itself uses ([`actors::ledger::Basis`]). Where
//! the answer depends on something that was not said, it is left open. Nothing is written.

mod case;
mod standing;

use actors::catalog::Registered;
use actors::ledger::Basis;
use protocol::OAuthError;
use protocol::exchange::{
    ActChain, ConsentNeeded, Decision, Denial, Explanation, Facts, ForAnybody, Gate, Route, Way,
    explain, explain_for_anybody,
};
use protocol::scope::ScopeSet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use self::case::{Case, Person};
use super::{AdminError, Desk};
use crate::flows::agreement;
use crate::grants::token_exchange::rules;

/// An exchange, described. The subject token is taken to be good unless its client or its user is
/// switched off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeQuestion {
    /// Id of the client that the subject token was issued to.
    pub subject_client: String,
    /// Id of the client that asks for the exchange.
    pub acting_client: String,
    /// Id of the client whose own token is the `actor_token`, if there is one. That token is taken
    /// to be for the same resources as the subject token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_client: Option<String>,
    /// URI, slug or id of the resource that the new token is for. Left out, the request names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// URIs, slugs or ids of the resources that the subject token is for, 16 at most. Left out,
    /// those that a token has which its client asked for without naming any: for a user, the
    /// client's default resource or the only one there is; for a machine, none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16)]
    pub source: Vec<String>,
    /// The scopes that are asked for, 256 at most. None asks for whatever it is authorized for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 256)]
    pub scopes: Vec<String>,
    /// The scopes of the subject token. Left out, all of its resources' scopes that its client is
    /// registered for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 4096)]
    pub subject_scopes: Option<Vec<String>>,
    /// Id or e-mail address of the user whom the subject token stands for; takes the right
    /// `users:read`. Left out, they are taken to be active, and what depends on their consent is
    /// left open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whether the subject token is its client's own (`client_credentials`): there is no user.
    #[serde(default)]
    pub machine: bool,
    /// Which keys there are.
    #[serde(default)]
    pub dpop: DpopCase,
    /// Hops in the act chain of the subject token. If there are any, the outermost is taken to be
    /// its client.
    #[serde(default)]
    #[schema(maximum = 10)]
    pub depth: u32,
}

/// Which keys (RFC 9449) there are in an exchange.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DpopCase {
    /// Whether the subject token is bound to a key.
    pub subject_bound: bool,
    /// The proof that comes with the request.
    pub proof: ProofKey,
}

/// The DPoP proof that comes with an exchange.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProofKey {
    /// There is none.
    #[default]
    None,
    /// By the key that the subject token is bound to.
    SameKey,
    /// By another key.
    OtherKey,
}

/// What would come of an exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExchangeExplanation {
    /// Whether a token would be issued; null when that depends on what the user has agreed to.
    pub allowed: Option<bool>,
    /// The gates in the order they are asked, as far as the exchange gets. A fronting link is tried
    /// before the direct route.
    pub gates: Vec<GateView>,
    /// The gate that stops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<String>,
    /// Why, in one word: `reason` in the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The error that the client would get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The sentence that comes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_description: Option<String>,
    /// What would help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Where a fronting link was tried and did not give what is asked, the route that does not
    /// count: the link, when the direct route leads to the target, and else the direct route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_route: Option<RouteView>,
    /// The scopes of the new token; at most these, where it depends on the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// `act` of the new token, as far as it is known: hops before the subject token's client are
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub act: Option<ActChain>,
    /// How many hops `act` would have in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_depth: Option<usize>,
    /// What it rests on besides the subject token: `consent`, `link`, or `subject` for nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<String>,
    /// The fronting link, if it rests on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via_link: Option<Uuid>,
    /// What the user would have to agree to, or to have agreed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentView>,
    /// `Bearer` or `DPoP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    /// How long the new token would live, in seconds: less when what the subject token rests on
    /// ends before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_at_most: Option<u64>,
}

/// What a gate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GateView {
    /// Its name.
    pub gate: String,
    /// What it asks.
    pub question: String,
    /// The route it stands on, `link` or `direct`; left out before they part. Some gates stand on
    /// both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Whether it lets the exchange pass; null when that depends on the user, who was not named.
    pub passed: Option<bool>,
}

/// A route that was tried too and does not lead to the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RouteView {
    /// `link` or `direct`.
    pub route: String,
    /// The gate that stops the exchange there.
    pub stopped_at: String,
    /// Why, in one word.
    pub reason: String,
    /// The error that the client would get if this were the only route.
    pub error: String,
    /// The sentence that comes with it.
    pub error_description: String,
    /// What would help.
    pub remedy: String,
    /// What the user would have to agree to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentView>,
}

/// What the user would have to agree to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsentView {
    /// `consent_missing`, `scope_insufficient`, or `depends_on_user`.
    pub cause: String,
    /// All the scopes the exchange needs; where none were asked for, some of them will do.
    pub scopes: Vec<String>,
}

/// Why an exchange is stopped.
struct Stop {
    reason: &'static str,
    error: OAuthError,
    remedy: String,
    consent: Option<ConsentNeeded>,
}

impl From<Denial> for Stop {
    fn from(Denial { reason, error, remedy, consent, .. }: Denial) -> Stop {
        Stop { reason, error, remedy, consent }
    }
}

/// What would come of the exchange.
///
/// # Errors
/// [`AdminError::Lacks`] when a user is named and the key has no right to read users,
/// [`AdminError::NotFound`] for a client, resource or user that was named and is not there,
/// [`AdminError::Invalid`] that names the member at fault, or a failure of the server.
pub async fn explain_exchange(
    desk: &Desk<'_>,
    question: ExchangeQuestion,
) -> Result<ExchangeExplanation, AdminError> {
    desk.keepers.catalog.caught_up().await?;
    let registered = desk.keepers.catalog.registered();
    let case = Case::read(desk, &registered.resources, question).await?;
    let mut answer = ExchangeExplanation::default();
    if !standing::look(desk.config, &case, &mut answer) {
        return Ok(answer);
    }
    judge(desk, &registered, &case, answer).await
}

/// The gates of [`protocol::exchange`].
async fn judge(
    desk: &Desk<'_>,
    registered: &Registered,
    case: &Case<'_>,
    mut answer: ExchangeExplanation,
) -> Result<ExchangeExplanation, AdminError> {
    let (settings, subject) = (&desk.config.token_exchange, &case.subject);
    let basis = Basis::gather(rules(settings), registered, &subject.resource_ids, case.named);
    let basis = match basis {
        Ok(basis) => basis,
        Err(denial) => {
            answer.gate(denial.gate.as_str(), denial.gate.question(), None, Some(false));
            answer.stopped(denial.gate.as_str(), (*denial).into());
            return Ok(answer);
        }
    };
    let consent = match case.person {
        Person::Known { id, .. } => {
            agreement::live(desk.keepers, id, &subject.client_id, basis.target.id).await??
        }
        Person::Anybody | Person::Nobody => None,
    };
    let facts = Facts {
        actor: case.actor.as_ref(),
        requested: case.requested.as_ref(),
        consent: consent.as_ref(),
        proof: case.proof.filter(|_| desk.config.dpop.enabled),
        ..basis.facts(&case.acting, subject)
    };
    let ForAnybody { explanation, depends_on_user } = match case.person {
        Person::Anybody => explain_for_anybody(&facts),
        _ => ForAnybody { explanation: explain(&facts), depends_on_user: false },
    };
    let Explanation { asked, outcome, other } = explanation;
    for asked in asked {
        let open = asked.gate == Gate::Consent && depends_on_user;
        let passed = (!open).then_some(asked.passed);
        answer.gate(asked.gate.as_str(), asked.gate.question(), asked.route, passed);
    }
    // Where both routes were tried, a refusal is the link's, and a token comes of the other one.
    let other_route = if outcome.is_ok() { Route::Link } else { Route::Direct };
    answer.other_route = other.map(|denial| RouteView::new(other_route, *denial));
    match outcome {
        Err(denial) => answer.stopped(denial.gate.as_str(), (*denial).into()),
        Ok(decision) => {
            answer.reached(&decision, depends_on_user, settings.token_expiry.as_secs());
        }
    }
    Ok(answer)
}

impl ExchangeExplanation {
    fn gate(&mut self, gate: &str, question: &str, route: Option<Route>, passed: Option<bool>) {
        let (gate, question) = (gate.to_owned(), question.to_owned());
        let route = route.map(|route| route.as_str().to_owned());
        self.gates.push(GateView { gate, question, route, passed });
    }

    fn stopped(&mut self, gate: &str, stop: Stop) {
        self.allowed = Some(false);
        self.stopped_at = Some(gate.to_owned());
        self.reason = Some(stop.reason.to_owned());
        self.error = Some(stop.error.code.as_str().to_owned());
        self.error_description = Some(stop.error.description.into_owned());
        self.remedy = Some(stop.remedy);
        self.consent = stop.consent.map(|needed| ConsentView::new(needed.cause, &needed.scopes));
    }

    fn reached(&mut self, decision: &Decision, depends_on_user: bool, most: u64) {
        self.allowed = (!depends_on_user).then_some(true);
        self.consent =
            depends_on_user.then(|| ConsentView::new("depends_on_user", &decision.scopes));
        self.scopes = Some(decision.scopes.iter().map(str::to_owned).collect());
        self.chain_depth = Some(decision.act.as_ref().map_or(0, ActChain::depth));
        self.act = decision.act.as_ref().and_then(case::known_hops);
        let (way, via_link) = match &decision.way {
            Way::Consent { .. } => ("consent", None),
            Way::Link(id) => ("link", Some(*id)),
            Way::Subject => ("subject", None),
        };
        self.way = Some(way.to_owned());
        self.via_link = via_link;
        let token_type = if decision.jkt.is_some() { "DPoP" } else { "Bearer" };
        self.token_type = Some(token_type.to_owned());
        self.expires_in_at_most = Some(most);
    }
}

impl RouteView {
    fn new(route: Route, denial: Denial) -> RouteView {
        let Denial { gate, reason, error, remedy, consent } = denial;
        RouteView {
            route: route.as_str().to_owned(),
            stopped_at: gate.as_str().to_owned(),
            reason: reason.to_owned(),
            remedy,
            error: error.code.as_str().to_owned(),
            error_description: error.description.into_owned(),
            consent: consent.map(|needed| ConsentView::new(needed.cause, &needed.scopes)),
        }
    }
}

impl ConsentView {
    fn new(cause: &str, scopes: &ScopeSet) -> ConsentView {
        let scopes = scopes.iter().map(str::to_owned).collect();
        ConsentView { cause: cause.to_owned(), scopes }
    }
}
