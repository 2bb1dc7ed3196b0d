//! The dry run for nobody in particular claims nothing that somebody could prove wrong.

use super::*;

impl World {
    fn for_anybody(&self) -> ForAnybody {
        let links: Vec<&FrontingLink> = self.links.iter().collect();
        explain_for_anybody(&self.facts(&[&self.source], &links))
    }
}

#[test]
fn whether_somebody_agreed_is_left_open() {
    let said = World::new().for_anybody();
    assert!(said.depends_on_user);
    assert_eq!(said.explanation.outcome.unwrap().scopes, scopes("send"));
}

#[test]
fn somebody_may_have_agreed_to_what_nobody_can_agree_to_any_more() {
    let mut world = World::new();
    world.subject.ceiling = Some(scopes("list"));
    let said = world.for_anybody();
    assert!(said.depends_on_user && said.explanation.outcome.is_ok());
}

#[test]
fn a_gate_behind_consent_refuses_everybody() {
    let mut world = World::new();
    world.subject.act = chain_of(&["a", "b", "c", "d", "e", "f"]);
    let said = world.for_anybody();
    assert!(said.depends_on_user);
    assert_eq!(said.explanation.outcome.unwrap_err().gate, Gate::Chain);
}

#[test]
fn where_nobody_is_asked_nothing_is_left_open() {
    let mut machine = World::new();
    machine.subject.principal = Principal::Machine;
    for world in [machine, World::fronted()] {
        let said = world.for_anybody();
        assert!(!said.depends_on_user);
        assert_eq!(said.explanation, world.explain());
    }
}

#[test]
fn behind_a_link_that_does_not_give_it_it_depends_on_the_user() {
    let mut world = World { requested: Some(scopes("send")), ..World::fronted() };
    world.subject.scopes = scopes("read send");
    world.target.policy.runtime.client_ids = vec![GATEWAY.into()];
    let said = world.for_anybody();
    assert!(said.depends_on_user);
    assert_eq!(said.explanation.outcome.unwrap().scopes, scopes("send"));
    assert_eq!(said.explanation.other.unwrap().gate, Gate::Link);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// A refusal is one whatever the user agreed to, and what is left open can go both ways.
    #[test]
    fn nobody_proves_the_answer_wrong(world in a_world()) {
        let ForAnybody { explanation, depends_on_user } = world.for_anybody();
        let real = world.explain().outcome;
        match (explanation.outcome, depends_on_user) {
            (Err(_), _) => prop_assert!(real.is_err()),
            (Ok(decision), false) => prop_assert_eq!(real, Ok(decision)),
            (Ok(most), true) => {
                if let Ok(real) = real {
                    prop_assert!(real.scopes.is_subset_of(&most.scopes));
                    prop_assert_eq!((real.act, real.jkt), (most.act.clone(), most.jkt.clone()));
                }
                let nobody = World { consent: None, ..world };
                let Explanation { outcome, other, .. } = nobody.explain();
                let denial = outcome.unwrap_err();
                let gate = if denial.gate == Gate::Consent { denial.gate } else { other.unwrap().gate };
                prop_assert_eq!(gate, Gate::Consent);
                let somebody = World { consent: Some(most.scopes.clone()), ..nobody };
                prop_assert_eq!(somebody.explain().outcome, Ok(most));
            }
        }
    }
}
