//! The gates that stand on every route, and the order of all of them.

use super::direct::direct;
use super::link::{gateways_links, through_a_link};
use super::{
    ActChain, Actor, ActorType, Asked, Decision, Denial, Explanation, Facts, Gate, Route, Way,
};
use crate::error::OAuthError;
use crate::grant::require_proof;
use crate::resource::MintResource;
use crate::scope::ScopeSet;
use crate::text;

pub(super) type Verdict<T> = Result<T, Box<Denial>>;

/// What comes of an exchange.
///
/// # Errors
/// The refusal: that of the first gate that says no, on the route that counts.
pub fn decide(facts: &Facts<'_>) -> Result<Decision, Box<Denial>> {
    explain(facts).outcome
}

/// What comes of an exchange, and what every gate said on the way.
///
/// Where the client is a gateway with a link, the link is tried first. One that does not give
/// what is asked takes nothing away: the direct route is tried then, whole and by itself, so that
/// no token rests on a bit of both. When neither leads there, it is the link's refusal that
/// counts, for it was the route the operator has made for this client.
#[must_use]
pub fn explain(facts: &Facts<'_>) -> Explanation {
    let mut walk = Walk { facts, asked: Vec::new(), route: None };
    let (outcome, other) = match walk.entrance() {
        Ok(jkt) => walk.routes(jkt),
        Err(no) => (Err(no), None),
    };
    Explanation { asked: walk.asked, outcome, other }
}

/// The resource of an exchange that names none: the only one the subject token is for. A token
/// for several would have to be one for all of them, and a machine's may be for none.
///
/// # Errors
/// [`Gate::SelfExchange`] says no.
pub fn implied_target<'a>(sources: &[&'a MintResource]) -> Result<&'a MintResource, Box<Denial>> {
    match sources {
        [own] => Ok(own),
        _ => Err(no_target()),
    }
}

/// An exchange on its way through the gates.
pub(super) struct Walk<'a> {
    pub(super) facts: &'a Facts<'a>,
    asked: Vec<Asked>,
    route: Option<Route>,
}

impl Walk<'_> {
    /// Notes what a gate said.
    pub(super) fn passes<T>(&mut self, gate: Gate, verdict: Verdict<T>) -> Verdict<T> {
        self.asked.push(Asked { gate, route: self.route, passed: verdict.is_ok() });
        verdict
    }

    /// The gates before any route; the key that the new token is bound to.
    fn entrance(&mut self) -> Verdict<Option<String>> {
        let facts = self.facts;
        let jkt = self.passes(Gate::Key, key(facts))?;
        if let Some(actor) = facts.actor {
            self.passes(Gate::Actor, is_shown_by_its_own(facts, actor))?;
        }
        if !facts.names_target {
            self.passes(Gate::SelfExchange, self_exchange(facts))?;
        }
        self.passes(Gate::Catalog, catalog(facts))?;
        Ok(jkt)
    }

    fn routes(&mut self, jkt: Option<String>) -> (Verdict<Decision>, Option<Box<Denial>>) {
        let links = gateways_links(self.facts);
        if links.is_empty() {
            return (self.along(Route::Direct, jkt, direct), None);
        }
        let by_link = self.along(Route::Link, jkt.clone(), |walk| through_a_link(walk, &links));
        let not_given = match by_link {
            Ok(decision) => return (Ok(decision), None),
            Err(not_given) => not_given,
        };
        match self.along(Route::Direct, jkt, direct) {
            Ok(decision) => (Ok(decision), Some(not_given)),
            Err(no) => (Err(not_given), Some(no)),
        }
    }

    /// The gates of one route, and the one at its end.
    fn along(
        &mut self,
        route: Route,
        jkt: Option<String>,
        gates: impl FnOnce(&mut Self) -> Verdict<(ScopeSet, Way)>,
    ) -> Verdict<Decision> {
        self.route = Some(route);
        let (scopes, way) = gates(self)?;
        let act = self.passes(Gate::Chain, chain(self.facts, &way))?;
        Ok(Decision { scopes, act, way, jkt })
    }
}

/// RFC 9449 §5 for exchanges: a bound token is worth nothing to who does not hold its key,
/// save to a resource it was sent to. What comes of it is bound as well, and always so where
/// the operator, or the client when it was registered, said that it has to be.
fn key(facts: &Facts<'_>) -> Verdict<Option<String>> {
    let proof = facts.proof.map(str::to_owned);
    require_proof(facts.acting, &[facts.target], facts.proof).map_err(|error| {
        no(Gate::Key, "dpop_required", error, "Send a DPoP proof with the exchange.")
    })?;
    let Some(bound_to) = &facts.subject.jkt else { return Ok(proof) };
    let was_sent_to = || is_runtime_client_of_any(facts.sources, &facts.acting.id);
    match &proof {
        Some(jkt) if jkt == bound_to || was_sent_to() => Ok(proof),
        Some(_) => Err(no(
            Gate::Key,
            "dpop_key_mismatch",
            OAuthError::invalid_dpop_proof(
                "The subject token is bound to another key than that of the DPoP proof.",
            ),
            "Make the proof with the key the subject token is bound to, or list the client as a \
             runtime client of the resource the subject token is for.",
        )),
        None => Err(no(
            Gate::Key,
            "dpop_proof_missing",
            OAuthError::invalid_dpop_proof(
                "The subject token is bound to a key: send a DPoP proof.",
            ),
            "Send a DPoP proof with the exchange.",
        )),
    }
}

