//! Each gate by itself, and laws over any world.

mod actor;
mod anybody;
mod routes;

use proptest::prelude::*;

use super::*;
use crate::fixtures::{at, machine, resource, scopes};
use crate::resource::{ExchangePolicy, RuntimePolicy};

const GATEWAY: &str = "gateway";
const AGENT: &str = "agent";

/// One exchange, with everything it rests on.
#[derive(Debug)]
struct World {
    acting: Client,
    subject: Subject,
    actor: Option<Actor>,
    source: MintResource,
    target: MintResource,
    names_target: bool,
    requested: Option<ScopeSet>,
    links: Vec<FrontingLink>,
    consent: Option<ScopeSet>,
    proof: Option<String>,
    rules: Rules,
}

impl World {
    /// The agent exchanges its own token for `mail`, about which the user has agreed.
    fn new() -> World {
        World {
            acting: acting(AGENT),
            subject: Subject {
                jti: Uuid::from_u128(1),
                sub: "ada".into(),
                principal: Principal::User(Uuid::from_u128(9)),
                client_id: AGENT.into(),
                client_type: ActorType::Agent,
                ceiling: None,
                resource_ids: vec![Uuid::from_u128(1)],
                scopes: scopes("read send list"),
                jkt: None,
                act: None,
                ends_at: at(3600),
            },
            actor: None,
            source: resource(1, "files", "https://files.example/mcp", "read* write"),
            target: resource(2, "mail", "https://mail.example/mcp", "send list erase"),
            names_target: true,
            requested: Some(scopes("send")),
            links: Vec::new(),
            consent: Some(scopes("send list")),
            proof: None,
            rules: Rules { max_chain_depth: 5, allow_self_exchange: false },
        }
    }

    /// The gateway exchanges the agent's token through a link, without consent.
    fn fronted() -> World {
        let mut world = World { acting: acting(GATEWAY), consent: None, ..World::new() };
        world.source.policy.runtime = RuntimePolicy { client_ids: vec![GATEWAY.into()] };
        world.subject.scopes = scopes("read write");
        world.links = vec![link(&[("read", &["list"]), ("write", &["send", "list"])])];
        world.requested = None;
        world
    }

    fn explain(&self) -> Explanation {
        let links: Vec<&FrontingLink> = self.links.iter().collect();
        let sources = [&self.source];
        let facts = self.facts(&sources, &links);
        let explained = explain(&facts);
        assert_eq!(explained.outcome, decide(&facts), "the dry run says what happens");
        explained
    }

    fn facts<'a>(
        &'a self,
        sources: &'a [&'a MintResource],
        links: &'a [&'a FrontingLink],
    ) -> Facts<'a> {
        Facts {
            acting: &self.acting,
            subject: &self.subject,
            actor: self.actor.as_ref(),
            sources,
            target: &self.target,
            names_target: self.names_target,
            requested: self.requested.as_ref(),
            links,
            consent: self.consent.as_ref(),
            proof: self.proof.as_deref(),
            rules: self.rules,
        }
    }

    /// The gates that were passed, in their order.
    fn passed(&self) -> Vec<Gate> {
        let asked = self.explain().asked.into_iter();
        asked.filter(|asked| asked.passed).map(|asked| asked.gate).collect()
    }

    fn decision(&self) -> Decision {
        self.explain().outcome.unwrap()
    }

    /// The gate that says no, its reason, and the error.
    fn denial(&self) -> (Gate, &'static str, &'static str) {
        let denial = self.explain().outcome.unwrap_err();
        assert!(!denial.remedy.is_empty());
        (denial.gate, denial.reason, denial.error.code.as_str())
    }

    fn exchange_list(mut self, listed: &[&str]) -> World {
        let allowed_client_ids = listed.iter().map(|id| (*id).to_owned()).collect();
        self.target.policy.exchange = ExchangePolicy { allowed_client_ids };
        self
    }
}

