//! Accounts of people and the browser sessions they are signed in with.

mod accounts;
mod messages;
mod sessions;

use std::time::Duration;

use entities::Store;
use protocol::secret::HashKey;

pub use messages::{
    AccountAct, ActOnAccount, CreateUser, EndSession, FindSession, FindUser, ListUsers,
    OpenSession, ReplaceUser, SignedIn, UserError,
};

use crate::runtime::{Environment, Keeper, answered_by};

/// Owns user accounts and sessions.
#[derive(Debug)]
pub struct Users {
    store: Store,
    environment: Environment,
    cookie_key: HashKey,
    session_lifetime: Duration,
}

impl Users {
    /// A keeper over `store`; sessions last `session_lifetime` at most.
    #[must_use]
    pub fn new(
        store: Store,
        environment: Environment,
        cookie_key: HashKey,
        session_lifetime: Duration,
    ) -> Users {
        Users { store, environment, cookie_key, session_lifetime }
    }
}

impl Keeper for Users {
    const NAME: &'static str = "users";
    const CAPACITY: usize = 512;
}

answered_by! { Users, with self:
    CreateUser => accounts::create_user,
    FindUser => accounts::find_user,
    ListUsers => accounts::list_users,
    ReplaceUser => accounts::replace_user,
    ActOnAccount => accounts::act_on_account,
    OpenSession => sessions::open_session,
    FindSession => sessions::find_session,
    EndSession => sessions::end_session,
}
