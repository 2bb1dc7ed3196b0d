//! The grants of the token endpoint, one file each, and the registry they stand in.
//!
//! A grant reads like the section of the RFC it implements: parse, load, ask the
//! keeper that owns the state, sign. The metadata document, and everything else that
//! lists grants, derives from [`GRANTS`].

mod access_token;
mod authorization_code;
mod client_credentials;
mod refresh_token;
pub(crate) mod token_exchange;

use std::sync::Arc;

use actors::audit::Origin;
use futures::future::BoxFuture;
use protocol::OAuthError;
use protocol::client::{Client, GrantType};
use protocol::dpop::Proven;
use protocol::form::Parameters;
use serde::Serialize;
use tokio::time::Instant;

use crate::app::Services;
use crate::config::Config;
use crate::failure::Failure;

/// Where the token endpoint is.
pub const PATH: &str = "/oauth/token";

/// One grant of the token endpoint.
#[derive(Debug)]
pub struct Grant {
    /// Its `grant_type`.
    pub name: GrantType,
    /// Whether the operator has it switched on.
    pub enabled: fn(&Config) -> bool,
    run: for<'a> fn(&'a Services, TokenRequest<'a>) -> BoxFuture<'a, TokenOutcome>,
}

/// Every grant this server knows.
pub static GRANTS: &[Grant] = &[
    authorization_code::GRANT,
    refresh_token::GRANT,
    client_credentials::GRANT,
    token_exchange::GRANT,
];

/// A request to the token endpoint by a client that has proved who it is.
#[derive(Debug)]
pub struct TokenRequest<'a> {
    /// The client.
    pub client: Arc<Client>,
    /// The form.
    pub form: &'a Parameters,
    /// What its proof of possession proves, if it sent one (RFC 9449). Whoever issues a token
    /// spends it: in the transaction that writes the token down, or right before.
    pub proof: Option<Proven>,
    /// The request behind it.
    pub origin: &'a Origin,
}

impl TokenRequest<'_> {
    /// The thumbprint of the key whose possession is proved.
    fn jkt(&self) -> Option<&str> {
        self.proof.as_ref().map(|proven| proven.jkt.as_str())
    }
}

/// What the token endpoint answers.
pub type TokenOutcome = Result<TokenResponse, Failure>;

/// RFC 6749 §5.1.
#[derive(Serialize)]
pub struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// RFC 8693 §2.2.1; of exchanges only.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
}

impl std::fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenResponse").field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// The grants that are switched on.
pub fn enabled(config: &Config) -> impl Iterator<Item = &'static Grant> {
    GRANTS.iter().filter(|grant| (grant.enabled)(config))
}

/// The refusal of a grant that the operator has switched off.
pub(crate) fn switched_off() -> OAuthError {
    OAuthError::unsupported_grant_type("This grant_type is switched off on this server.")
}

/// Runs the grant the request names.
///
/// # Errors
/// `unsupported_grant_type` for one that is unknown or switched off,
/// `unauthorized_client` for one the client is not registered for, and whatever the
/// grant itself refuses.
pub async fn run(services: &Services, request: TokenRequest<'_>) -> TokenOutcome {
    let name = protocol::grant::grant_type(request.form)?;
    let grant = enabled(&services.config).find(|grant| grant.name == name);
    let grant = grant.ok_or_else(switched_off)?;
    let begun = Instant::now();
    let outcome = (grant.run)(services, request).await;
    if outcome.is_ok() {
        metrics::histogram!("authserver_token_issuance_duration_seconds").record(begun.elapsed());
    }
    outcome
}
