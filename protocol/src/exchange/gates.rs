//! The gates, in their order.

use super::{
    ActChain, ActorType, ConsentNeeded, Decision, Denial, Explanation, Facts, FrontingLink, Gate,
    Way,
};
use crate::error::OAuthError;
use crate::grant::require_proof;
use crate::resource::MintResource;
use crate::scope::ScopeSet;
use crate::text;

type Verdict<T> = Result<T, Box<Denial>>;

/// What comes of an exchange.
///
/// # Errors
/// The first gate that says no.
pub fn decide(facts: &Facts<'_>) -> Result<Decision, Box<Denial>> {
    walk(facts, &mut |_| {})
}

/// What comes of an exchange, and which gates it passed on the way.
#[must_use]
pub fn explain(facts: &Facts<'_>) -> Explanation {
    let mut passed = Vec::new();
    let outcome = walk(facts, &mut |gate| passed.push(gate));
    Explanation { passed, outcome }
}

fn walk(facts: &Facts<'_>, passed: &mut dyn FnMut(Gate)) -> Verdict<Decision> {
    let jkt = key(facts)?;
    passed(Gate::Key);
    if actor(facts)? {
        passed(Gate::Actor);
    }
    if self_exchange(facts)? {
        passed(Gate::SelfExchange);
    }
    catalog(facts)?;
    passed(Gate::Catalog);
    let links: Vec<&FrontingLink> =
        facts.links.iter().copied().filter(|link| is_gateway(facts, link)).collect();
    let (scopes, way) = if links.is_empty() {
        direct(facts, passed)?
    } else {
        through_a_link(facts, &links, passed)?
    };
    let act = chain(facts, &way)?;
    passed(Gate::Chain);
    Ok(Decision { scopes, act, way, jkt })
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

/// Whether there is an actor token. Only its own client has one to show, or the resource
/// it was sent to: with anybody else's, anybody could be written into the chain. A bound one
/// takes a proof as a bound subject token does.
fn actor(facts: &Facts<'_>) -> Verdict<bool> {
    let Some(actor) = facts.actor else { return Ok(false) };
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
        return Ok(true);
    }
    Err(no(
        Gate::Actor,
        "actor_not_client",
        OAuthError::invalid_grant("The actor_token was issued to another client."),
        "Present an actor_token that was issued to the client itself, or none.",
    ))
}

