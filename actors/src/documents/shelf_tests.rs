use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use protocol::jose::{KeySet, MAX_KEYS};

use super::*;

type Numbers = Shelf<u32, &'static str>;

/// Documents that are numbers, and have as many bytes.
fn numbers() -> Numbers {
    Shelf::new(|number| usize::try_from(*number).unwrap())
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

const HOUR: Duration = Duration::from_secs(3600);
const URL: &str = "https://a.example/jwks";

fn ask(shelf: &mut Numbers, seconds: i64) -> Verdict<u32, &'static str> {
    shelf.ask(URL, "a.example", None, at(seconds))
}

/// Asks again because what was fetched at `seen` would not do.
fn ask_again(shelf: &mut Numbers, seen: i64, seconds: i64) -> Verdict<u32, &'static str> {
    shelf.ask(URL, "a.example", Some(at(seen)), at(seconds))
}

fn gives(verdict: Verdict<u32, &'static str>) -> Option<u32> {
    match verdict {
        Verdict::Give(held) => Some(held.document),
        _ => None,
    }
}

/// A shelf that has document 1, fetched at 0, for an hour.
fn holding() -> Numbers {
    let mut shelf = numbers();
    assert_eq!(ask(&mut shelf, 0), Verdict::Fetch);
    shelf.put(URL, Ok((1, HOUR)), at(0)).unwrap();
    shelf
}

#[test]
fn a_document_is_fetched_once_and_kept_as_long_as_it_may_be() {
    let mut shelf = holding();
    assert_eq!(gives(ask(&mut shelf, 0)), Some(1));
    assert_eq!(gives(ask(&mut shelf, 3599)), Some(1));
    assert_eq!(ask(&mut shelf, 3600), Verdict::Fetch);
}

/// What is held under one name must not be handed out under another.
#[test]
fn another_path_query_port_or_scheme_is_another_document() {
    let mut shelf = holding();
    let others = [
        "https://a.example/jwks/",
        "https://a.example/JWKS",
        "https://a.example/",
        "https://a.example/jwks?",
        "https://a.example/jwks?tenant=1",
        "https://a.example/jwks?tenant=2",
        "https://a.example:8443/jwks",
        "http://a.example/jwks",
        "https://b.example/jwks",
    ];
    for (document, other) in (2..).zip(others) {
        assert_eq!(shelf.ask(other, "host", None, at(1)), Verdict::Fetch, "{other}");
        shelf.put(other, Ok((document, HOUR)), at(1)).unwrap();
    }
    for (document, other) in (2..).zip(others) {
        assert_eq!(gives(shelf.ask(other, "host", None, at(2))), Some(document), "{other}");
    }
    assert_eq!(gives(ask(&mut shelf, 2)), Some(1));
}

#[test]
fn who_forbids_keeping_is_asked_once_a_minute_all_the_same() {
    let mut shelf = numbers();
    ask(&mut shelf, 0);
    shelf.put(URL, Ok((1, Duration::ZERO)), at(0)).unwrap();
    assert_eq!(gives(ask(&mut shelf, 59)), Some(1));
    assert_eq!(ask(&mut shelf, 60), Verdict::Fetch);
}

#[test]
fn a_failure_is_left_alone_for_half_a_minute() {
    let mut shelf = numbers();
    ask(&mut shelf, 0);
    assert_eq!(shelf.put(URL, Err("down"), at(5)), Err("down"));
    assert_eq!(ask(&mut shelf, 34), Verdict::Refuse("down"));
    assert_eq!(ask_again(&mut shelf, 0, 34), Verdict::Refuse("down"));
    assert_eq!(ask(&mut shelf, 35), Verdict::Fetch);
}

#[test]
fn a_clock_that_is_set_back_stretches_no_pause() {
    let mut shelf = numbers();
    ask(&mut shelf, 7200);
    assert_eq!(shelf.put(URL, Err("down"), at(7200)), Err("down"));
    assert_eq!(ask(&mut shelf, 7190), Verdict::Refuse("down"), "a moment, either way");
    assert_eq!(ask(&mut shelf, 0), Verdict::Fetch);
    shelf.put(URL, Ok((1, HOUR)), at(0)).unwrap();
    assert_eq!(gives(ask(&mut shelf, 0)), Some(1));
}

