//! The schedule by itself: no files, no clock.

use proptest::prelude::*;

use super::*;

const OVERLAP: Overlap =
    Overlap { ahead: Duration::from_secs(360), behind: Duration::from_secs(3600) };

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
}

fn with_first_key() -> Schedule {
    let mut schedule = Schedule::default();
    schedule.add("k0".to_owned(), SigningAlgorithm::Es256, Entrance::AtOnce, OVERLAP, at(0));
    schedule
}

fn announce(schedule: &mut Schedule, kid: &str, second: i64) {
    let alg = SigningAlgorithm::Es256;
    schedule.add(kid.to_owned(), alg, Entrance::Announced, OVERLAP, at(second));
}

#[test]
fn a_key_is_published_before_it_signs_and_after_it_signed() {
    let mut schedule = with_first_key();
    announce(&mut schedule, "k1", 0);
    assert!(!schedule.advance(OVERLAP, at(359)));
    assert_eq!(schedule.active().unwrap().kid, "k0");
    assert!(schedule.advance(OVERLAP, at(360)));
    assert_eq!(schedule.active().unwrap().kid, "k1");
    assert_eq!(schedule.keys.len(), 2);
    assert!(!schedule.advance(OVERLAP, at(360 + 3599)));
    assert!(schedule.advance(OVERLAP, at(360 + 3600)));
    assert_eq!(schedule.keys.len(), 1);
}

#[test]
fn changes_tell_of_every_key_whose_state_moved() {
    let before = with_first_key();
    let mut after = before.clone();
    announce(&mut after, "k1", 0);
    after.advance(OVERLAP, at(360));
    let change = |kid: &str, state| Change { kid: kid.to_owned(), state };
    let (retired, active) = (Some(KeyState::Retired), Some(KeyState::Active));
    assert_eq!(after.changes_since(&before), [change("k0", retired), change("k1", active)]);
    assert_eq!(after.changes_since(&after), []);
    after.drop_key("k0");
    assert_eq!(after.changes_since(&before)[0], change("k0", None));
}

#[test]
fn one_rotation_at_a_time() {
    let mut schedule = with_first_key();
    assert_eq!(schedule.may_announce(), Ok(()));
    announce(&mut schedule, "k1", 0);
    assert_eq!(schedule.may_announce().unwrap_err().kid, "k1");
}

const INTERVAL: Duration = Duration::from_secs(30 * 24 * 3600);
const DAY: i64 = 24 * 3600;

#[test]
fn a_key_that_has_signed_long_enough_is_due_and_no_other() {
    let mut schedule = with_first_key();
    let due =
        |schedule: &Schedule, second| schedule.due(SigningAlgorithm::Es256, INTERVAL, at(second));
    assert_eq!(due(&schedule, 30 * DAY - 1), None);
    assert_eq!(due(&schedule, 30 * DAY), Some(Occasion::Scheduled));
    assert_eq!(due(&schedule, 400 * DAY), Some(Occasion::Scheduled));
    announce(&mut schedule, "k1", 400 * DAY);
    assert_eq!(due(&schedule, 800 * DAY), None, "a rotation is under way");
    schedule.advance(OVERLAP, at(400 * DAY + 360));
    assert_eq!(due(&schedule, 400 * DAY + 361), None, "one for all the turns that were missed");
    assert_eq!(due(&schedule, 430 * DAY), Some(Occasion::Scheduled));
    let other = schedule.due(SigningAlgorithm::EdDsa, INTERVAL, at(401 * DAY));
    assert_eq!(other, Some(Occasion::Algorithm));
    assert_eq!(Schedule::default().due(SigningAlgorithm::Es256, INTERVAL, at(0)), None);
}

#[test]
fn a_clock_that_was_wrong_for_a_while_neither_holds_a_rotation_up_nor_makes_many() {
    let due =
        |schedule: &Schedule, second| schedule.due(SigningAlgorithm::Es256, INTERVAL, at(second));
    // A little back, as clocks are set: nothing.
    let mut schedule = with_first_key();
    assert_eq!(due(&schedule, -DAY), None);
    // Made years ahead, announced years ahead.
    announce(&mut schedule, "k1", 4000 * DAY);
    assert!(schedule.advance(OVERLAP, at(10)), "the wait begins when the clock is right again");
    assert_eq!(schedule.next().unwrap().changes_at, Some(at(370)));
    assert!(!schedule.advance(OVERLAP, at(20)), "and is not begun again and again");
    assert!(schedule.advance(OVERLAP, at(370)));
    assert_eq!(schedule.active().unwrap().kid, "k1");
    assert_eq!(due(&schedule, 400), Some(Occasion::Scheduled));
    announce(&mut schedule, "k2", 400);
    schedule.advance(OVERLAP, at(760));
    assert_eq!(due(&schedule, 800), None);
}

#[test]
fn a_key_stays_as_long_as_the_longest_token_it_ever_signed() {
    let mut schedule = with_first_key();
    let long = Overlap { behind: Duration::from_secs(50_000), ..OVERLAP };
    schedule.advance(long, at(10));
    announce(&mut schedule, "k1", 20);
    schedule.advance(OVERLAP, at(380));
    assert!(!schedule.advance(OVERLAP, at(380 + 49_999)));
    assert!(schedule.advance(OVERLAP, at(380 + 50_000)));
    assert_eq!(schedule.keys.len(), 1);
}

#[test]
fn a_schedule_of_an_earlier_version_is_read() {
    let text = r#"{"keys":[{"kid":"k0","alg":"ES256","state":"active","created_at":"2026-01-01T00:00:00Z"}]}"#;
    let schedule: Schedule = serde_json::from_str(text).unwrap();
    assert_eq!(schedule.keys[0].signs_for, None);
}

#[test]
fn an_emergency_signs_at_once_and_may_drop_the_old_key() {
    let mut schedule = with_first_key();
    announce(&mut schedule, "k1", 0);
    schedule.add("k2".to_owned(), SigningAlgorithm::Es256, Entrance::AtOnce, OVERLAP, at(5));
    assert_eq!(schedule.active().unwrap().kid, "k2");
    assert!(schedule.next().is_none(), "the waiting key may be as compromised as the other");
    schedule.drop_key("k0");
    assert_eq!(schedule.keys.len(), 1);
    schedule.drop_key("k2");
    assert_eq!(schedule.keys.len(), 1, "the signing key cannot be dropped");
}

proptest! {
    #[test]
    fn exactly_one_key_signs_whatever_happens(
        steps in prop::collection::vec((0_i64..5000, prop::option::of(any::<bool>())), 1..40)
    ) {
        let mut schedule = with_first_key();
        let mut second = 0;
        for (count, (wait, rotation)) in steps.into_iter().enumerate() {
            second += wait;
            schedule.advance(OVERLAP, at(second));
            let kid = format!("k{}", count + 1);
            match rotation {
                Some(true) => schedule.add(
                    kid, SigningAlgorithm::Es256, Entrance::AtOnce, OVERLAP, at(second)),
                Some(false) if schedule.may_announce().is_ok() =>
                    announce(&mut schedule, &kid, second),
                _ => {}
            }
            let signing = |key: &&Entry| key.state == KeyState::Active;
            prop_assert_eq!(schedule.keys.iter().filter(signing).count(), 1);
            let waiting = |key: &&Entry| key.state == KeyState::Next;
            prop_assert!(schedule.keys.iter().filter(waiting).count() <= 1);
        }
    }
}