fn acting(id: &str) -> Client {
    Client { id: id.into(), ceiling: None, agent: id == AGENT, ..machine() }
}

fn link(map: &[(&str, &[&str])]) -> FrontingLink {
    let owned = |worth: &[&str]| worth.iter().map(|scope| (*scope).to_owned()).collect();
    FrontingLink {
        id: Uuid::from_u128(77),
        source: Uuid::from_u128(1),
        target: Uuid::from_u128(2),
        scope_map: map.iter().map(|(scope, worth)| ((*scope).to_owned(), owned(worth))).collect(),
    }
}

fn chain_of(subs: &[&str]) -> Option<ActChain> {
    subs.iter().fold(None, |chain, sub| Some(ActChain::grown(chain, sub, ActorType::Agent)))
}

#[test]
fn a_client_exchanges_its_own_token_where_the_user_has_agreed() {
    let decision = World::new().decision();
    assert_eq!(decision.scopes, scopes("send"));
    assert_eq!(decision.act, None, "it acts as before: nobody new stands between");
    assert_eq!(decision.way, Way::Consent { client_id: AGENT.into() });
    let all = World { requested: None, ..World::new() }.decision();
    assert_eq!(all.scopes, scopes("send list"), "catalog, subject and consent");
    let passed = World::new().passed();
    let direct = [Gate::Key, Gate::Catalog, Gate::Operator, Gate::SubjectScope, Gate::Ceiling];
    assert_eq!(passed, [&direct[..], &[Gate::Consent, Gate::Chain]].concat());
}

#[test]
fn where_only_a_bound_token_will_do_there_has_to_be_a_proof() {
    let refused = (Gate::Key, "dpop_required", "invalid_dpop_proof");
    let mut target = World::new();
    target.target.policy.dpop.required = true;
    assert_eq!(target.denial(), refused);
    target.proof = Some("k1".into());
    assert_eq!(target.decision().jkt.as_deref(), Some("k1"));
    let mut client = World::new();
    client.acting.metadata.dpop_bound_access_tokens = true;
    assert_eq!(client.denial(), refused);
    client.proof = Some("k1".into());
    assert!(client.explain().outcome.is_ok());
}

#[test]
fn what_the_target_does_not_have_is_refused_first() {
    let world = World { requested: Some(scopes("send read")), ..World::new() };
    let refused = (Gate::Catalog, "scope_not_in_catalog", "invalid_scope");
    assert_eq!(world.denial(), refused);
    assert_eq!(world.exchange_list(&["other"]).denial(), refused);
}

#[test]
fn the_operators_list_decides_who_comes_in() {
    let refused = (Gate::Operator, "client_not_allowed", "access_denied");
    assert_eq!(World::new().exchange_list(&["other"]).denial(), refused);
    assert!(World::new().exchange_list(&["other", AGENT]).explain().outcome.is_ok());
}

#[test]
fn somebody_elses_token_needs_the_operators_word() {
    let world = || World { acting: acting(GATEWAY), ..World::new() };
    let refused = (Gate::CrossClient, "cross_client_not_allowed", "access_denied");
    assert_eq!(world().denial(), refused, "both lists are empty");
    let mut runtime = world();
    runtime.target.policy.runtime.client_ids = vec!["other".into()];
    assert_eq!(runtime.denial(), refused);
    runtime.target.policy.runtime.client_ids.push(GATEWAY.into());
    let act = runtime.decision().act.unwrap();
    assert_eq!((act.sub.as_str(), act.actor_type, act.depth()), (GATEWAY, ActorType::Service, 1));
    assert!(world().exchange_list(&[GATEWAY]).explain().outcome.is_ok());
    // To be let in by its own runtime list does not open the operator's.
    let mut both = world().exchange_list(&["other"]);
    both.target.policy.runtime.client_ids = vec![GATEWAY.into()];
    assert_eq!(both.denial().0, Gate::Operator);
}