#[test]
fn for_a_missing_key_it_is_looked_at_again_once_in_half_a_minute() {
    let mut shelf = holding();
    assert_eq!(ask_again(&mut shelf, 0, 1), Verdict::Fetch);
    shelf.put(URL, Ok((2, HOUR)), at(2)).unwrap();
    assert_eq!(gives(ask_again(&mut shelf, 0, 3)), Some(2), "somebody looked meanwhile");
    assert_eq!(gives(ask_again(&mut shelf, 2, 30)), Some(2), "it was looked at a moment ago");
    assert_eq!(ask_again(&mut shelf, 2, 31), Verdict::Fetch);
    assert_eq!(gives(ask(&mut shelf, 31)), Some(2), "who is content does not wait for it");
}

/// Else of many who come with a new key at once, all but the first would be refused.
#[test]
fn while_it_is_being_looked_at_again_others_wait_for_what_is_found() {
    let mut shelf = holding();
    assert_eq!(ask_again(&mut shelf, 0, 1), Verdict::Fetch);
    assert_eq!(ask_again(&mut shelf, 0, 1), Verdict::Fetch, "not what is held already");
    assert_eq!(gives(ask(&mut shelf, 1)), Some(1), "who is content does not wait");
    shelf.put(URL, Ok((2, HOUR)), at(1)).unwrap();
    assert_eq!(gives(ask_again(&mut shelf, 0, 1)), Some(2));
    assert_eq!(gives(ask_again(&mut shelf, 1, 1)), Some(2), "and then not again for a while");
}

#[test]
fn a_good_document_outlives_a_failure_and_an_expired_one_does_not() {
    let mut shelf = holding();
    ask_again(&mut shelf, 0, 100);
    assert_eq!(shelf.put(URL, Err("down"), at(101)).map(|held| held.document), Ok(1));
    assert_eq!(gives(ask_again(&mut shelf, 0, 130)), Some(1), "and is left alone for a while");
    assert_eq!(ask_again(&mut shelf, 0, 131), Verdict::Fetch);
    shelf.put(URL, Err("down"), at(131)).unwrap();
    assert_eq!(ask(&mut shelf, 3600), Verdict::Fetch);
    assert_eq!(shelf.put(URL, Err("gone"), at(3600)), Err("gone"));
    assert_eq!(ask(&mut shelf, 3601), Verdict::Refuse("gone"));
}

#[test]
fn one_fetch_of_an_url_four_of_a_host_and_sixteen_in_all() {
    let mut shelf = numbers();
    for _ in 0..100 {
        assert_eq!(ask(&mut shelf, 0), Verdict::Fetch, "they wait for the same one");
    }
    for number in 1..FETCHES_OF_A_HOST {
        let url = format!("{URL}/{number}");
        assert_eq!(shelf.ask(&url, "a.example", None, at(0)), Verdict::Fetch);
    }
    assert_eq!(shelf.ask("https://a.example/5", "a.example", None, at(0)), Verdict::Busy);
    for number in FETCHES_OF_A_HOST..FETCHES_OF_STRANGERS {
        assert_eq!(ask_host(&mut shelf, number, 0), Verdict::Fetch);
    }
    assert_eq!(shelf.ask("https://b.example/", "b.example", None, at(0)), Verdict::Busy);
    assert_eq!(ask(&mut shelf, 0), Verdict::Fetch, "one that is under way can be waited for");
    shelf.put(URL, Ok((1, HOUR)), at(1)).unwrap();
    assert_eq!(shelf.ask("https://b.example/", "b.example", None, at(1)), Verdict::Fetch);
}

fn ask_host(shelf: &mut Numbers, number: usize, seconds: i64) -> Verdict<u32, &'static str> {
    let host = format!("{number}.example");
    shelf.ask(&format!("https://{host}/"), &host, None, at(seconds))
}

