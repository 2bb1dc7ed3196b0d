//! What a link may say, and where it is found.

use proptest::prelude::*;

use super::*;
use crate::fixtures::{resource, scopes, two_resources};

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn link(number: u128, source: u128, target: u128) -> FrontingLink {
    let scope_map = [("read".to_owned(), vec!["list".to_owned()])].into();
    FrontingLink { id: id(number), source: id(source), target: id(target), scope_map }
}

#[test]
fn a_link_is_found_from_its_source_to_its_target_only() {
    let links = Links::among(&two_resources(), vec![link(10, 1, 2)]);
    let found = |sources: &[u128], target| {
        let sources: Vec<Uuid> = sources.iter().copied().map(id).collect();
        let between = links.between(&sources, id(target));
        between.iter().map(|link| link.id.as_u128()).collect::<Vec<u128>>()
    };
    assert_eq!(found(&[1], 2), [10]);
    assert_eq!(found(&[7, 1, 8], 2), [10]);
    for (sources, target) in [(&[2][..], 1), (&[1], 1), (&[2], 2), (&[], 2), (&[1], 7)] {
        assert!(found(sources, target).is_empty(), "{sources:?} {target}");
    }
}

#[test]
fn nobody_sees_a_link_without_both_its_resources() {
    let all = vec![link(10, 1, 3), link(11, 3, 2), link(12, 1, 2)];
    let links = Links::among(&two_resources(), all);
    assert_eq!(links.iter().map(|link| link.id).collect::<Vec<_>>(), [id(12)]);
    assert!(links.between(&[id(1), id(3)], id(3)).is_empty());
    assert_eq!(links.between(&[id(1), id(3)], id(2)).len(), 1);
}

fn map(entries: &[(&str, &[&str])]) -> ScopeMap {
    let owned = |worth: &&[&str]| worth.iter().map(|scope| (*scope).to_owned()).collect();
    entries.iter().map(|(of, worth)| ((*of).to_owned(), owned(worth))).collect()
}

#[test]
fn a_map_speaks_of_scopes_that_both_resources_have() {
    let resources = two_resources();
    let check = |entries: &[(&str, &[&str])]| {
        let (files, mail) = (resources.by_slug("files"), resources.by_slug("mail"));
        check_scope_map(&map(entries), files.unwrap(), mail.unwrap())
    };
    assert_eq!(check(&[("read", &["list"]), ("write", &["send", "list"])]), Ok(()));
    assert_eq!(check(&[]), Err(ScopeMapError::Empty));
    assert_eq!(check(&[("read", &[])]), Err(ScopeMapError::WorthNothing("read".into())));
    for (entries, said) in [
        (&[("send", &["list"][..])][..], "the source 'files' has no scope 'send'"),
        (&[("Read", &["list"])], "the source 'files' has no scope 'Read'"),
        (&[("offline_access", &["list"])], "no scope 'offline_access'"),
        (&[("", &["list"])], "has no scope ''"),
        (&[("read", &["list", "read"])], "the target 'mail' has no scope 'read'"),
        (&[("read", &["list send"])], "has no scope 'list send'"),
        (&[("read", &["list", "send", "list"])], "'read' is worth 'list' twice"),
        (&[("read\n", &["list"])], "has no scope 'read'"),
    ] {
        let refused = check(entries).unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}");
    }
}

#[test]
fn a_map_is_no_longer_than_it_may_be() {
    let names: Vec<String> = (0..=MAX_ENTRIES).map(|number| format!("s{number}")).collect();
    let source = resource(1, "files", "https://files.example/mcp", &names.join(" "));
    let target = resource(2, "mail", "https://mail.example/mcp", "list");
    let mut all: ScopeMap =
        names.iter().map(|name| (name.clone(), vec!["list".to_owned()])).collect();
    assert_eq!(check_scope_map(&all, &source, &target), Err(ScopeMapError::TooMany));
    all.remove("s0");
    assert_eq!(check_scope_map(&all, &source, &target), Ok(()));
}

#[test]
fn what_the_catalogs_have_no_more_is_stale() {
    let held = map(&[("read", &["list", "erase"]), ("admin", &["erase"])]);
    let stale = StaleScopes::of(&held, &scopes("read write"), &scopes("list send"));
    assert_eq!((stale.source, stale.target), (vec!["admin".into()], vec!["erase".into()]));
    let none = StaleScopes::of(&held, &scopes("admin read"), &scopes("erase list"));
    assert_eq!(none, StaleScopes::default());
}

