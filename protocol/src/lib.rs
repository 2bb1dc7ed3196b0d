//! The law of the house: OAuth, JOSE and MCP as pure types and rules.
//!
//! Nothing in this crate knows a clock, a random source, an async runtime, a
//! database or an HTTP server. Time and randomness come in as arguments, so each
//! rule can be tested with the RFCs' own vectors, with properties and with fuzzers.
//!
//! | Question | Module |
//! |---|---|
//! | What did the client send? | [`form`], [`client_auth`] |
//! | From where? | [`client_address`], [`known_browser`] |
//! | Who is the client, and what may it do? | [`client`], [`registration`], [`document_url`] |
//! | Where may the answer go? | [`redirect_uri`], [`authorize`] |
//! | For which audience, with which rights? | [`resource`], [`scope`], [`consent`], [`agreement`], [`fronting`] |
//! | Does this grant earn a token? | [`grant`], [`pkce`], [`replay`], [`dpop`], [`exchange`] |
//! | What may an administrator do? | [`admin`], [`admin_key`] |
//! | What does the database hold of a secret? | [`secret`], [`envelope`] |
//! | What do we say about ourselves? | [`metadata`] |
//! | What do we say when we refuse? | [`error`], [`text`] |

pub mod admin;
pub mod admin_key;
pub mod agreement;
pub mod authorize;
pub mod client;
pub mod client_address;
pub mod client_auth;
pub mod consent;
pub mod cookie;
pub mod document_url;
pub mod dpop;
pub mod envelope;
pub mod error;
pub mod exchange;
pub mod form;
pub mod fronting;
pub mod grant;
pub mod jose;
pub mod known_browser;
pub mod metadata;
pub mod pkce;
pub mod redirect_uri;
pub mod refresh_token;
pub mod registration;
pub mod replay;
pub mod resource;
pub mod scope;
pub mod secret;
pub mod secret_ring;
pub mod text;
pub mod wire;

#[cfg(test)]
mod fixtures;

pub use error::{ConsentRequired, ErrorCode, OAuthError};
