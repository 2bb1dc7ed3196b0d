//! What the endpoints other than the token endpoint do, one file each.

pub mod authenticate_client;
pub mod authorize;
pub mod consent;
pub mod introspect;
pub mod register;
pub mod revoke;
pub mod sign_in;
