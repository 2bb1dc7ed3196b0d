//! When, as far as the clients can know, tokens and families came to their end.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use super::history::{Act, Event, Granted, Moment, Outcome};

/// A key that is to sign at once is known to the replica that was told; one that hears nothing at
/// that moment looks for new keys every five seconds (docs/operations.md, "Rotating signing keys").
/// Until then it publishes the keys without the new one.
const AFTER_AN_EMERGENCY: Duration = Duration::from_secs(12);

/// The end of something before its time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct End {
    /// From here on it may have ended.
    pub(super) possible: Option<Moment>,
    /// From here on it has.
    pub(super) certain: Option<Moment>,
}

impl End {
    /// Whether it may have ended before `event` was answered.
    pub(super) fn possible_by(self, event: &Event) -> bool {
        self.possible.is_some_and(|begun| begun <= event.end())
    }

    fn note(&mut self, event: &Event, certain: bool) {
        let certain = certain.then_some(event.ended);
        *self = self.or(End { possible: Some(event.begun), certain });
    }

    fn or(self, other: End) -> End {
        let earlier =
            |one: Option<Moment>, other: Option<Moment>| one.into_iter().chain(other).min();
        End {
            possible: earlier(self.possible, other.possible),
            certain: earlier(self.certain, other.certain),
        }
    }
}

/// What a token came of.
#[derive(Debug, Clone, Copy)]
enum Origin {
    Family(u32),
    Token(Uuid),
}

/// All the ends that a history tells of.
#[derive(Debug, Default)]
pub(super) struct Ends {
    families: HashMap<u32, End>,
    tokens: HashMap<Uuid, End>,
    origins: HashMap<Uuid, Origin>,
}

impl Ends {
    pub(super) fn of(history: &[Event]) -> Ends {
        let mut ends = Ends::default();
        // A refresh token's successor, and when somebody first used a refresh token.
        let mut successors: HashMap<&str, &str> = HashMap::new();
        let mut uses: HashMap<&str, Moment> = HashMap::new();
        for event in history {
            ends.note_origin(event);
            if let Act::Rotate { presented, .. } = &event.act {
                let first = uses.entry(presented).or_insert(event.begun);
                *first = event.begun.min(*first);
                if let Outcome::Tokens(Granted { refresh: Some(next), .. }) = &event.outcome {
                    successors.insert(presented, next);
                }
            }
        }
        let sent = Sent::of(history);
        for event in history {
            match &event.act {
                Act::RevokeToken { jti } => {
                    let done = event.outcome == Outcome::Done;
                    ends.tokens.entry(*jti).or_default().note(event, done);
                }
                Act::RevokeFamily { family } => {
                    let done = event.outcome == Outcome::Done;
                    ends.families.entry(*family).or_default().note(event, done);
                }
                Act::Redeem { code, family } if sent.twice_by(code, event) => {
                    let refused = event.outcome.is_refusal("invalid_grant");
                    ends.families.entry(*family).or_default().note(event, refused);
                }
                Act::Rotate { presented, family } => {
                    let used = successors.get(presented.as_str()).and_then(|next| uses.get(next));
                    if used.is_some_and(|used| *used <= event.end()) {
                        let refused = event.outcome.is_refusal("invalid_grant");
                        ends.families.entry(*family).or_default().note(event, refused);
                    }
                }
                _ => {}
            }
        }
        ends
    }

    fn note_origin(&mut self, event: &Event) {
        let Some(granted) = event.outcome.tokens() else { return };
        let origin = match event.act {
            Act::Redeem { family, .. } | Act::Rotate { family, .. } => Origin::Family(family),
            Act::Exchange { subject } => Origin::Token(subject),
            _ => return,
        };
        self.origins.insert(granted.jti, origin);
    }

    /// The end of a family.
    pub(super) fn of_family(&self, family: u32) -> End {
        self.families.get(&family).copied().unwrap_or_default()
    }

    /// The end of a token: its own, or that of what it came of.
    pub(super) fn of_token(&self, jti: Uuid) -> End {
        let own = self.tokens.get(&jti).copied().unwrap_or_default();
        match self.origins.get(&jti) {
            Some(Origin::Family(family)) => own.or(self.of_family(*family)),
            Some(Origin::Token(subject)) => own.or(self.of_token(*subject)),
            None => own,
        }
    }
}

/// When each code was sent to the token endpoint.
#[derive(Debug)]
pub(super) struct Sent<'h>(HashMap<&'h str, Vec<Moment>>);

impl<'h> Sent<'h> {
    pub(super) fn of(history: &'h [Event]) -> Sent<'h> {
        let mut sent: HashMap<&str, Vec<Moment>> = HashMap::new();
        for event in history {
            if let Act::Redeem { code, .. } = &event.act {
                sent.entry(code).or_default().push(event.begun);
            }
        }
        Sent(sent)
    }

    /// Whether the code had been sent besides when `event` was answered: before, or meanwhile.
    pub(super) fn twice_by(&self, code: &str, event: &Event) -> bool {
        let times = self.0.get(code).map(Vec::as_slice).unwrap_or_default();
        times.iter().filter(|begun| **begun <= event.end()).count() > 1
    }
}

/// The orders of a key that signs at once.
pub(super) struct Emergencies<'h>(Vec<&'h Event>);

impl<'h> Emergencies<'h> {
    pub(super) fn of(history: &'h [Event]) -> Emergencies<'h> {
        let orders = history.iter();
        Emergencies(orders.filter(|it| it.act == Act::RotateKeys { emergency: true }).collect())
    }

    /// Whether one of the replicas may not know the new key when `event` is answered.
    pub(super) fn shortly_before(&self, event: &Event) -> bool {
        self.0.iter().any(|it| {
            it.begun <= event.ended && event.begun < it.end().saturating_add(AFTER_AN_EMERGENCY)
        })
    }
}
