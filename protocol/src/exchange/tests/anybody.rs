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
    assert_eq!(said.depends_on.unwrap().scopes, scopes("send"));
    assert_eq!(said.explanation.outcome.unwrap().scopes, scopes("send"));
}

#[test]
fn a_gate_behind_consent_refuses_everybody() {
    let mut world = World::new();
    world.subject.act = chain_of(&["a", "b", "c", "d", "e", "f"]);
    let said = world.for_anybody();
    assert!(said.depends_on.is_some());
    assert_eq!(said.explanation.outcome.unwrap_err().gate, Gate::Chain);
}

#[test]
fn where_nobody_is_asked_nothing_is_left_open() {
    let mut machine = World::new();
    machine.subject.user_id = None;
    for world in [machine, World::fronted()] {
        let said = world.for_anybody();
        assert_eq!(said.depends_on, None);
        assert_eq!(said.explanation, world.explain());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// A refusal is one whatever the user agreed to, and what is left open can go both ways.
    #[test]
    fn nobody_proves_the_answer_wrong(world in a_world()) {
        let ForAnybody { explanation, depends_on } = world.for_anybody();
        let real = world.explain().outcome;
        match (explanation.outcome, depends_on) {
            (Err(_), _) => prop_assert!(real.is_err()),
            (Ok(decision), None) => prop_assert_eq!(real, Ok(decision)),
            (Ok(most), Some(needed)) => {
                prop_assert_eq!(&needed.scopes, &most.scopes);
                if let Ok(real) = real {
                    prop_assert!(real.scopes.is_subset_of(&most.scopes));
                    prop_assert_eq!((real.act, real.jkt), (most.act.clone(), most.jkt.clone()));
                }
                let nobody = World { consent: None, ..world };
                let denial = nobody.explain().outcome.unwrap_err();
                prop_assert_eq!(denial.gate, Gate::Consent);
                let somebody = World { consent: Some(needed.scopes), ..nobody };
                prop_assert_eq!(somebody.explain().outcome, Ok(most));
            }
        }
    }
}
