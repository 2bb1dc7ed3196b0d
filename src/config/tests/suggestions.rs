//! "Did you mean".

use crate::config::suggest::{distance, nearest, setting};

#[test]
fn counts_edits() {
    assert_eq!(distance("", ""), 0);
    assert_eq!(distance("abc", ""), 3);
    assert_eq!(distance("", "abc"), 3);
    assert_eq!(distance("kitten", "sitting"), 3);
    assert_eq!(distance("issuer", "isuer"), 1);
}

#[test]
fn finds_the_nearest_and_only_when_near() {
    assert_eq!(nearest("adress", ["issuer", "address"]), Some("address"));
    assert_eq!(nearest("max-conns", ["max_conns", "min_conns"]), Some("max_conns"));
    assert_eq!(nearest("zzz", ["issuer", "address"]), None);
}

#[test]
fn prefers_siblings_over_namesakes_elsewhere() {
    let keys = ["a.enabled", "a.mode", "b.enable"];

    assert_eq!(setting("a.enable", &keys).as_deref(), Some("a.enabled"));
    assert_eq!(setting("b.mode", &keys).as_deref(), Some("a.mode"));
    assert_eq!(setting("c.other", &keys), None);
}
