//! What can be asked of the attempts keeper.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use entities::StoreError;
use entities::attempt::Kind;
use uuid::Uuid;

use super::lockouts;
use crate::audit::Origin;
use crate::denials::Denial;
use crate::runtime::Ask;

/// "Somebody is about to be asked whether they know this person's password."
///
/// Counted before the password is looked at, so that any number of attempts at once, on
/// any number of servers, are no more guesses than attempts one after the other.
#[derive(Debug, Clone)]
pub struct BeginSignIn {
    /// What was typed as the address, in any spelling.
    pub email: String,
    /// Where it came from; see [`protocol::client_address::network_of`].
    pub network: Option<IpAddr>,
    /// The browser, if this person has signed in with it before.
    pub known_browser: Option<[u8; 16]>,
}

impl Ask for BeginSignIn {
    type Reply = Result<Begun, StoreError>;
}

/// Whether the attempt may go on.
#[derive(Debug, Clone)]
pub enum Begun {
    /// It may; say if it was no failure.
    Admitted(Ticket),
    /// It may not, for this long. Nothing was counted.
    Locked(Duration),
}

/// An attempt under way: what was counted for it.
#[derive(Debug, Clone, Default)]
pub struct Ticket {
    /// The failures of this person from this place.
    pub(super) own: Option<[u8; 32]>,
    /// The failures of this person from browsers nobody knows.
    pub(super) account: Option<[u8; 32]>,
    /// Which of them the attempt locks, should it fail.
    pub(super) locks: Option<&'static str>,
}

impl Ticket {
    /// What the log is to say when the attempt fails and locks somebody out with that.
    /// `user_id` is the account, if there is one.
    #[must_use]
    pub fn lockout(&self, user_id: Option<Uuid>, origin: &Origin) -> Option<Denial> {
        let scope = self.locks?;
        let shown = lockouts::shown(&self.own.unwrap_or_default());
        let denial = Denial::new("auth.locked_out", origin)
            .with("kind", "sign_in")
            .with("scope", scope)
            .with("identity", shown);
        Some(match user_id {
            Some(user_id) => denial.by(user_id),
            None => denial,
        })
    }
}

/// How an attempt ended that was no failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The person knew it.
    Right,
    /// Nobody looked: the server could not do its work.
    NotTried,
}

/// "The attempt has ended, and was no failure." One that was is counted already.
#[derive(Debug)]
pub struct EndSignIn {
    /// The attempt.
    pub ticket: Ticket,
    /// How it ended.
    pub outcome: Outcome,
}

impl Ask for EndSignIn {
    type Reply = Result<(), StoreError>;
}

/// "Somebody claimed to be this client, and could not prove it."
#[derive(Debug, Clone)]
pub struct NoteClientFailure {
    /// Who they said they are.
    pub client_id: String,
    /// Whether there is such a client.
    pub exists: bool,
    /// Where they are.
    pub network: Option<IpAddr>,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for NoteClientFailure {
    /// How long to wait, when there were too many; this one is not counted then.
    type Reply = Result<Option<Duration>, StoreError>;
}

/// "Somebody showed an admin key that is none."
#[derive(Debug, Clone)]
pub struct NoteWrongAdminKey {
    /// Where they are.
    pub network: IpAddr,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for NoteWrongAdminKey {
    /// How long to wait, when there were too many; this one is not counted then.
    type Reply = Result<Option<Duration>, StoreError>;
}

/// "Somebody wants to register a client."
#[derive(Debug, Clone)]
pub struct SpendRegistration {
    /// Where they are.
    pub network: Option<IpAddr>,
    /// Which software it says it is; see [`protocol::registration::Registration::software`].
    pub software: String,
}

impl Ask for SpendRegistration {
    /// Whether the budgets allow it.
    type Reply = Result<bool, StoreError>;
}

/// "Which lockouts hold now?"
#[derive(Debug, Clone, Copy)]
pub struct ListLockouts;

impl Ask for ListLockouts {
    type Reply = Result<Lockouts, StoreError>;
}

/// Lockouts that hold.
#[derive(Debug, Clone, Default)]
pub struct Lockouts {
    /// The longest first, 100 at most.
    pub lockouts: Vec<Lockout>,
    /// How many there are.
    pub total: u64,
}

/// A lockout. Whose it is, and from where, nobody can tell from it.
#[derive(Debug, Clone)]
pub struct Lockout {
    /// What was tried.
    pub kind: Kind,
    /// How far it reaches.
    pub scope: LockoutScope,
    /// As `auth.locked_out` names it.
    pub identity: String,
    /// When it ends by itself.
    pub ends_at: DateTime<Utc>,
}

/// How far a lockout reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockoutScope {
    /// One network, or one browser that is known.
    Place,
    /// Every browser that is not known.
    Account,
}

/// Whose lockouts are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// The person's with this address, in any spelling, whether or not anybody has it.
    Person(String),
    /// The client's, whether or not there is one.
    Client(String),
    /// Everybody's from this network.
    Network(IpAddr),
}

/// "Forget what failed, and let them try again."
#[derive(Debug, Clone)]
pub struct LiftLockouts {
    /// Whose.
    pub whose: Whose,
    /// Who orders it.
    pub admin: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for LiftLockouts {
    /// How many counts of failures were forgotten, locked or not.
    type Reply = Result<u64, StoreError>;
}