/// Only its own client has an actor token to show, or the resource it was sent to: with anybody
/// else's, anybody could be written into the chain. A bound one takes a proof as a bound subject
/// token does.
fn is_shown_by_its_own(facts: &Facts<'_>, actor: &Actor) -> Verdict<()> {
    let acting = &facts.acting.id;
    let its_own = actor.client_id == *acting;
    let was_sent_to = facts.sources.iter().any(|source| {
        actor.resource_ids.contains(&source.id) && source.policy.is_runtime_client(acting)
    });
    let holds_its_key =
        |bound_to: &String| facts.proof.is_some_and(|jkt| jkt == bound_to.as_str() || was_sent_to);
    if (its_own || was_sent_to) && !actor.jkt.as_ref().is_none_or(holds_its_key) {
        return Err(no(
            Gate::Actor,
            "actor_key_mismatch",
            OAuthError::invalid_dpop_proof(
                "The actor_token is bound to a key: send a DPoP proof by it.",
            ),
            "Make the proof with the key the actor token is bound to, or present one that is not \
             bound.",
        ));
    }
    if its_own || was_sent_to {
        return Ok(());
    }
    Err(no(
        Gate::Actor,
        "actor_not_client",
        OAuthError::invalid_grant("The actor_token was issued to another client."),
        "Present an actor_token that was issued to the client itself, or none.",
    ))
}

/// Not to name a target only makes sense for a token of one's own.
fn self_exchange(facts: &Facts<'_>) -> Verdict<()> {
    if facts.rules.allow_self_exchange && is_own(facts) { Ok(()) } else { Err(no_target()) }
}

fn no_target() -> Box<Denial> {
    no(
        Gate::SelfExchange,
        "no_target",
        OAuthError::invalid_target("Name the resource the new token is for."),
        "Send the resource parameter. Without it only a client's own token for one resource can \
         be exchanged, and only with token_exchange.allow_self_exchange.",
    )
}

fn catalog(facts: &Facts<'_>) -> Verdict<()> {
    let Some(requested) = facts.requested else { return Ok(()) };
    let catalog = facts.target.catalog();
    let Some(unknown) = requested.first_not_in(&catalog) else { return Ok(()) };
    let (scope, slug) = (text::visible(unknown, 64), &facts.target.slug);
    Err(no(
        Gate::Catalog,
        "scope_not_in_catalog",
        OAuthError::invalid_scope(format!("The resource '{slug}' has no scope '{scope}'.")),
        format!("Ask for scopes of '{slug}', or add '{scope}' to its catalog."),
    ))
}

/// What the client may ever get, as it is now.
pub(super) fn ceiling(facts: &Facts<'_>, scopes: &ScopeSet) -> Verdict<ScopeSet> {
    let within = scopes.under(facts.acting.ceiling.as_ref());
    let fits = if facts.requested.is_some() { within == *scopes } else { !within.is_empty() };
    if fits {
        return Ok(within);
    }
    let missing = scopes.first_not_in(&within).unwrap_or_default();
    let (scope, acting) = (text::visible(missing, 64), &facts.acting.id);
    Err(no(
        Gate::Ceiling,
        "scope_exceeds_ceiling",
        OAuthError::invalid_scope(format!("The client is not registered for the scope '{scope}'.")),
        format!("Add the scope to the client: authserver admin client update {acting} --scope …"),
    ))
}

/// Who acts now. A client that presents an actor token, or exchanges somebody else's, is
/// one hop more; whoever exchanges its own changes nothing, so no detour makes a chain
/// shorter. It is always the one that asks who acts now: the client of an actor token that was
/// sent to it, and through a link the agent it is the gateway for, come before it.
fn chain(facts: &Facts<'_>, way: &Way) -> Verdict<Option<ActChain>> {
    let before = facts.subject.act.clone();
    let own = is_own(facts);
    let before = match way {
        Way::Link(_) if !own => {
            Some(after(before, &facts.subject.client_id, facts.subject.client_type))
        }
        _ => before,
    };
    let before = match facts.actor {
        Some(actor) if actor.client_id != facts.acting.id => {
            Some(after(before, &actor.client_id, actor.actor_type))
        }
        _ => before,
    };
    let act = if own && facts.actor.is_none() {
        before
    } else {
        Some(ActChain::grown(before, &facts.acting.id, ActorType::of(facts.acting)))
    };
    let depth = act.as_ref().map_or(0, ActChain::depth);
    if depth <= facts.rules.max_chain_depth {
        return Ok(act);
    }
    let most = facts.rules.max_chain_depth;
    Err(no(
        Gate::Chain,
        "chain_too_deep",
        OAuthError::access_denied(format!(
            "The act chain would have {depth} hops, and {most} are allowed."
        )),
        "Exchange a token that is nearer to the user, or raise token_exchange.max_chain_depth.",
    ))
}

/// The chain with this client as the one that acted last, if it is not anyway.
fn after(before: Option<ActChain>, client_id: &str, client_type: ActorType) -> ActChain {
    match before {
        Some(chain) if chain.sub == client_id => chain,
        before => ActChain::grown(before, client_id, client_type),
    }
}

pub(super) fn is_own(facts: &Facts<'_>) -> bool {
    facts.acting.id == facts.subject.client_id
}

fn is_runtime_client_of_any(resources: &[&MintResource], client_id: &str) -> bool {
    resources.iter().any(|resource| resource.policy.is_runtime_client(client_id))
}

pub(super) fn no(
    gate: Gate,
    reason: &'static str,
    error: OAuthError,
    remedy: impl Into<String>,
) -> Box<Denial> {
    let error = error.with_detail(format!("exchange: {reason}"));
    Box::new(Denial { gate, reason, error, remedy: remedy.into(), consent: None })
}
