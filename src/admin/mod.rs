//! The admin surface: everything an operator can ask for, as typed operations.
//!
//! An [`Operation`] is declared once, in the file of its area: its method and path, the
//! right it needs, what it takes and gives, and the one function of
//! [`crate::administration`] behind it. All else derives from the declaration:
//!
//! - the HTTP routes of the admin listener, with the check of the key's rights and the
//!   strict reading of path, query and body ([`crate::http::admin`]);
//! - the OpenAPI document ([`openapi`]);
//! - the command line, which carries an operation out on the store itself or sends it to
//!   a server ([`Office`]), with the same answer.

mod admin_keys;
mod agents;
mod audit;
mod clients;
mod exchange;
mod fronting;
mod grants;
mod issuances;
mod keys;
mod lockouts;
mod office;
pub mod openapi;
mod operation;
mod policies;
mod problem;
mod remote;
mod resources;
mod secrets;
mod settings;
mod system;
mod users;

pub use admin_keys::*;
pub use agents::*;
pub use audit::*;
pub use clients::*;
pub use exchange::*;
pub use fronting::*;
pub use grants::*;
pub use issuances::*;
pub use keys::*;
pub use lockouts::*;
pub use office::{Office, Unfinished};
pub use operation::{Nothing, Operation, Parts};
pub use policies::*;
pub use problem::{Fault, Problem};
pub use remote::Remote;
pub use resources::*;
pub use secrets::*;
pub use settings::*;
pub use system::*;
pub use users::*;

/// Somebody who goes through all operations.
pub trait Registrar {
    /// Sees one of them.
    fn enter<O: Operation>(&mut self);
}

/// Shows every operation of the admin surface to `registrar`, area by area.
pub fn every_operation(registrar: &mut impl Registrar) {
    clients::enter_all(registrar);
    agents::enter_all(registrar);
    users::enter_all(registrar);
    resources::enter_all(registrar);
    policies::enter_all(registrar);
    fronting::enter_all(registrar);
    exchange::enter_all(registrar);
    grants::enter_all(registrar);
    issuances::enter_all(registrar);
    keys::enter_all(registrar);
    secrets::enter_all(registrar);
    lockouts::enter_all(registrar);
    settings::enter_all(registrar);
    audit::enter_all(registrar);
    system::enter_all(registrar);
    admin_keys::enter_all(registrar);
}
