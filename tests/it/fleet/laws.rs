//! What must hold of a fleet, whatever happens to its parts, as clients see it from outside.
//!
//! A law is a function of the history that says what contradicts it. Where the client does not know
//! whether an act took effect, a law takes it for possible from the moment the act began, and for
//! certain never.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use uuid::Uuid;

use super::ends::{Emergencies, Ends, Sent};
use super::history::{Act, Event, Granted, Moment, Outcome};

/// What is wrong, each in a line.
pub(super) type Complaints = Vec<String>;

/// One law.
pub(super) struct Law {
    pub(super) says: &'static str,
    pub(super) complaints: fn(&[Event]) -> Complaints,
}

/// All that can be told from the history alone.
pub(super) const LAWS: [Law; 6] = [
    Law { says: "a code gives tokens once at most", complaints: a_code_gives_tokens_once },
    Law { says: "a family has one live tip", complaints: a_family_has_one_live_tip },
    Law {
        says: "what was revoked is dead at every replica from the answer on",
        complaints: what_was_revoked_is_dead,
    },
    Law {
        says: "the published keys have the key of every live token",
        complaints: keys_of_live_tokens_are_published,
    },
    Law { says: "nothing that was acknowledged is lost", complaints: nothing_acknowledged_is_lost },
    Law {
        says: "error answers are 503 with Retry-After, or the client's own fault",
        complaints: errors_are_503_or_deserved,
    },
];

/// A token or code that is so close to its end is not expected to be good any more: the clock of a
/// replica may be half a minute ahead.
const CLOSE: Duration = Duration::from_secs(40);

/// However often and wherever a code is sent to the token endpoint, one answer at most has tokens.
pub(super) fn a_code_gives_tokens_once(history: &[Event]) -> Complaints {
    let mut successes: HashMap<&str, u32> = HashMap::new();
    for event in history {
        if let (Act::Redeem { code, .. }, Some(_)) = (&event.act, event.outcome.tokens()) {
            *successes.entry(code).or_default() += 1;
        }
    }
    let twice = successes.into_iter().filter(|(_, count)| *count > 1);
    twice.map(|(code, count)| format!("the code {code} gave tokens {count} times")).collect()
}

/// A refresh token has one successor, however often it is used; and once a client has used the
/// successor, the token before gives nothing any more.
pub(super) fn a_family_has_one_live_tip(history: &[Event]) -> Complaints {
    let mut complaints = Vec::new();
    let mut successors: HashMap<&str, &str> = HashMap::new();
    let mut used: HashMap<&str, Moment> = HashMap::new();
    for (event, presented, successor) in rotations(history) {
        let first = *successors.entry(presented).or_insert(successor);
        if first != successor {
            complaints.push(format!("{presented} has two successors: {first} and {successor}"));
        }
        let at = used.entry(presented).or_insert(event.ended);
        *at = event.ended.min(*at);
    }
    for (event, presented, successor) in rotations(history) {
        if used.get(successor).is_some_and(|at| *at < event.begun) {
            complaints.push(format!("{presented} was good after {successor} had been used"));
        }
    }
    complaints
}

/// Every use of a refresh token that gave one.
fn rotations(history: &[Event]) -> impl Iterator<Item = (&Event, &str, &str)> {
    history.iter().filter_map(|event| match (&event.act, &event.outcome) {
        (Act::Rotate { presented, .. }, Outcome::Tokens(Granted { refresh: Some(next), .. })) => {
            Some((event, presented.as_str(), next.as_str()))
        }
        _ => None,
    })
}

/// After the answer to a revocation, or to a use that ends a family, no replica calls what it ended
/// active, and nothing comes of it: no token for a refresh token, none in exchange.
pub(super) fn what_was_revoked_is_dead(history: &[Event]) -> Complaints {
    let ends = Ends::of(history);
    let ended_before =
        |moment: Option<Moment>, event: &Event| moment.is_some_and(|certain| certain < event.begun);
    let mut complaints = Vec::new();
    for event in history {
        let late = match (&event.act, &event.outcome) {
            (Act::Introspect { jti }, Outcome::Active) => ends.of_token(*jti).certain,
            (Act::Exchange { subject }, Outcome::Tokens(_)) => ends.of_token(*subject).certain,
            (Act::Rotate { family, .. } | Act::Redeem { family, .. }, Outcome::Tokens(_)) => {
                ends.of_family(*family).certain
            }
            _ => None,
        };
        if ended_before(late, event) {
            complaints.push(format!("ended at {:?}, and yet: {event:?}", late.unwrap_or_default()));
        }
    }
    complaints
}

