//! Each law is broken here by a history that was made up for it, and kept by its honest neighbour.

use std::time::Duration;

use uuid::Uuid;

use super::history::{Act, Event, Granted, Moment, Outcome, Place};
use super::laws::{
    a_code_gives_tokens_once, a_family_has_one_live_tip, errors_are_503_or_deserved,
    every_token_is_on_record, keys_of_live_tokens_are_published, nothing_acknowledged_is_lost,
    what_was_revoked_is_dead,
};

const TOKEN: Uuid = Uuid::from_u128(1);
const OTHER_TOKEN: Uuid = Uuid::from_u128(2);

fn seconds(seconds: u64) -> Moment {
    Duration::from_secs(seconds)
}

/// An act that began and was answered at these seconds.
fn at(begun: u64, ended: u64, act: Act, outcome: Outcome) -> Event {
    let (begun, ended) = (seconds(begun), seconds(ended));
    Event { act, place: Place::Balancer, begun, ended, outcome }
}

/// Tokens: good for an hour, signed with `key`.
fn tokens(jti: Uuid, refresh: Option<&str>) -> Outcome {
    let refresh = refresh.map(str::to_owned);
    Outcome::Tokens(Granted { jti, kid: "key".to_owned(), expires: seconds(3600), refresh })
}

fn redeem(code: &str) -> Act {
    Act::Redeem { code: code.to_owned(), family: 1 }
}

fn rotate(presented: &str) -> Act {
    Act::Rotate { presented: presented.to_owned(), family: 1 }
}

fn refused(status: u16, error: &str, retry_after: bool) -> Outcome {
    Outcome::Refused { status, error: error.to_owned(), retry_after }
}

fn invalid_grant() -> Outcome {
    refused(400, "invalid_grant", false)
}

fn introspect(jti: Uuid) -> Act {
    Act::Introspect { jti }
}

fn keys(kids: &[&str]) -> Outcome {
    Outcome::Keys(kids.iter().map(|kid| (*kid).to_owned()).collect())
}

#[test]
fn a_code_that_gives_tokens_twice_is_noticed() {
    let once = at(1, 2, redeem("c"), tokens(TOKEN, Some("r1")));
    let refusal = at(3, 4, redeem("c"), invalid_grant());
    let again = at(3, 4, redeem("c"), tokens(OTHER_TOKEN, Some("r2")));
    assert!(a_code_gives_tokens_once(&[once.clone(), refusal]).is_empty());
    assert_eq!(a_code_gives_tokens_once(&[once, again]).len(), 1);
}

#[test]
fn a_refresh_token_with_two_successors_is_noticed() {
    let first = at(1, 2, rotate("r1"), tokens(TOKEN, Some("r2")));
    let same = at(1, 3, rotate("r1"), tokens(OTHER_TOKEN, Some("r2")));
    let fork = at(1, 3, rotate("r1"), tokens(OTHER_TOKEN, Some("r2'")));
    assert!(a_family_has_one_live_tip(&[first.clone(), same]).is_empty());
    assert_eq!(a_family_has_one_live_tip(&[first, fork]).len(), 1);
}

#[test]
fn a_refresh_token_that_works_after_its_successor_did_is_noticed() {
    let first = at(1, 2, rotate("r1"), tokens(TOKEN, Some("r2")));
    let second = at(3, 4, rotate("r2"), tokens(TOKEN, Some("r3")));
    let late = at(5, 6, rotate("r1"), tokens(TOKEN, Some("r2")));
    let meanwhile = Event { begun: seconds(3), ..late.clone() };
    assert!(a_family_has_one_live_tip(&[first.clone(), second.clone(), meanwhile]).is_empty());
    assert_eq!(a_family_has_one_live_tip(&[first, second, late]).len(), 1);
}