/// Slow hosts that somebody registered must not keep away those whose keys are needed.
#[test]
fn strangers_have_half_of_the_fetches_and_who_was_there_before_is_none() {
    let mut shelf = numbers();
    for number in 0..FETCHES {
        assert_eq!(ask_host(&mut shelf, number, 0), Verdict::Fetch);
        let url = format!("https://{number}.example/");
        shelf.put(&url, Ok((1, HOUR)), at(0)).unwrap();
    }
    for number in 100..100 + FETCHES_OF_STRANGERS {
        assert_eq!(ask_host(&mut shelf, number, 1), Verdict::Fetch);
    }
    assert_eq!(ask_host(&mut shelf, 999, 1), Verdict::Busy);

    // Their documents have expired, and one could not be had since: they are known all the same.
    let later = 2 * 3600;
    assert_eq!(ask_host(&mut shelf, 0, later), Verdict::Fetch);
    assert_eq!(shelf.put("https://0.example/", Err("down"), at(later)), Err("down"));
    for number in 0..FETCHES - FETCHES_OF_STRANGERS {
        assert_eq!(ask_host(&mut shelf, number, later + 60), Verdict::Fetch, "{number}");
    }
    let one_more = FETCHES - FETCHES_OF_STRANGERS;
    assert_eq!(ask_host(&mut shelf, one_more, later + 60), Verdict::Busy, "sixteen in all");
}

/// Else a flood of URLs that give nothing would make strangers of all.
#[test]
fn what_never_was_there_makes_room_before_what_was() {
    let mut shelf = holding();
    for number in 0..DOCUMENTS + 10 {
        let second = 1 + i64::try_from(number).unwrap();
        assert_eq!(ask_host(&mut shelf, number, second), Verdict::Fetch);
        drop(shelf.put(&format!("https://{number}.example/"), Err("down"), at(second)));
    }
    assert_eq!(shelf.len(), DOCUMENTS);
    assert_eq!(gives(ask(&mut shelf, 3599)), Some(1));
}

#[test]
fn the_shelf_is_as_long_as_it_is_and_what_is_asked_for_stays() {
    let mut shelf = holding();
    for number in 0..3 * DOCUMENTS {
        let second = i64::try_from(number).unwrap() / 100;
        let url = format!("https://{number}.example/");
        assert_eq!(shelf.ask(&url, &url, None, at(second)), Verdict::Fetch);
        let outcome = if number % 2 == 0 { Ok((7, HOUR)) } else { Err("down") };
        drop(shelf.put(&url, outcome, at(second)));
        assert!(shelf.len() <= DOCUMENTS);
        assert_eq!(gives(ask(&mut shelf, second + 1)), Some(1));
    }
}

const MEBIBYTE: u32 = 1024 * 1024;

/// Fetches the document of a host of its own, and how large it is then.
fn publish(shelf: &mut Numbers, number: usize, seconds: i64, bytes: u32) {
    assert_eq!(ask_host(shelf, number, seconds), Verdict::Fetch, "{number}");
    shelf.put(&format!("https://{number}.example/"), Ok((bytes, HOUR)), at(seconds)).unwrap();
}

#[test]
fn so_many_bytes_are_held_and_large_documents_push_out_each_other_before_small_ones() {
    let mut shelf = holding();
    for number in 0..100 {
        publish(&mut shelf, number, 0, 16 * 1024);
    }
    for number in 100..1000 {
        let second = i64::try_from(number).unwrap() / 100;
        publish(&mut shelf, number, second, 2 * MEBIBYTE);
        assert!(shelf.bytes() <= BYTES, "{}", shelf.bytes());
    }
    assert!(shelf.bytes() > BYTES / 2, "as much as fits is held: {}", shelf.bytes());
    for number in 0..100 {
        assert_eq!(gives(ask_host(&mut shelf, number, 10)), Some(16 * 1024), "{number}");
    }
    assert_eq!(gives(ask(&mut shelf, 10)), Some(1));
    assert_eq!(gives(ask_host(&mut shelf, 999, 10)), Some(2 * MEBIBYTE), "the last one");
}

