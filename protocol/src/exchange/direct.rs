//! The direct route: the operator's policy, the subject token's scopes and the user's consent.

use super::gates::{Verdict, Walk, ceiling, is_own, no};
use super::{ConsentNeeded, Denial, Facts, Gate, Principal, Way};
use crate::error::{ErrorCode, OAuthError};
use crate::scope::ScopeSet;
use crate::text;

pub(super) fn direct(walk: &mut Walk<'_>) -> Verdict<(ScopeSet, Way)> {
    let facts = walk.facts;
    walk.passes(Gate::Operator, operator(facts))?;
    if !is_own(facts) {
        walk.passes(Gate::CrossClient, cross_client(facts))?;
    }
    let available = facts.target.catalog().intersection(&facts.subject.scopes);
    let scopes = walk.passes(Gate::SubjectScope, subject_scope(facts, available))?;
    let scopes = walk.passes(Gate::Ceiling, ceiling(facts, &scopes))?;
    match facts.subject.principal {
        Principal::Machine => return Ok((scopes, Way::Subject)),
        Principal::User(_) if facts.rules.allow_self_exchange && is_own(facts) => {
            return Ok((scopes, Way::Subject));
        }
        Principal::User(_) => {}
    }
    let scopes = walk.passes(Gate::Consent, consent(facts, scopes))?;
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

/// What the user has agreed to. What nobody has agreed to and the consent page cannot offer,
/// because the subject token's client is not registered for it, is refused for good: asking the
/// user would lead nowhere, however often.
fn consent(facts: &Facts<'_>, scopes: ScopeSet) -> Verdict<ScopeSet> {
    let agreed = facts.consent.cloned().unwrap_or_default();
    let within = scopes.intersection(&agreed);
    if within == scopes || (facts.requested.is_none() && !within.is_empty()) {
        return Ok(within);
    }
    let possible = scopes.under(facts.subject.ceiling.as_ref());
    let needed = if facts.requested.is_some() {
        match scopes.first_not_in(&agreed.union(&possible)) {
            Some(scope) => return Err(beyond_consent(facts, scope)),
            None => scopes,
        }
    } else if possible.is_empty() {
        return Err(beyond_consent(facts, scopes.iter().next().unwrap_or_default()));
    } else {
        possible
    };
    let cause = if facts.consent.is_some() { "scope_insufficient" } else { "consent_missing" };
    let error = OAuthError::new(
        ErrorCode::ConsentRequired,
        "The user has to agree first: send them to consent_url, then try again.",
    );
    let remedy = format!(
        "The user has to agree that the client {} reaches '{}'.",
        facts.subject.client_id, facts.target.slug
    );
    let mut denial = no(Gate::Consent, cause, error, remedy);
    denial.consent = Some(ConsentNeeded { cause, scopes: needed });
    Err(denial)
}

fn beyond_consent(facts: &Facts<'_>, scope: &str) -> Box<Denial> {
    let (scope, client) = (text::visible(scope, 64), &facts.subject.client_id);
    no(
        Gate::Consent,
        "scope_exceeds_subject_ceiling",
        OAuthError::invalid_scope(format!(
            "The client of the subject token is not registered for the scope '{scope}', so no \
             user can agree to it."
        )),
        format!(
            "Ask for other scopes, or add this one to the client of the subject token: authserver \
             admin client update {client} --scope …; then the user can agree."
        ),
    )
}
