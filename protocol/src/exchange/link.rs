//! The route through a fronting link: the operator has said what the scopes of one resource are
//! worth at another, which stands in for the operator's lists and for consent.

use super::gates::{Verdict, Walk, ceiling, no};
use super::{Denial, Facts, FrontingLink, Gate, Way};
use crate::error::OAuthError;
use crate::scope::ScopeSet;

/// The links into the target that the acting client is the gateway of: it is the source, or the
/// target's operator lets it in.
pub(super) fn gateways_links<'a>(facts: &Facts<'a>) -> Vec<&'a FrontingLink> {
    let acting = &facts.acting.id;
    let is_let_in = facts.target.policy.exchange.allowed_client_ids.contains(acting);
    let is_gateway = |link: &&FrontingLink| {
        let source = facts.sources.iter().find(|source| source.id == link.source);
        link.target == facts.target.id
            && source.is_some_and(|source| is_let_in || source.policy.is_runtime_client(acting))
    };
    facts.links.iter().copied().filter(is_gateway).collect()
}

pub(super) fn through_a_link(
    walk: &mut Walk<'_>,
    links: &[&FrontingLink],
) -> Verdict<(ScopeSet, Way)> {
    let facts = walk.facts;
    let (scopes, link) = walk.passes(Gate::Link, given(facts, links))?;
    let scopes = walk.passes(Gate::Ceiling, ceiling(facts, &scopes))?;
    Ok((scopes, Way::Link(link.id)))
}

/// What the link from the resource the subject token is for gives, and that link.
///
/// The token has to be for the source and for nothing else. In one that is for several resources
/// nobody sees which of them a scope was agreed to for; the link would turn what was meant for
/// one of them into access to a third, without asking.
fn given<'a>(
    facts: &Facts<'_>,
    links: &[&'a FrontingLink],
) -> Verdict<(ScopeSet, &'a FrontingLink)> {
    if facts.subject.resource_ids.len() != 1 {
        return Err(several_audiences());
    }
    let Some(link) = links.first() else { return Err(not_mapped(facts)) };
    let worth = link.worth(&held_of(facts, link)).intersection(&facts.target.catalog());
    let scopes = match facts.requested {
        Some(requested) if requested.is_subset_of(&worth) => requested.clone(),
        Some(_) => return Err(not_mapped(facts)),
        None => worth,
    };
    if scopes.is_empty() { Err(not_mapped(facts)) } else { Ok((scopes, link)) }
}

fn several_audiences() -> Box<Denial> {
    no(
        Gate::Link,
        "several_audiences",
        OAuthError::invalid_grant(
            "The subject_token is for several resources; a fronting link takes one that is for \
             its source alone.",
        ),
        "Exchange a token that is for the source of the link alone: the client that got it asks for \
         that one resource, or the gateway exchanges it for that resource first.",
    )
}

fn not_mapped(facts: &Facts<'_>) -> Box<Denial> {
    no(
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
    )
}

/// The subject token's scopes that its resource has still: what an operator has taken out of
/// the catalog since is worth nothing elsewhere.
fn held_of(facts: &Facts<'_>, link: &FrontingLink) -> ScopeSet {
    let source = facts.sources.iter().find(|source| source.id == link.source);
    source
        .map_or_else(ScopeSet::empty, |source| facts.subject.scopes.intersection(&source.catalog()))
}
