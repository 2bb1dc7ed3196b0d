//! The two routes to a target: the link first, and then the direct one, whole and by itself.

use super::*;

/// The gates that were asked on each route, and what they said.
fn asked(world: &World) -> Vec<(Gate, &'static str, bool)> {
    let asked = world.explain().asked.into_iter().filter_map(|asked| {
        let route = asked.route?;
        Some((asked.gate, route.as_str(), asked.passed))
    });
    asked.collect()
}

/// The gateway, which the target's operator lets in; the user has agreed that the agent reaches
/// the target. Its link gives `list` for `read`, and the token has all that the target has.
fn both() -> World {
    let mut world = World { consent: Some(scopes("send list")), ..World::fronted() };
    world.target.policy.runtime.client_ids = vec![GATEWAY.into()];
    world.subject.scopes = scopes("read send list");
    world.links = vec![link(&[("read", &["list"])])];
    world
}

#[test]
fn where_the_link_does_not_give_what_is_asked_the_direct_route_may() {
    let world = World { requested: Some(scopes("send")), ..both() };
    let Explanation { outcome, other, .. } = world.explain();
    let decision = outcome.unwrap();
    assert_eq!(decision.way, Way::Consent { client_id: AGENT.into() });
    assert_eq!(decision.scopes, scopes("send"));
    assert_eq!(decision.act.unwrap().agent_chain(), [GATEWAY], "as without the link");
    assert_eq!(other.unwrap().reason, "scope_not_mapped");
    let said = [
        (Gate::Link, "link", false),
        (Gate::Operator, "direct", true),
        (Gate::CrossClient, "direct", true),
        (Gate::SubjectScope, "direct", true),
        (Gate::Ceiling, "direct", true),
        (Gate::Consent, "direct", true),
        (Gate::Chain, "direct", true),
    ];
    assert_eq!(asked(&world), said);
}

#[test]
fn a_link_that_gives_what_is_asked_comes_first() {
    for requested in [None, Some(scopes("list"))] {
        let world = World { requested, ..both() };
        let Explanation { outcome, other, .. } = world.explain();
        let decision = outcome.unwrap();
        assert!(matches!(decision.way, Way::Link(_)));
        assert_eq!(decision.scopes, scopes("list"), "and nothing of what the other would give");
        assert_eq!(other, None, "it is not tried");
    }
}

#[test]
fn no_token_has_some_scopes_of_one_route_and_some_of_the_other() {
    let mut world = World { requested: Some(scopes("send list")), ..both() };
    world.consent = Some(scopes("send"));
    assert_eq!(world.denial().0, Gate::Link, "the link has list, and the user agreed to send");
}

#[test]
fn when_neither_route_leads_there_it_is_the_links_refusal_that_counts() {
    let world = World { requested: Some(scopes("send")), consent: None, ..both() };
    let Explanation { outcome, other, .. } = world.explain();
    let (denial, other) = (outcome.unwrap_err(), other.unwrap());
    assert_eq!((denial.gate, denial.reason), (Gate::Link, "scope_not_mapped"));
    assert_eq!(denial.consent, None, "nobody is asked for what the link is there for");
    assert_eq!((other.gate, other.reason), (Gate::Consent, "consent_missing"));
    assert_eq!(other.consent.unwrap().scopes, scopes("send"));
}

#[test]
fn what_is_asked_behind_the_link_does_not_stand_in_the_way_of_the_direct_route() {
    // By way of the link the agent is one hop and the gateway another.
    let mut deep = both();
    deep.rules.max_chain_depth = 1;
    let decision = deep.decision();
    assert_eq!(decision.act.unwrap().depth(), 1);
    assert_eq!(deep.explain().other.unwrap().gate, Gate::Chain);
    let mut narrow = both();
    narrow.acting.ceiling = Some(scopes("send"));
    assert_eq!(narrow.decision().scopes, scopes("send"));
    assert_eq!(narrow.explain().other.unwrap().gate, Gate::Ceiling);
}