/// Whether no target was named, which only makes sense for a token of one's own.
fn self_exchange(facts: &Facts<'_>) -> Verdict<bool> {
    if facts.names_target {
        return Ok(false);
    }
    if facts.rules.allow_self_exchange && is_own(facts) {
        return Ok(true);
    }
    Err(no(
        Gate::SelfExchange,
        "no_target",
        OAuthError::invalid_target("Name the resource the new token is for."),
        "Send the resource parameter. Without it only a client's own token can be exchanged, \
         and only with token_exchange.allow_self_exchange.",
    ))
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

fn direct(facts: &Facts<'_>, passed: &mut dyn FnMut(Gate)) -> Verdict<(ScopeSet, Way)> {
    operator(facts)?;
    passed(Gate::Operator);
    if !is_own(facts) {
        cross_client(facts)?;
        passed(Gate::CrossClient);
    }
    let available = facts.target.catalog().intersection(&facts.subject.scopes);
    let scopes = subject_scope(facts, available)?;
    passed(Gate::SubjectScope);
    let scopes = ceiling(facts, &scopes)?;
    passed(Gate::Ceiling);
    let nobody_to_ask = facts.subject.user_id.is_none();
    if nobody_to_ask || (facts.rules.allow_self_exchange && is_own(facts)) {
        return Ok((scopes, Way::Subject));
    }
    let scopes = consent(facts, scopes)?;
    passed(Gate::Consent);
    Ok((scopes, Way::Consent { client_id: facts.subject.client_id.clone() }))
}

/// The operator's list; an empty one lets everybody in.
fn operator(facts: &Facts<'_>) -> Verdict<()> {
    let allowed = &facts.target.policy.exchange.allowed_client_ids;
    if allowed.is_empty() || allowed.contains(&facts.acting.id) {
        return Ok(());
    }
    Err(no(
        Gate::Operator,
        "client_not_allowed",
        OAuthError::access_denied(
            "The operator does not let this client exchange into the resource.",
        ),
        add_to_exchange_list(facts),
    ))
}

fn cross_client(facts: &Facts<'_>) -> Verdict<()> {
    let (policy, acting) = (&facts.target.policy, &facts.acting.id);
    if policy.exchange.allowed_client_ids.contains(acting) || policy.is_runtime_client(acting) {
        return Ok(());
    }
    Err(no(
        Gate::CrossClient,
        "cross_client_not_allowed",
        OAuthError::access_denied(
            "The subject token was issued to another client, and the operator has not listed this one for such exchanges.",
        ),
        add_to_exchange_list(facts),
    ))
}

fn add_to_exchange_list(facts: &Facts<'_>) -> String {
    let (slug, acting) = (&facts.target.slug, &facts.acting.id);
    format!(
        "Add the client to policy.exchange.allowed_client_ids: authserver admin resource \
         exchange-client add {slug} {acting}"
    )
}

/// What is asked for when `available` has it all; everything available when nothing is.
fn subject_scope(facts: &Facts<'_>, available: ScopeSet) -> Verdict<ScopeSet> {
    let refused = |what: String| {
        no(
            Gate::SubjectScope,
            "scope_exceeds_subject",
            OAuthError::invalid_scope(what),
            "Exchange a token that has the scopes: the client that got it has to ask for them, \
             and the user to agree.",
        )
    };
    match facts.requested {
        Some(requested) => match requested.first_not_in(&available) {
            Some(missing) => {
                let scope = text::visible(missing, 64);
                Err(refused(format!("The subject token does not have the scope '{scope}'.")))
            }
            None => Ok(requested.clone()),
        },
        None if available.is_empty() => Err(refused(format!(
            "The subject token has no scope of the resource '{}'.",
            facts.target.slug
        ))),
        None => Ok(available),
    }
}

/// What the client may ever get, as it is now.
fn ceiling(facts: &Facts<'_>, scopes: &ScopeSet) -> Verdict<ScopeSet> {
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

fn consent(facts: &Facts<'_>, scopes: ScopeSet) -> Verdict<ScopeSet> {
    let cause = match facts.consent {
        Some(agreed) => {
            let within = scopes.intersection(agreed);
            if within == scopes || (facts.requested.is_none() && !within.is_empty()) {
                return Ok(within);
            }
            "scope_insufficient"
        }
        None => "consent_missing",
    };
    let error = OAuthError::new(
        crate::ErrorCode::ConsentRequired,
        "The user has to agree first: send them to consent_url, then try again.",
    );
    let remedy = format!(
        "The user has to agree that the client {} reaches '{}'.",
        facts.subject.client_id, facts.target.slug
    );
    let mut denial = no(Gate::Consent, cause, error, remedy);
    denial.consent = Some(ConsentNeeded { cause, scopes });
    Err(denial)
}

fn through_a_link(
    facts: &Facts<'_>,
    links: &[&FrontingLink],
    passed: &mut dyn FnMut(Gate),
) -> Verdict<(ScopeSet, Way)> {
    let catalog = facts.target.catalog();
    let mut best: Option<(ScopeSet, &FrontingLink)> = None;
    for link in links {
        let worth = link.worth(&held_of(facts, link)).intersection(&catalog);
        let scopes = match facts.requested {
            Some(requested) if requested.is_subset_of(&worth) => requested.clone(),
            Some(_) => continue,
            None => worth,
        };
        if best.as_ref().is_none_or(|(most, _)| scopes.len() > most.len()) {
            best = Some((scopes, link));
        }
    }
    let Some((scopes, link)) = best.filter(|(scopes, _)| !scopes.is_empty()) else {
        return Err(no(
            Gate::Link,
            "scope_not_mapped",
            OAuthError::invalid_scope(
                "The fronting link gives none of these scopes for those of the subject token.",
            ),
            format!(
                "Ask for scopes that the scope_map of the link into '{}' gives for the subject \
                 token's, or extend it: authserver admin fronting update",
                facts.target.slug
            ),
        ));
    };
    passed(Gate::Link);
    let scopes = ceiling(facts, &scopes)?;
    passed(Gate::Ceiling);
    Ok((scopes, Way::Link(link.id)))
}

/// The subject token's scopes that its resource has still: what an operator has taken out of
/// the catalog since is worth nothing elsewhere.
fn held_of(facts: &Facts<'_>, link: &FrontingLink) -> ScopeSet {
    let source = facts.sources.iter().find(|source| source.id == link.source);
    source
        .map_or_else(ScopeSet::empty, |source| facts.subject.scopes.intersection(&source.catalog()))
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

fn is_own(facts: &Facts<'_>) -> bool {
    facts.acting.id == facts.subject.client_id
}

/// Whether the acting client may use `link`: it is the source, or the target's operator
/// lets it in.
fn is_gateway(facts: &Facts<'_>, link: &FrontingLink) -> bool {
    let acting = &facts.acting.id;
    let source = facts.sources.iter().find(|source| source.id == link.source);
    let is_the_source = source.is_some_and(|source| source.policy.is_runtime_client(acting));
    let is_let_in = facts.target.policy.exchange.allowed_client_ids.contains(acting);
    link.target == facts.target.id && source.is_some() && (is_the_source || is_let_in)
}

fn is_runtime_client_of_any(resources: &[&MintResource], client_id: &str) -> bool {
    resources.iter().any(|resource| resource.policy.is_runtime_client(client_id))
}

fn no(
    gate: Gate,
    reason: &'static str,
    error: OAuthError,
    remedy: impl Into<String>,
) -> Box<Denial> {
    let error = error.with_detail(format!("exchange: {reason}"));
    Box::new(Denial { gate, reason, error, remedy: remedy.into(), consent: None })
}
