//! Actor tokens: whose they may be, and whom they write into the chain.

use super::*;

fn actor(client_id: &str) -> Actor {
    let resource_ids = vec![Uuid::from_u128(1)];
    Actor { client_id: client_id.into(), resource_ids, actor_type: ActorType::Agent, jkt: None }
}

#[test]
fn an_actor_token_belongs_to_who_presents_it() {
    let own = World { actor: Some(actor(AGENT)), ..World::new() };
    assert_eq!(own.decision().act.unwrap().agent_chain(), [AGENT]);
    let mut foreign = World { actor: Some(actor("victim")), ..World::new() };
    assert_eq!(foreign.denial(), (Gate::Actor, "actor_not_client", "invalid_grant"));
    foreign.source.policy.runtime.client_ids = vec![AGENT.into()];
    // It was sent to the resource that the client acts as, which does not hide behind it.
    assert_eq!(foreign.decision().act.unwrap().agent_chain(), ["victim", AGENT]);
    foreign.actor.as_mut().unwrap().resource_ids = vec![Uuid::from_u128(3)];
    assert_eq!(foreign.denial().0, Gate::Actor);
}

#[test]
fn a_bound_actor_token_takes_its_key() {
    let bound = Actor { jkt: Some("key-1".into()), ..actor(AGENT) };
    let mut world = World { actor: Some(bound), ..World::new() };
    let denied = (Gate::Actor, "actor_key_mismatch", "invalid_dpop_proof");
    assert_eq!(world.denial(), denied, "without a proof");
    world.proof = Some("key-2".into());
    assert_eq!(world.denial(), denied, "by another key");
    world.proof = Some("key-1".into());
    assert_eq!(world.decision().jkt.as_deref(), Some("key-1"));
    world.source.policy.runtime.client_ids = vec![AGENT.into()];
    world.proof = Some("key-2".into());
    assert_eq!(world.decision().jkt.as_deref(), Some("key-2"), "it was sent to this resource");
    world.proof = None;
    assert_eq!(world.denial(), denied);
}
