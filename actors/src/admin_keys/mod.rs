//! Minted admin keys, as rows: who has one, and which were revoked.
//!
//! Whether a key may be used is read from the database each time, so that a revocation holds on
//! every replica from the moment it is committed.

mod messages;
mod work;

use entities::Store;

pub use messages::{
    AddAdminKey, AdminKeyPage, FindAdminKey, ListAdminKeys, RevokeAdminKey, UseAdminKey,
};

use crate::runtime::{Desk, Environment, Keeper, Letter, Receive};

/// Owns the rows of minted admin keys.
#[derive(Debug)]
pub struct AdminKeys {
    store: Store,
    environment: Environment,
}

impl AdminKeys {
    /// A keeper over `store`.
    #[must_use]
    pub fn new(store: Store, environment: Environment) -> AdminKeys {
        AdminKeys { store, environment }
    }
}

impl Keeper for AdminKeys {
    const NAME: &'static str = "admin-keys";
    const CAPACITY: usize = 256;
}

/// Each message is one piece of store work; they do not wait for each other.
macro_rules! answered_by {
    ($($message:ident => $work:path),+ $(,)?) => {
        $(impl Receive<$message> for AdminKeys {
            fn receive(&mut self, letter: Letter<$message>, desk: &mut Desk<'_, Self>) {
                let Some((message, answer)) = letter.open() else { return };
                let work = $work(self.store.clone(), self.environment.clone(), message);
                desk.spawn(work, |_, outcome, _| answer.give(outcome));
            }
        })+
    };
}

answered_by! {
    AddAdminKey => work::add,
    UseAdminKey => work::present,
    FindAdminKey => work::find,
    ListAdminKeys => work::list,
    RevokeAdminKey => work::revoke,
}
