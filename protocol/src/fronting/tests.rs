//! What a link may say, and where it is found.

use super::*;
use crate::fixtures::two_resources;

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