#[test]
fn the_subject_token_bounds_the_scopes() {
    let mut world = World { consent: Some(scopes("send list erase")), ..World::new() };
    world.requested = Some(scopes("send erase"));
    let refused = (Gate::SubjectScope, "scope_exceeds_subject", "invalid_scope");
    assert_eq!(world.denial(), refused);
    world.requested = None;
    assert_eq!(world.decision().scopes, scopes("send list"), "omission does not widen");
    world.subject.scopes = scopes("read");
    assert_eq!(world.denial(), refused, "nothing is left");
}

#[test]
fn the_clients_own_ceiling_bounds_the_scopes() {
    let mut world = World::new();
    world.acting.ceiling = Some(scopes("list"));
    let refused = (Gate::Ceiling, "scope_exceeds_ceiling", "invalid_scope");
    assert_eq!(world.denial(), refused);
    world.requested = None;
    assert_eq!(world.decision().scopes, scopes("list"));
    world.acting.ceiling = Some(scopes("write"));
    assert_eq!(world.denial(), refused);
}

#[test]
fn the_user_has_to_have_agreed_with_the_subjects_client_about_the_target() {
    let missing = World { consent: None, ..World::new() };
    assert_eq!(missing.denial(), (Gate::Consent, "consent_missing", "consent_required"));
    let world = World { requested: Some(scopes("send list")), ..World::new() };
    let less = World { consent: Some(scopes("list")), ..world };
    assert_eq!(less.denial(), (Gate::Consent, "scope_insufficient", "consent_required"));
    let needed = less.explain().outcome.unwrap_err().consent.unwrap();
    assert_eq!(needed.scopes, scopes("send list"), "all of them, not only what is missing");
    let other = World { requested: None, consent: Some(scopes("erase")), ..World::new() };
    assert_eq!(other.denial().1, "scope_insufficient");
}

#[test]
fn a_machine_has_nobody_to_ask() {
    let mut world = World { consent: None, ..World::new() };
    world.subject.principal = Principal::Machine;
    assert_eq!(world.decision().way, Way::Subject);
}

#[test]
fn a_self_exchange_skips_consent_and_nothing_else_when_it_is_switched_on() {
    let rules = Rules { allow_self_exchange: true, max_chain_depth: 5 };
    let own = || World { consent: None, rules, ..World::new() };
    assert_eq!(own().decision().way, Way::Subject);
    assert!(World { names_target: false, ..own() }.passed().contains(&Gate::SelfExchange));
    assert_eq!(own().exchange_list(&["other"]).denial().0, Gate::Operator);
    let foreign = World { acting: acting(GATEWAY), ..own() }.exchange_list(&[GATEWAY]);
    assert_eq!(foreign.denial().0, Gate::Consent, "it is not its own token");
    let unnamed = World { names_target: false, ..foreign };
    assert_eq!(unnamed.denial(), (Gate::SelfExchange, "no_target", "invalid_target"));
    let off = World { names_target: false, ..World::new() };
    assert_eq!(off.denial().0, Gate::SelfExchange);
}

#[test]
fn a_bound_token_stays_bound_and_needs_its_key() {
    let bound = |proof: Option<&str>| {
        let mut world = World { proof: proof.map(str::to_owned), ..World::new() };
        world.subject.jkt = Some("key-1".into());
        world
    };
    assert_eq!(bound(None).denial(), (Gate::Key, "dpop_proof_missing", "invalid_dpop_proof"));
    assert_eq!(bound(Some("key-2")).denial().1, "dpop_key_mismatch");
    assert_eq!(bound(Some("key-1")).decision().jkt.as_deref(), Some("key-1"));
    let mut gateway = World { acting: acting(GATEWAY), ..bound(Some("key-2")) };
    gateway.target.policy.runtime.client_ids = vec![GATEWAY.into()];
    assert_eq!(gateway.denial().1, "dpop_key_mismatch", "the target is not who it was sent to");
    gateway.source.policy.runtime.client_ids = vec![GATEWAY.into()];
    assert_eq!(gateway.decision().jkt.as_deref(), Some("key-2"), "bound to its own key then");
    gateway.proof = None;
    assert_eq!(gateway.denial().1, "dpop_proof_missing");
    let unbound = World { proof: Some("key-3".into()), ..World::new() };
    assert_eq!(unbound.decision().jkt.as_deref(), Some("key-3"));
}

