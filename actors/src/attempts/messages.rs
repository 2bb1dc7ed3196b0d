//! What can be asked of the attempts keeper.

use std::net::IpAddr;
use std::time::Duration;

use entities::StoreError;
use protocol::text::hex;
use uuid::Uuid;

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
        let shown = hex(&self.own.unwrap_or_default()[..6]);
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

/// "Somebody wants to register a client."
#[derive(Debug, Clone, Copy)]
pub struct SpendRegistration {
    /// Where they are.
    pub network: Option<IpAddr>,
}

impl Ask for SpendRegistration {
    /// Whether the budgets, of the network and of all, allow it.
    type Reply = Result<bool, StoreError>;
}