/// Whoever fetches the keys, from any replica, can verify every token that was handed out before and
/// has not expired. But for an emergency, which says so: its key signs before every replica has it.
pub(super) fn keys_of_live_tokens_are_published(history: &[Event]) -> Complaints {
    // Of each key, when tokens were handed out and when the last of those so far expires.
    let mut signed: BTreeMap<&str, Vec<(Moment, Moment)>> = BTreeMap::new();
    for event in history {
        if let Some(granted) = event.outcome.tokens() {
            signed.entry(&granted.kid).or_default().push((event.ended, granted.expires));
        }
    }
    for tokens in signed.values_mut() {
        tokens.sort_unstable();
        let mut last = Moment::ZERO;
        for (_, expires) in tokens {
            last = last.max(*expires);
            *expires = last;
        }
    }
    let emergencies = Emergencies::of(history);
    let mut complaints = Vec::new();
    for event in history {
        let Outcome::Keys(published) = &event.outcome else { continue };
        if emergencies.shortly_before(event) {
            continue;
        }
        for (kid, tokens) in &signed {
            let before = tokens.partition_point(|(handed_out, _)| *handed_out < event.begun);
            let lives = before.checked_sub(1).is_some_and(|it| tokens[it].1 > event.ended + CLOSE);
            if lives && published.iter().all(|it| it != kid) {
                complaints.push(format!("{kid} has signed live tokens and is missing: {event:?}"));
            }
        }
    }
    complaints
}

/// A token that nobody ended is good until it expires. So is the newest refresh token, and a code. A
/// client that was registered exists, and what a person agreed to stays agreed to.
///
/// But for a moment after an emergency: a replica that does not know the new key, and can look it up
/// nowhere because its database is away, cannot tell the token from one that was made up. It says
/// that it is not active: resource servers let through what they get an error for.
pub(super) fn nothing_acknowledged_is_lost(history: &[Event]) -> Complaints {
    let (ends, emergencies) = (Ends::of(history), Emergencies::of(history));
    let mut tokens: HashMap<Uuid, (Moment, Moment)> = HashMap::new();
    let mut agreed: HashMap<&str, Moment> = HashMap::new();
    let mut complaints = Vec::new();
    for event in history {
        if let Some(granted) = event.outcome.tokens() {
            tokens.insert(granted.jti, (event.ended, granted.expires));
        }
        if let (Act::Agree { app }, Outcome::Done) = (&event.act, &event.outcome) {
            agreed.insert(app, event.ended);
        }
    }
    for event in history {
        let lost = match (&event.act, &event.outcome) {
            (Act::Introspect { jti }, Outcome::Inactive) => {
                let (given, expires) = tokens.get(jti).copied().unwrap_or_default();
                given < event.begun
                    && expires > event.ended + CLOSE
                    && !ends.of_token(*jti).possible_by(event)
                    && !emergencies.shortly_before(event)
            }
            (Act::Rotate { family, .. }, outcome) if outcome.is_refusal("invalid_grant") => {
                !ends.of_family(*family).possible_by(event)
            }
            (Act::Authorize { app }, outcome) => {
                let agreed = agreed.get(app.as_str()).is_some_and(|at| *at < event.begun);
                let given = outcome.is_success() || outcome.is_open();
                agreed && !given && *outcome != Outcome::Pending
            }
            _ => false,
        };
        if lost {
            complaints.push(format!("{event:?}"));
        }
    }
    complaints
}

/// Any other error answer is to a request that deserves it: a code that was sent before, a refresh
/// token of a family that has ended, a token that is not good in exchange, a second rotation of the
/// keys or secrets at a time.
pub(super) fn errors_are_503_or_deserved(history: &[Event]) -> Complaints {
    let (ends, sent) = (Ends::of(history), Sent::of(history));
    let mut complaints = Vec::new();
    for event in history {
        let fine = match &event.outcome {
            outcome if outcome.is_unavailable() => true,
            Outcome::Refused { status, error, .. } => match &event.act {
                Act::Redeem { code, .. } => sent.twice_by(code, event) && error == "invalid_grant",
                Act::Rotate { family, .. } => {
                    ends.of_family(*family).possible_by(event) && error == "invalid_grant"
                }
                Act::Exchange { subject } => {
                    ends.of_token(*subject).possible_by(event) && error == "invalid_grant"
                }
                Act::RotateKeys { .. } | Act::RotateSecrets => *status == 409,
                _ => false,
            },
            Outcome::Strange(_) => false,
            _ => true,
        };
        if !fine {
            complaints.push(format!("{event:?}"));
        }
    }
    complaints
}

/// Every token that a client holds has its row in `issuances`, and its row in the audit log.
pub(super) fn every_token_is_on_record(
    without_issuance: &HashSet<Uuid>,
    without_audit_row: &HashSet<Uuid>,
) -> Complaints {
    let of = |missing: &HashSet<Uuid>, what: &str| {
        missing.iter().map(|jti| format!("{jti} has no {what}")).collect::<Vec<_>>()
    };
    [of(without_issuance, "issuance"), of(without_audit_row, "audit row")].concat()
}