#[test]
fn a_chain_grows_with_each_new_actor_and_has_an_end() {
    let mut world = World { acting: acting("c"), ..World::new() }.exchange_list(&["c"]);
    world.subject.act = chain_of(&["a", "b"]);
    let act = world.decision().act.unwrap();
    assert_eq!(act.agent_chain(), ["a", "b", "c"]);
    assert_eq!(act.hops().map(|hop| hop.sub.as_str()).collect::<Vec<_>>(), ["c", "b", "a"]);
    world.rules.max_chain_depth = 2;
    assert_eq!(world.denial(), (Gate::Chain, "chain_too_deep", "access_denied"));
    // A detour over a self-exchange does not make it shorter.
    let mut own = World::new();
    own.subject.act = chain_of(&["a", "b"]);
    assert_eq!(own.decision().act, own.subject.act);
    own.rules.max_chain_depth = 1;
    assert_eq!(own.denial().0, Gate::Chain);
}

#[test]
fn a_flat_chain_holds_the_eight_newest() {
    let names: Vec<String> = (0..10).map(|number| format!("a{number}")).collect();
    let subs: Vec<&str> = names.iter().map(String::as_str).collect();
    let chain = chain_of(&subs).unwrap();
    assert_eq!(chain.depth(), 10);
    assert_eq!(chain.agent_chain(), subs[2..]);
    assert_eq!(chain.names(), subs, "nobody is left out of what is written down");
    let wire = serde_json::to_value(chain_of(&["a", "b"]).unwrap()).unwrap();
    let inner = serde_json::json!({ "sub": "a", "actor_type": "agent" });
    assert_eq!(wire, serde_json::json!({ "sub": "b", "actor_type": "agent", "act": inner }));
    assert_eq!(serde_json::from_value::<ActChain>(wire).unwrap(), chain_of(&["a", "b"]).unwrap());
}

#[test]
fn a_gateway_goes_through_its_link_without_consent_about_the_target() {
    let world = World::fronted();
    let decision = world.decision();
    assert_eq!(decision.way, Way::Link(Uuid::from_u128(77)));
    assert_eq!(decision.scopes, scopes("list send"), "what the map gives for all it has");
    let act = decision.act.unwrap();
    assert_eq!(act.agent_chain(), [AGENT, GATEWAY], "the agent, then the gateway for it");
    let passed = world.passed();
    assert_eq!(passed, [Gate::Key, Gate::Catalog, Gate::Link, Gate::Ceiling, Gate::Chain]);
    let mut known = World::fronted();
    known.subject.act = chain_of(&["planner", AGENT]);
    assert_eq!(known.decision().act.unwrap().agent_chain(), ["planner", AGENT, GATEWAY]);
}

#[test]
fn a_link_gives_what_its_map_says_and_no_more() {
    let mut world = World { requested: Some(scopes("erase")), ..World::fronted() };
    let refused = (Gate::Link, "scope_not_mapped", "invalid_scope");
    assert_eq!(world.denial(), refused);
    world.requested = Some(scopes("send"));
    world.subject.scopes = scopes("read");
    assert_eq!(world.denial(), refused, "that is for write");
    world.subject.scopes = scopes("other");
    world.requested = None;
    assert_eq!(world.denial(), refused, "nothing");
    let mut narrowed = World::fronted();
    narrowed.source = resource(1, "files", "https://files.example/mcp", "read");
    narrowed.source.policy.runtime = RuntimePolicy { client_ids: vec![GATEWAY.into()] };
    assert_eq!(narrowed.decision().scopes, scopes("list"), "write is none of its scopes any more");
    let mut wide = World::fronted();
    wide.links = vec![link(&[("read", &["admin", "list"])])];
    assert_eq!(wide.decision().scopes, scopes("list"), "never outside the target's catalog");
}