#[test]
fn a_token_that_is_active_after_its_revocation_was_answered_is_noticed() {
    let issued = at(1, 2, Act::Issue, tokens(TOKEN, None));
    let exchange = Act::Exchange { subject: TOKEN };
    let exchanged = at(2, 3, exchange.clone(), tokens(OTHER_TOKEN, None));
    let revoked = at(4, 6, Act::RevokeToken { jti: TOKEN }, Outcome::Done);
    let history = |event| [issued.clone(), exchanged.clone(), revoked.clone(), event];

    let meanwhile = history(at(5, 7, introspect(TOKEN), Outcome::Active));
    assert!(what_was_revoked_is_dead(&meanwhile).is_empty());
    let after = history(at(7, 8, introspect(TOKEN), Outcome::Active));
    assert_eq!(what_was_revoked_is_dead(&after).len(), 1);
    let of_it = history(at(7, 8, introspect(OTHER_TOKEN), Outcome::Active));
    assert_eq!(what_was_revoked_is_dead(&of_it).len(), 1);
    let exchanged_after = history(at(7, 8, exchange, tokens(Uuid::from_u128(3), None)));
    assert_eq!(what_was_revoked_is_dead(&exchanged_after).len(), 1);

    let mut unanswered = history(at(7, 8, introspect(TOKEN), Outcome::Active));
    unanswered[2].outcome = Outcome::Unknown;
    assert!(what_was_revoked_is_dead(&unanswered).is_empty(), "nobody was told that it is done");

    let ordered = at(1, 1, Act::RotateKeys { emergency: true }, Outcome::Done);
    let [first, _, revoked, _] = history(at(7, 8, introspect(TOKEN), Outcome::Active));
    let active = at(70, 71, introspect(TOKEN), Outcome::Active);
    let soon = [ordered, first, revoked, active];
    assert_eq!(what_was_revoked_is_dead(&soon).len(), 1, "an emergency is no excuse");
}

#[test]
fn a_family_that_lives_after_its_end_is_noticed() {
    let begun = at(1, 2, redeem("c"), tokens(TOKEN, Some("r1")));
    let rotated = at(3, 4, rotate("r1"), tokens(OTHER_TOKEN, Some("r2")));
    let used = at(5, 6, rotate("r2"), tokens(Uuid::from_u128(3), Some("r3")));
    let family = [begun, rotated, used];
    for end in [
        at(7, 8, Act::RevokeFamily { family: 1 }, Outcome::Done),
        at(7, 8, redeem("c"), invalid_grant()),
        at(7, 8, rotate("r1"), invalid_grant()),
    ] {
        let ended = [&family[..], &[end]].concat();
        assert!(what_was_revoked_is_dead(&ended).is_empty());
        for sign_of_life in [
            at(9, 10, introspect(OTHER_TOKEN), Outcome::Active),
            at(9, 10, rotate("r3"), tokens(Uuid::from_u128(4), Some("r4"))),
        ] {
            let history = [&ended[..], &[sign_of_life]].concat();
            assert_eq!(what_was_revoked_is_dead(&history).len(), 1, "{history:?}");
        }
    }
}

#[test]
fn a_key_of_a_live_token_that_is_not_published_is_noticed() {
    let issued = at(1, 2, Act::Issue, tokens(TOKEN, None));
    let with = at(3, 4, Act::FetchKeys, keys(&["key", "next"]));
    let without = at(3, 4, Act::FetchKeys, keys(&["next"]));
    let before = at(1, 1, Act::FetchKeys, keys(&["old"]));
    let after_its_end = at(3601, 3602, Act::FetchKeys, keys(&["next"]));
    for fine in [with, before, after_its_end] {
        assert!(keys_of_live_tokens_are_published(&[issued.clone(), fine]).is_empty());
    }
    let history = [issued, without];
    assert_eq!(keys_of_live_tokens_are_published(&history).len(), 1);

    let ordered = |emergency| at(1, 2, Act::RotateKeys { emergency }, Outcome::Done);
    let [issued, without] = history;
    let calm = [ordered(false), issued.clone(), without.clone()];
    assert_eq!(keys_of_live_tokens_are_published(&calm).len(), 1);
    let emergency = [ordered(true), issued.clone(), without.clone()];
    assert!(keys_of_live_tokens_are_published(&emergency).is_empty());
    let long_after = Event { begun: seconds(60), ended: seconds(61), ..without };
    let emergency = [ordered(true), issued, long_after];
    assert_eq!(keys_of_live_tokens_are_published(&emergency).len(), 1);
}