#[test]
fn among_large_documents_those_stay_that_are_asked_for() {
    let mut shelf = numbers();
    publish(&mut shelf, 0, 0, 3 * MEBIBYTE);
    for number in 1..500 {
        let second = i64::try_from(number).unwrap();
        assert_eq!(gives(ask_host(&mut shelf, 0, second)), Some(3 * MEBIBYTE), "{number}");
        publish(&mut shelf, number, second, 2 * MEBIBYTE);
        assert!(shelf.bytes() <= BYTES);
    }
}

/// Else large documents would make strangers of all.
#[test]
fn whose_document_went_for_want_of_bytes_is_no_stranger() {
    let mut shelf = numbers();
    for number in 0..40 {
        publish(&mut shelf, number, 0, MEBIBYTE);
    }
    assert_eq!(shelf.len(), 40);
    for number in 100..100 + FETCHES_OF_STRANGERS {
        assert_eq!(ask_host(&mut shelf, number, 1), Verdict::Fetch);
    }
    assert_eq!(ask_host(&mut shelf, 999, 1), Verdict::Busy);
    let gone = (0..40).filter(|number| ask_host(&mut shelf, *number, 1) == Verdict::Fetch);
    assert_eq!(gone.count(), 8);
}

#[test]
fn a_document_that_is_fetched_anew_is_counted_once() {
    let mut shelf = numbers();
    for round in 0..100 {
        let second = 3600 * round;
        publish(&mut shelf, 0, second, 20 * MEBIBYTE);
        publish(&mut shelf, 1, second, 10 * MEBIBYTE);
        assert_eq!(shelf.bytes(), 30 * 1024 * 1024);
    }
}

/// The largest sets there can be, as the keeper weighs them.
#[test]
fn two_thousand_of_the_largest_key_sets_are_not_held() {
    let key = serde_json::json!({
        "kty": "RSA", "e": "AQAB", "kid": "k".repeat(256),
        "n": URL_SAFE_NO_PAD.encode([&[0xff_u8][..], &[0x5b; 510], &[0xef]].concat()),
    });
    let largest = KeySet::parse(&serde_json::json!({ "keys": vec![key; MAX_KEYS] })).unwrap();
    let mut shelf: Shelf<KeySet, &'static str> = Shelf::new(KeySet::footprint);
    for number in 0..DOCUMENTS {
        let url = format!("https://{number}.example/");
        shelf.ask(&url, &url, None, at(0));
        shelf.put(&url, Ok((largest.clone(), HOUR)), at(0)).unwrap();
    }
    assert_eq!(shelf.len(), DOCUMENTS);
    let held = shelf.bytes() / largest.footprint();
    assert!((100..400).contains(&held), "{held} of {} bytes each", largest.footprint());
}

proptest! {
    /// However often somebody asks for a key that is not there, the server of the document
    /// hears of it at most once in half a minute.
    #[test]
    fn a_flood_of_unknown_keys_is_a_trickle_of_fetches(steps in proptest::collection::vec((0_i64..5, any::<bool>(), any::<bool>()), 1..400)) {
        let (mut shelf, mut now, mut fetches) = (holding(), 0, Vec::new());
        let mut seen = at(0);
        for (pause, again, works) in steps {
            now += pause;
            let verdict = shelf.ask(URL, "a.example", again.then_some(seen), at(now));
            match verdict {
                Verdict::Fetch => {
                    fetches.push(now);
                    let outcome = if works { Ok((1, HOUR)) } else { Err("down") };
                    if let Ok(held) = shelf.put(URL, outcome, at(now)) {
                        seen = held.fetched_at;
                    }
                }
                Verdict::Give(held) => seen = held.fetched_at,
                other => prop_assert!(false, "{:?}", other),
            }
        }
        for pair in fetches.windows(2) {
            prop_assert!(pair[1] - pair[0] >= 30);
        }
    }
}
