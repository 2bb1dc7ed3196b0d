//! What must hold of every parser, whatever bytes strangers send.
//!
//! Each function takes arbitrary bytes and asserts laws of one module of `protocol`:
//! nothing panics, what is accepted satisfies the rule that accepted it, and where a
//! second opinion exists (the `url` crate) both agree. `fuzz/run` drives them with
//! libFuzzer; `targets/` has one file for each.

mod browser;
mod client;
mod page;
mod proof;
mod rest;
mod token;
mod world;

pub use browser::{authorization_request, redirect_uri, resource, scope};
pub use client::{client_credentials, form, registration, token_request};
pub use page::{consent_form, cookies, known_browser};
pub use proof::{admin_key, client_assertion, document_url, forwarding_headers};
pub use rest::envelope;
pub use token::{access_token, dpop_proof, refresh_token, signed_access_token};
