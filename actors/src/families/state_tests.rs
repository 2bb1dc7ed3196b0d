//! The laws of a refresh family, tried with random histories.

use proptest::prelude::*;
use protocol::scope::ScopeSet;

use super::*;

const GRACE: Duration = Duration::from_secs(30);

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
}

fn family() -> Family {
    Family {
        generation: 5,
        client_id: "app".to_owned(),
        jkt: None,
        rotated_at: at(0),
        expires_at: at(10_000),
        revoked_at: None,
    }
}

fn presented(generation: i64) -> Presented {
    Presented { family: Uuid::from_u128(1), generation, client_id: "app".to_owned(), jkt: None }
}

fn everything() -> Grantable {
    Grantable {
        audience: vec!["https://a.example/mcp".to_owned()],
        resource_ids: vec![Uuid::from_u128(7)],
        scopes: ScopeSet::parse("read write").unwrap(),
    }
}

fn judge(family: &Family, presented: &Presented, now: DateTime<Utc>) -> Verdict {
    super::judge(family, presented, GRACE, now, || Ok(everything()))
}

#[test]
fn the_tip_rotates() {
    assert_eq!(judge(&family(), &presented(5), at(1)), Verdict::Rotate(everything()));
}

#[test]
fn the_token_just_rotated_gets_the_same_successor_until_the_window_closes() {
    assert_eq!(judge(&family(), &presented(4), at(30)), Verdict::Replay(everything()));
    assert_eq!(judge(&family(), &presented(4), at(31)), Verdict::Revoke(Misuse::Reused));
}

#[test]
fn without_a_window_nothing_is_repeated() {
    let verdict =
        super::judge(&family(), &presented(4), Duration::ZERO, at(0), || Ok(everything()));
    assert_eq!(verdict, Verdict::Revoke(Misuse::Reused));
}

#[test]
fn a_clock_that_was_set_back_does_not_close_the_window() {
    assert_eq!(judge(&family(), &presented(4), at(-20)), Verdict::Replay(everything()));
}

#[test]
fn a_token_two_generations_old_is_reuse_even_within_the_window() {
    assert_eq!(judge(&family(), &presented(3), at(1)), Verdict::Revoke(Misuse::Reused));
}

#[test]
fn a_token_from_after_a_restored_backup_ends_the_family() {
    let verdict = judge(&family(), &presented(6), at(1));
    assert_eq!(verdict, Verdict::Revoke(Misuse::FromTheFuture));
}

#[test]
fn another_client_or_another_key_ends_the_family() {
    let other = Presented { client_id: "thief".to_owned(), ..presented(5) };
    assert_eq!(judge(&family(), &other, at(1)), Verdict::Revoke(Misuse::OtherClient));
    let bound = Family { jkt: Some("key".to_owned()), ..family() };
    let forgotten = judge(&bound, &presented(5), at(1));
    assert!(matches!(forgotten, Verdict::Refuse(Refusal::NotGrantable(_))), "{forgotten:?}");
    let wrong = Presented { jkt: Some("other".to_owned()), ..presented(5) };
    assert_eq!(judge(&bound, &wrong, at(1)), Verdict::Revoke(Misuse::OtherKey));
}

#[test]
fn a_dead_family_answers_everybody_alike() {
    let revoked = Family { revoked_at: Some(at(1)), ..family() };
    let thief = Presented { client_id: "thief".to_owned(), ..presented(1) };
    assert_eq!(judge(&revoked, &thief, at(2)), Verdict::Refuse(Refusal::Revoked));
    assert_eq!(judge(&family(), &thief, at(10_000)), Verdict::Refuse(Refusal::Expired));
}

#[test]
fn a_wish_that_exceeds_the_family_leaves_the_token_unspent() {
    let refusal = OAuthError::invalid_scope("more than was granted");
    let verdict = super::judge(&family(), &presented(5), GRACE, at(1), || Err(refusal.clone()));
    assert_eq!(verdict, Verdict::Refuse(Refusal::NotGrantable(refusal)));
}

#[test]
fn a_thief_cannot_probe_with_odd_wishes() {
    let thief = Presented { client_id: "thief".to_owned(), ..presented(5) };
    let verdict = super::judge(&family(), &thief, GRACE, at(1), || {
        unreachable!("the wishes of a thief are not even looked at")
    });
    assert_eq!(verdict, Verdict::Revoke(Misuse::OtherClient));
}

/// A move of some holder of some token of the family.
#[derive(Debug, Clone)]
struct Move {
    back: i64,
    wait: i64,
    thief: bool,
    wish_too_much: bool,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = (0_i64..4, 0_i64..40, prop::bool::weighted(0.05), any::<bool>())
        .prop_map(|(back, wait, thief, wish_too_much)| Move { back, wait, thief, wish_too_much });
    prop::collection::vec(one, 1..60)
}

proptest! {
    #[test]
    fn no_history_forks_a_family_or_brings_one_back(moves in moves()) {
        let mut family = family();
        let mut now = 0;
        let mut dead = false;
        for step in moves {
            now += step.wait;
            let client = if step.thief { "thief" } else { "app" };
            let token = Presented {
                client_id: client.to_owned(),
                ..presented((family.generation - step.back).max(1))
            };
            let before = family.generation;
            let wish = || match step.wish_too_much {
                true => Err(OAuthError::invalid_scope("too much")),
                false => Ok(everything()),
            };
            match super::judge(&family, &token, GRACE, at(now), wish) {
                Verdict::Rotate(_) => {
                    prop_assert!(!dead, "a dead family gave a token");
                    prop_assert_eq!(token.generation, before, "only the tip rotates");
                    family.generation += 1;
                    family.rotated_at = at(now);
                }
                Verdict::Replay(_) => {
                    prop_assert!(!dead, "a dead family gave a token");
                    prop_assert_eq!(token.generation, before - 1, "one successor, no fork");
                }
                Verdict::Revoke(_) => {
                    family.revoked_at = Some(at(now));
                    dead = true;
                }
                Verdict::Refuse(_) => {}
            }
            prop_assert!(family.generation - before <= 1);
        }
    }
}