#[test]
fn a_link_is_for_the_gateway_only() {
    let mut stranger = World::fronted();
    stranger.acting = acting("stranger");
    assert_eq!(stranger.denial().0, Gate::CrossClient);
    assert_eq!(stranger.explain().other, None, "it hears of no link");
    let agent =
        World { acting: acting(AGENT), requested: Some(scopes("send")), ..World::fronted() };
    assert_eq!(agent.denial().0, Gate::SubjectScope, "direct, and there it has no such scope");
    let listed = World { acting: acting("listed"), ..World::fronted() }.exchange_list(&["listed"]);
    assert!(matches!(listed.decision().way, Way::Link(_)));
    let mut elsewhere = World::fronted();
    elsewhere.links[0].source = Uuid::from_u128(3);
    assert_ne!(elsewhere.denial().0, Gate::Link, "the token was not sent to its source");
    let mut other_way = World::fronted();
    std::mem::swap(&mut other_way.source, &mut other_way.target);
    other_way.source.policy.runtime.client_ids = vec![GATEWAY.into()];
    assert!(other_way.explain().outcome.is_err(), "links have a direction");
}

fn set() -> impl Strategy<Value = ScopeSet> {
    proptest::sample::subsequence(vec!["read", "write", "send", "list", "erase"], 0..5)
        .prop_map(|scopes| scopes.into_iter().collect())
}

fn somebody() -> impl Strategy<Value = String> {
    proptest::sample::select(vec![AGENT, GATEWAY, "c"]).prop_map(str::to_owned)
}

fn some_of_them() -> impl Strategy<Value = Vec<String>> {
    proptest::sample::subsequence(vec![AGENT, GATEWAY, "c"], 0..3)
        .prop_map(|ids| ids.into_iter().map(str::to_owned).collect())
}

