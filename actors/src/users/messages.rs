//! What can be asked of the users keeper.

use chrono::{DateTime, Utc};
use entities::cascade::Reach;
use entities::user::{Filter as UserFilter, Model as User};
use entities::{Page, StoreError};
use protocol::secret::SessionToken;
use uuid::Uuid;

use crate::audit::{Event, Origin};
use crate::runtime::{Ask, Fault};

/// Why an account cannot be made or changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UserError {
    /// Somebody has the address.
    #[error("a user with this e-mail address exists already")]
    EmailTaken,
    /// There is no such account.
    #[error("there is no user '{0}'")]
    Unknown(Uuid),
    /// The account is not what it was when it was looked at. Nothing was changed.
    #[error("user '{0}' was changed by somebody else at the same moment; look and try again")]
    ChangedMeanwhile(Uuid),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for UserError {
    fn fault(&self) -> Option<String> {
        match self {
            UserError::Store(error) => error.fault(),
            _ => None,
        }
    }
}

/// "Make an account."
#[derive(Debug)]
pub struct CreateUser {
    /// E-mail address, in any spelling.
    pub email: String,
    /// Name shown to the user.
    pub name: String,
    /// Argon2id in PHC form.
    pub password_hash: String,
    /// `user` or `admin`.
    pub role: String,
    /// Who makes it.
    pub admin: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for CreateUser {
    type Reply = Result<User, UserError>;
}

/// "Who is this?"
#[derive(Debug)]
pub enum FindUser {
    /// Whoever signs in with this e-mail address, in any spelling.
    Email(String),
    /// Whoever has this id.
    Id(Uuid),
}

impl Ask for FindUser {
    type Reply = Result<Option<User>, StoreError>;
}

/// "Who is there?"
#[derive(Debug)]
pub struct ListUsers {
    /// Who is meant.
    pub filter: UserFilter,
    /// Which part of them, newest first.
    pub page: Page,
}

impl Ask for ListUsers {
    /// That part, and how many there are in all.
    type Reply = Result<(Vec<User>, u64), StoreError>;
}

/// "Make the account what it is to be."
#[derive(Debug)]
pub struct ReplaceUser {
    /// The account as whoever orders this saw it.
    pub before: User,
    /// What it is to be; the same id. With another password every session ends: whoever
    /// knew the old one may be sitting in one of them.
    pub after: User,
    /// What the audit log says.
    pub event: Event,
}

impl Ask for ReplaceUser {
    /// The account as it is now.
    type Reply = Result<User, UserError>;
}

/// "This person has proved who they are: sign them in."
#[derive(Debug)]
pub struct OpenSession {
    /// The person.
    pub user_id: Uuid,
    /// How they proved it (RFC 8176).
    pub amr: Vec<String>,
    /// The hash their password was right for. Should the account have another by now, they
    /// have proved nothing. `None` when it was no password.
    pub password_hash: Option<String>,
    /// The session this browser had before; it ends here, so that a session planted
    /// before sign-in is worth nothing after it.
    pub replaces: Option<SessionToken>,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for OpenSession {
    /// The new session's cookie; `None` when the user is disabled, gone, or has another
    /// password now.
    type Reply = Result<Option<SessionToken>, StoreError>;
}

/// What is done to a person's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountAct {
    /// No sign-in any more; everything that stands for the person ends.
    Disable,
    /// Sign-in again. What ended stays ended.
    Enable,
    /// Everything that stands for the person ends; they may sign in again.
    ForceLogout,
    /// Everything that stands for the person ends, what they agreed to goes, and the account.
    Delete,
}

/// "Do this to the person's account."
#[derive(Debug)]
pub struct ActOnAccount {
    /// The person.
    pub user_id: Uuid,
    /// What.
    pub act: AccountAct,
    /// Who orders it.
    pub admin: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for ActOnAccount {
    /// What was reached; `None` when there is no such person.
    type Reply = Result<Option<Reach>, StoreError>;
}

/// A signed-in person.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The session they are signed in with, by the keyed hash of its cookie: what is
    /// done in their name looks whether it still lives.
    pub session: [u8; 32],
    /// Who.
    pub user_id: Uuid,
    /// Name shown to the user.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// When they signed in.
    pub auth_time: DateTime<Utc>,
    /// How.
    pub amr: Vec<String>,
}

/// "Who is signed in with this cookie?"
#[derive(Debug)]
pub struct FindSession(pub SessionToken);

impl Ask for FindSession {
    type Reply = Result<Option<SignedIn>, StoreError>;
}

/// "Sign this browser out."
#[derive(Debug)]
pub struct EndSession(pub SessionToken);

impl Ask for EndSession {
    type Reply = Result<(), StoreError>;
}
