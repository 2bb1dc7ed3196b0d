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

use crate::runtime::{Environment, Keeper, answered_by};

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

answered_by! { AdminKeys, with (store, environment):
    AddAdminKey => work::add,
    UseAdminKey => work::present,
    FindAdminKey => work::find,
    ListAdminKeys => work::list,
    RevokeAdminKey => work::revoke,
}
