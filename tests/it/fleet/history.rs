//! What clients did and what they were told, in the order it began.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use url::Url;
use uuid::Uuid;

use crate::kit::Answer;
use crate::kit::browser::param;
use crate::kit::client::{claims, jose_header};
use crate::kit::tenant::Heard;

/// Time since the recording began.
pub(super) type Moment = Duration;

/// Whom somebody asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Whoever the balancer chose.
    Balancer,
    /// One of the replicas, past the balancer.
    Replica(usize),
}

/// What somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// A machine wants a token.
    Issue,
    /// A gateway wants a token for this one.
    Exchange { subject: Uuid },
    /// An app registers.
    Register,
    /// A person agrees to what an app wants.
    Agree { app: String },
    /// An app to which a person has agreed wants a code.
    Authorize { app: String },
    /// An app wants the tokens that a code is for, which begin a family.
    Redeem { code: String, family: u32 },
    /// An app uses a refresh token.
    Rotate { presented: String, family: u32 },
    /// A machine gives an access token back.
    RevokeToken { jti: Uuid },
    /// An app gives its refresh token back.
    RevokeFamily { family: u32 },
    /// A resource server wants to know whether a token is good.
    Introspect { jti: Uuid },
    /// A resource server wants the keys.
    FetchKeys,
    /// An operator wants a new key.
    RotateKeys { emergency: bool },
    /// An operator wants a new server secret.
    RotateSecrets,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing yet.
    Pending,
    /// The connection did not hold for the answer, or took too long: it may have been done.
    Unknown,
    /// Tokens.
    Tokens(Granted),
    /// It was done: a code given, a token revoked, a client registered.
    Done,
    /// The token is good.
    Active,
    /// It is not.
    Inactive,
    /// The `kid`s that are published.
    Keys(Vec<String>),
    /// An error answer.
    Refused { status: u16, error: String, retry_after: bool },
    /// An answer that is no error, and not what was asked for.
    Strange(String),
}

/// A token that was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Granted {
    pub(super) jti: Uuid,
    pub(super) kid: String,
    pub(super) expires: Moment,
    pub(super) refresh: Option<String>,
}

/// Something that somebody asked for, and what came of it.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) act: Act,
    pub(super) place: Place,
    pub(super) begun: Moment,
    pub(super) ended: Moment,
    pub(super) outcome: Outcome,
}

impl Event {
    /// Until when it may take effect.
    pub(super) fn end(&self) -> Moment {
        if self.outcome == Outcome::Pending { Moment::MAX } else { self.ended }
    }
}

impl Outcome {
    /// The error answer with this code.
    pub(super) fn is_refusal(&self, code: &str) -> bool {
        matches!(self, Outcome::Refused { error, .. } if error == code)
    }

    /// Whether the client knows neither that it was done nor that it was not, or should come again.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Outcome::Unknown) || self.is_unavailable()
    }

    /// The error answer that there is for "not now": 503 with `Retry-After`; or, where the answer is
    /// a redirect, its name alone (RFC 6749 §4.1.2.1).
    pub(super) fn is_unavailable(&self) -> bool {
        match self {
            Outcome::Refused { status: 503, retry_after, .. } => *retry_after,
            Outcome::Refused { status: 303, error, .. } => error == "temporarily_unavailable",
            _ => false,
        }
    }

    /// Whether the client got what it came for.
    pub(super) fn is_success(&self) -> bool {
        !matches!(
            self,
            Outcome::Pending | Outcome::Unknown | Outcome::Refused { .. } | Outcome::Strange(_)
        )
    }

    /// The tokens.
    pub(super) fn tokens(&self) -> Option<&Granted> {
        if let Outcome::Tokens(granted) = self { Some(granted) } else { None }
    }
}

/// Writes the history while many clients make it.
#[derive(Debug)]
pub(super) struct Recorder {
    begun: Instant,
    begun_at: SystemTime,
    events: Mutex<Vec<Event>>,
}

impl Recorder {
    pub(super) fn new() -> Recorder {
        Recorder { begun: Instant::now(), begun_at: SystemTime::now(), events: Mutex::default() }
    }

    /// The present.
    pub(super) fn now(&self) -> Moment {
        self.begun.elapsed()
    }

    /// What has happened so far. What is under way has its place, too: an act may have an effect
    /// before its answer is there.
    pub(super) fn history(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records one act. `read` makes an outcome of an answer that is no error.
    pub(super) async fn record(
        &self,
        act: Act,
        place: Place,
        asked: impl Future<Output = Heard>,
        read: impl FnOnce(&Answer) -> Option<Outcome>,
    ) -> (Outcome, Heard) {
        let begun = self.now();
        let number = {
            let mut events = self.history();
            events.push(Event { act, place, begun, ended: begun, outcome: Outcome::Pending });
            events.len() - 1
        };
        let heard = asked.await;
        let outcome = match &heard {
            None => Outcome::Unknown,
            Some(answer) if answer.status >= 400 => refusal(answer),
            Some(answer) if error_in(answer).is_some() => Outcome::Refused {
                status: answer.status,
                error: error_in(answer).unwrap_or_default(),
                retry_after: false,
            },
            Some(answer) => read(answer).unwrap_or_else(|| Outcome::Strange(brief(answer))),
        };
        let ended = self.now();
        let mut events = self.history();
        let event = &mut events[number];
        (event.ended, event.outcome) = (ended, outcome.clone());
        (outcome, heard)
    }

    /// The tokens of an answer.
    pub(super) fn tokens_in(&self, answer: &Answer) -> Option<Outcome> {
        let body = answer.json();
        let access = body["access_token"].as_str()?;
        let (claims, header) = (claims(access), jose_header(access));
        let expires = UNIX_EPOCH + Duration::from_secs(claims["exp"].as_u64()?);
        Some(Outcome::Tokens(Granted {
            jti: Uuid::parse_str(claims["jti"].as_str()?).ok()?,
            kid: header["kid"].as_str()?.to_owned(),
            expires: expires.duration_since(self.begun_at).unwrap_or_default(),
            refresh: body["refresh_token"].as_str().map(str::to_owned),
        }))
    }
}

/// The error in a redirect that ends an authorization.
fn error_in(answer: &Answer) -> Option<String> {
    param(&Url::parse(answer.header("location")).ok()?, "error")
}

fn refusal(answer: &Answer) -> Outcome {
    let body: serde_json::Value = serde_json::from_str(&answer.text).unwrap_or_default();
    let said = body["error"].as_str().map(str::to_owned);
    let is_page = answer.text.starts_with("<!doctype html>");
    let error = said.unwrap_or_else(|| if is_page { "a page".to_owned() } else { brief(answer) });
    let retry_after = !answer.header("retry-after").is_empty();
    Outcome::Refused { status: answer.status, error, retry_after }
}

fn brief(answer: &Answer) -> String {
    let text: String = answer.text.chars().take(200).collect();
    format!("{} {} {text}", answer.status, answer.header("location"))
}