prop_compose! {
    fn a_world()(
        acting_id in somebody(), owner in somebody(), person in any::<bool>(),
        held in set(), requested in proptest::option::of(set()),
        consent in proptest::option::of(set()), ceiling in proptest::option::of(set()),
        theirs in proptest::option::of(set()), elsewhere in proptest::bool::weighted(0.2),
        lists in (some_of_them(), some_of_them(), some_of_them()),
        map in proptest::option::of(proptest::collection::btree_map("read|write|send", proptest::collection::vec("send|list|erase|admin", 0..3), 0..3)),
        keys in (proptest::option::of("k1|k2"), proptest::option::of("k1|k2")),
        depth in 0_usize..7, rules in (1_usize..7, any::<bool>()), names_target in any::<bool>(),
    ) -> World {
        let mut world = World::new();
        world.acting = Client { ceiling, ..acting(&acting_id) };
        world.subject.client_id = owner;
        if !person {
            world.subject.principal = Principal::Machine;
        }
        world.subject.ceiling = theirs;
        world.subject.resource_ids.extend(elsewhere.then(|| Uuid::from_u128(4)));
        world.subject.scopes = held;
        world.subject.jkt = keys.0;
        world.subject.act = chain_of(&["x"; 7][..depth]);
        world.proof = keys.1;
        world.requested = requested.filter(|asked| !asked.is_empty());
        world.consent = consent;
        world.target.policy.exchange.allowed_client_ids = lists.0;
        world.target.policy.runtime.client_ids = lists.1;
        world.source.policy.runtime.client_ids = lists.2;
        world.links = map.map(|scope_map| FrontingLink { scope_map, ..link(&[]) }).into_iter().collect();
        world.rules = Rules { max_chain_depth: rules.0, allow_self_exchange: rules.1 };
        world.names_target = names_target;
        world
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is allowed, every party that has a say has said yes to all of it.
    #[test]
    fn no_exchange_gives_more_than_everything_that_allowed_it(world in a_world()) {
        let Ok(decision) = world.explain().outcome else { return Ok(()) };
        let scopes = &decision.scopes;
        let listed = |ids: &[String]| ids.contains(&world.acting.id);
        let policy = &world.target.policy;
        prop_assert!(!scopes.is_empty());
        prop_assert!(scopes.is_subset_of(&world.target.catalog()));
        prop_assert!(world.acting.ceiling.as_ref().is_none_or(|most| scopes.is_subset_of(most)));
        prop_assert!(world.requested.as_ref().is_none_or(|asked| asked == scopes));
        let own = world.acting.id == world.subject.client_id;
        prop_assert!(world.names_target || (own && world.rules.allow_self_exchange));
        let gateway = listed(&world.source.policy.runtime.client_ids) || listed(&policy.exchange.allowed_client_ids);
        match &decision.way {
            Way::Link(_) => {
                prop_assert!(gateway);
                prop_assert_eq!(&world.subject.resource_ids, &[world.source.id]);
                prop_assert!(scopes.is_subset_of(&world.links[0].worth(&world.subject.scopes)));
            }
            way => {
                prop_assert!(scopes.is_subset_of(&world.subject.scopes));
                let allowed = &policy.exchange.allowed_client_ids;
                prop_assert!(allowed.is_empty() || listed(allowed));
                prop_assert!(own || listed(allowed) || listed(&policy.runtime.client_ids));
                if let Way::Consent { client_id } = way {
                    prop_assert_eq!(client_id, &world.subject.client_id);
                    prop_assert!(scopes.is_subset_of(world.consent.as_ref().unwrap()));
                } else {
                    let asked_nobody = world.subject.principal == Principal::Machine;
                    prop_assert!(asked_nobody || (own && world.rules.allow_self_exchange));
                }
            }
        }
    }

    /// Neither the key nor the chain gets lost on the way.
    #[test]
    fn no_exchange_sheds_its_key_or_its_history(world in a_world()) {
        let Ok(decision) = world.explain().outcome else { return Ok(()) };
        prop_assert_eq!(&decision.jkt, &world.proof);
        if let Some(bound_to) = &world.subject.jkt {
            let sent_to = world.source.policy.is_runtime_client(&world.acting.id);
            prop_assert!(decision.jkt.as_ref() == Some(bound_to) || (sent_to && decision.jkt.is_some()));
        }
        let before = world.subject.act.as_ref().map_or(0, ActChain::depth);
        let after = decision.act.as_ref().map_or(0, ActChain::depth);
        prop_assert!((before..=before + 2).contains(&after) && after <= world.rules.max_chain_depth);
        let own = world.acting.id == world.subject.client_id;
        prop_assert_eq!(after == before, own);
        let act = decision.act.as_ref();
        prop_assert!(own || act.is_some_and(|act| act.sub == world.acting.id));
        let history = act.into_iter().flat_map(ActChain::hops).skip(after - before);
        let kept = world.subject.act.iter().flat_map(ActChain::hops);
        prop_assert!(history.eq(kept));
    }

    /// Taking anything away never opens a gate.
    #[test]
    fn taking_a_right_away_never_allows_what_was_refused(world in a_world()) {
        if world.explain().outcome.is_ok() { return Ok(()) }
        let World { mut subject, mut acting, rules, .. } = world;
        subject.scopes = subject.scopes.without("send");
        acting.ceiling = Some(acting.ceiling.unwrap_or_else(|| scopes("read list erase")).without("send"));
        let poorer = World { subject, acting, consent: None, rules: Rules { allow_self_exchange: false, ..rules }, ..world };
        let allowed = poorer.explain().outcome;
        // With a narrower token an omitted scope means less, which may be allowed.
        prop_assert!(allowed.is_err() || poorer.requested.is_none());
    }
}
