//! The public surface, story by story.

mod acts;
mod admin_keys;
mod authorize;
mod cascades;
mod client_authentication;
mod client_credentials;
mod clock;
mod code;
mod consent;
mod discovery;
mod front_door;
mod introspection;
mod introspection_replicas;
mod journey;
mod key_schedule;
mod keys;
mod ledger;
mod limits;
mod overload;
mod private_key_jwt;
mod refresh;
mod refresh_races;
mod refusals_written_down;
mod registration;
mod revocation;
mod sign_in;