#[test]
fn what_is_taken_away_is_noticed() {
    let before = map(&[("read", &["list"]), ("write", &["send", "list"])]);
    for (after, nothing) in [
        (map(&[("read", &["list", "send"]), ("write", &["list", "send"])]), true),
        (map(&[("read", &["list"]), ("write", &["send", "list"]), ("x", &["y"])]), true),
        (map(&[("read", &["list"]), ("write", &["list"])]), false),
        (map(&[("write", &["send", "list"])]), false),
        // As much in all, and less for a token that has only one of the two.
        (map(&[("read", &["send"]), ("write", &["list"])]), false),
    ] {
        assert_eq!(takes_nothing_away(&before, &after), nothing, "{after:?}");
    }
}

#[test]
fn a_cycle_is_named_from_its_source_back_to_it() {
    let cycle = |links: &[(u128, u128)], source, target| {
        let links: Vec<(Uuid, Uuid)> = links.iter().map(|(a, b)| (id(*a), id(*b))).collect();
        let found = closed_cycle(&links, id(source), id(target));
        found.map(|found| found.iter().map(Uuid::as_u128).collect::<Vec<u128>>())
    };
    assert_eq!(cycle(&[], 1, 2), None);
    assert_eq!(cycle(&[], 1, 1), Some(vec![1, 1]));
    assert_eq!(cycle(&[(1, 2)], 2, 1), Some(vec![2, 1, 2]));
    assert_eq!(cycle(&[(1, 2), (2, 3)], 3, 1), Some(vec![3, 1, 2, 3]));
    assert_eq!(cycle(&[(1, 2), (2, 3), (1, 3)], 3, 1), Some(vec![3, 1, 3]), "the shortest");
    // Two ways to the same resource are no cycle.
    assert_eq!(cycle(&[(1, 2), (2, 4), (1, 3)], 3, 4), None);
    // A cycle that somebody else made does not keep the search busy for ever.
    assert_eq!(cycle(&[(1, 2), (2, 1)], 3, 1), None);
}

/// Whether anything reaches itself: the transitive closure, written down naively.
fn has_cycle(links: &[(Uuid, Uuid)]) -> bool {
    let mut reach: BTreeSet<(Uuid, Uuid)> = links.iter().copied().collect();
    loop {
        let longer: Vec<(Uuid, Uuid)> = reach
            .iter()
            .flat_map(|(a, b)| links.iter().filter(move |(c, _)| b == c).map(|(_, d)| (*a, *d)))
            .collect();
        let before = reach.len();
        reach.extend(longer);
        if reach.len() == before {
            return reach.iter().any(|(a, b)| a == b);
        }
    }
}

proptest! {
    /// Links come and go in any order: what is accepted never makes a cycle, and nothing is
    /// refused that would make none.
    #[test]
    fn what_is_accepted_never_makes_a_cycle(
        acts in prop::collection::vec((0_u128..7, 0_u128..7, prop::bool::weighted(0.8)), 0..60)
    ) {
        let mut links: Vec<(Uuid, Uuid)> = Vec::new();
        for (source, target, create) in acts {
            let link = (id(source), id(target));
            if !create {
                links.retain(|held| *held != link);
                continue;
            }
            let cycle = closed_cycle(&links, link.0, link.1);
            let with_it: Vec<(Uuid, Uuid)> = links.iter().copied().chain([link]).collect();
            prop_assert_eq!(cycle.is_some(), has_cycle(&with_it));
            match cycle {
                None => links.push(link),
                Some(cycle) => {
                    prop_assert_eq!((cycle.first(), cycle.last()), (Some(&link.0), Some(&link.0)));
                    prop_assert_eq!(cycle.get(1), Some(&link.1));
                    for step in cycle.windows(2).skip(1) {
                        prop_assert!(links.contains(&(step[0], step[1])), "{:?}", cycle);
                    }
                }
            }
            prop_assert!(!has_cycle(&links));
        }
    }

    /// Whoever loses nothing by a change of the map can keep every token.
    #[test]
    fn a_map_that_takes_nothing_away_is_worth_as_much_to_everybody(
        before in any_map(), after in any_map(), held in prop::collection::vec("[ab]", 0..3)
    ) {
        let held: ScopeSet = held.into_iter().collect();
        let worth = |scope_map: &ScopeMap| {
            FrontingLink { scope_map: scope_map.clone(), ..link(1, 1, 2) }.worth(&held)
        };
        if takes_nothing_away(&before, &after) {
            prop_assert!(worth(&before).is_subset_of(&worth(&after)));
        }
    }
}

fn any_map() -> impl Strategy<Value = ScopeMap> {
    prop::collection::btree_map("[ab]", prop::collection::vec("[xy]", 0..3), 0..3)
}