#[test]
fn a_good_token_that_is_called_inactive_is_noticed() {
    let issued = at(1, 2, Act::Issue, tokens(TOKEN, None));
    let inactive = |begun, ended| at(begun, ended, introspect(TOKEN), Outcome::Inactive);
    assert_eq!(nothing_acknowledged_is_lost(&[issued.clone(), inactive(3, 4)]).len(), 1);
    assert!(nothing_acknowledged_is_lost(&[issued.clone(), inactive(3601, 3602)]).is_empty());
    let emergency = at(1, 1, Act::RotateKeys { emergency: true }, Outcome::Done);
    let history = |later| [emergency.clone(), issued.clone(), later];
    assert!(nothing_acknowledged_is_lost(&history(inactive(3, 4))).is_empty());
    assert_eq!(nothing_acknowledged_is_lost(&history(inactive(60, 61))).len(), 1);

    // Whoever has asked for its end may get it, whether or not there was an answer.
    let asked = at(4, 5, Act::RevokeToken { jti: TOKEN }, Outcome::Unknown);
    assert!(
        nothing_acknowledged_is_lost(&[issued.clone(), inactive(3, 5), asked.clone()]).is_empty()
    );
    let under_way = Event { outcome: Outcome::Pending, ..asked.clone() };
    assert!(nothing_acknowledged_is_lost(&[issued.clone(), inactive(6, 7), under_way]).is_empty());
    assert_eq!(nothing_acknowledged_is_lost(&[issued, inactive(3, 3), asked]).len(), 1);
}

#[test]
fn a_tip_that_does_not_work_is_noticed() {
    let begun = at(1, 2, redeem("c"), tokens(TOKEN, Some("r1")));
    let lost = at(3, 4, rotate("r1"), invalid_grant());
    let history = [begun.clone(), lost.clone()];
    assert_eq!(nothing_acknowledged_is_lost(&history).len(), 1);
    assert_eq!(errors_are_503_or_deserved(&history).len(), 1);

    let revoked = at(3, 4, Act::RevokeFamily { family: 1 }, Outcome::Unknown);
    let history = [begun, revoked, lost];
    assert!(nothing_acknowledged_is_lost(&history).is_empty());
    assert!(errors_are_503_or_deserved(&history).is_empty());
}

#[test]
fn a_client_or_a_consent_that_is_gone_is_noticed() {
    let app = || "app".to_owned();
    let agreed = at(1, 2, Act::Agree { app: app() }, Outcome::Done);
    let ask = |outcome| at(3, 4, Act::Authorize { app: app() }, outcome);
    let by_redirect = refused(303, "temporarily_unavailable", false);
    let by_answer = refused(503, "temporarily_unavailable", true);
    for fine in [Outcome::Done, Outcome::Unknown, by_answer, by_redirect] {
        assert!(nothing_acknowledged_is_lost(&[agreed.clone(), ask(fine)]).is_empty());
    }
    let denied = refused(303, "access_denied", false);
    let a_page = Outcome::Strange("a page that asks for consent".to_owned());
    for lost in [refused(400, "unknown client", false), denied, a_page] {
        assert_eq!(nothing_acknowledged_is_lost(&[agreed.clone(), ask(lost)]).len(), 1);
    }
}

#[test]
fn an_error_that_nobody_deserves_is_noticed() {
    let answers = |outcome| errors_are_503_or_deserved(&[at(1, 2, Act::Issue, outcome)]).len();
    assert_eq!(answers(refused(503, "temporarily_unavailable", true)), 0);
    assert_eq!(answers(Outcome::Unknown), 0);
    assert_eq!(answers(refused(503, "temporarily_unavailable", false)), 1);
    assert_eq!(answers(refused(500, "server_error", true)), 1);
    assert_eq!(answers(refused(502, "bad gateway", true)), 1);
    assert_eq!(answers(refused(429, "slow_down", true)), 1);
    assert_eq!(answers(Outcome::Strange("a page".to_owned())), 1);

    let issued = at(1, 2, Act::Issue, tokens(TOKEN, None));
    let exchanged = at(3, 4, Act::Exchange { subject: TOKEN }, invalid_grant());
    let revoked = at(3, 4, Act::RevokeToken { jti: TOKEN }, Outcome::Unknown);
    assert_eq!(errors_are_503_or_deserved(&[issued.clone(), exchanged.clone()]).len(), 1);
    assert!(errors_are_503_or_deserved(&[issued, revoked, exchanged]).is_empty());

    let first = at(1, 2, redeem("c"), tokens(TOKEN, Some("r1")));
    let again = at(3, 4, redeem("c"), invalid_grant());
    assert!(errors_are_503_or_deserved(&[first, again.clone()]).is_empty());
    assert_eq!(errors_are_503_or_deserved(&[again]).len(), 1, "it was sent once only");
}

#[test]
fn a_token_that_nobody_wrote_down_is_noticed() {
    let (none, one) = (Default::default(), [TOKEN].into());
    assert!(every_token_is_on_record(&none, &none).is_empty());
    assert_eq!(every_token_is_on_record(&one, &none).len(), 1);
    assert_eq!(every_token_is_on_record(&none, &one).len(), 1);
}