#[test]
fn a_token_for_several_resources_goes_through_no_link() {
    let mut world = World::fronted();
    world.subject.resource_ids.push(Uuid::from_u128(4));
    assert_eq!(world.denial(), (Gate::Link, "several_audiences", "invalid_grant"));
    // What it was for does not count less because it is gone.
    world.subject.resource_ids.swap(0, 1);
    assert_eq!(world.denial().1, "several_audiences");
    let mut direct = both();
    direct.subject.resource_ids.push(Uuid::from_u128(4));
    assert!(matches!(direct.decision().way, Way::Consent { .. }));
}

#[test]
fn what_nobody_can_agree_to_is_not_asked_of_anybody() {
    let refused = (Gate::Consent, "scope_exceeds_subject_ceiling", "invalid_scope");
    let mut world = World { requested: Some(scopes("send list")), consent: None, ..World::new() };
    world.subject.ceiling = Some(scopes("read list"));
    assert_eq!(world.denial(), refused, "the consent page would offer no send");
    let denial = world.explain().outcome.unwrap_err();
    assert_eq!(denial.consent, None);
    assert!(denial.error.description.contains("'send'"), "{}", denial.error.description);
    world.consent = Some(scopes("list"));
    assert_eq!(world.denial(), refused, "what they agreed to is not enough, and cannot be more");
    world.consent = Some(scopes("send"));
    assert_eq!(world.denial(), (Gate::Consent, "scope_insufficient", "consent_required"));
    world.consent = Some(scopes("send list"));
    assert_eq!(world.decision().scopes, scopes("send list"), "they agreed when it could have it");
}

#[test]
fn who_asks_for_everything_is_sent_to_agree_to_what_can_be_agreed_to() {
    let mut world = World { requested: None, consent: None, ..World::new() };
    world.subject.ceiling = Some(scopes("list"));
    assert_eq!(world.denial().1, "consent_missing");
    let needed = world.explain().outcome.unwrap_err().consent.unwrap();
    assert_eq!(needed.scopes, scopes("list"));
    world.consent = Some(needed.scopes);
    assert_eq!(world.decision().scopes, scopes("list"));
    world.subject.ceiling = Some(scopes("read"));
    world.consent = None;
    assert_eq!(world.denial().1, "scope_exceeds_subject_ceiling");
}

#[test]
fn without_a_name_the_target_is_the_only_resource_there_is() {
    let files = resource(1, "files", "https://files.example/mcp", "read");
    let mail = resource(2, "mail", "https://mail.example/mcp", "send");
    assert_eq!(implied_target(&[&files]), Ok(&files));
    for sources in [&[][..], &[&files, &mail]] {
        let denial = implied_target(sources).unwrap_err();
        assert_eq!((denial.gate, denial.reason), (Gate::SelfExchange, "no_target"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// A link opens a route and closes none.
    #[test]
    fn a_link_takes_nothing_away(world in a_world()) {
        let with = world.explain();
        let without = World { links: Vec::new(), ..world }.explain();
        if let Ok(direct) = without.outcome {
            let decision = with.outcome.unwrap();
            prop_assert!(matches!(decision.way, Way::Link(_)) || decision == direct);
        }
    }

    /// Whoever follows every `consent_required` gets there: a person is never asked in vain.
    #[test]
    fn agreeing_to_what_is_asked_is_enough(world in a_world()) {
        let Err(denial) = world.explain().outcome else { return Ok(()) };
        let Some(needed) = denial.consent else { return Ok(()) };
        // What the page lets them agree to, with what they had agreed to before.
        let ticked = needed.scopes.under(world.subject.ceiling.as_ref());
        let agreed = world.consent.clone().unwrap_or_default().union(&ticked);
        match (World { consent: Some(agreed), ..world }).explain().outcome {
            Ok(decision) => prop_assert_eq!(decision.scopes, needed.scopes),
            Err(denial) => prop_assert_eq!(denial.gate, Gate::Chain),
        }
    }
}
