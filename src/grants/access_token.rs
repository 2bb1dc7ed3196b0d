//! From what was granted to a signed access token (RFC 9068).

use chrono::{DateTime, Utc};
use protocol::client::{Client, GrantType};
use protocol::jose::{AccessToken, AccessTokenClaims, Confirmation};
use protocol::scope::ScopeSet;
use uuid::Uuid;

use super::TokenResponse;
use crate::app::Services;
use crate::failure::Failure;

/// A token whose issuance is committed; what is left is to sign it.
#[derive(Debug)]
pub(super) struct Granted<'a> {
    /// The user's id, or the client's.
    pub(super) sub: String,
    /// The client.
    pub(super) client: &'a Client,
    /// `aud`; never empty.
    pub(super) audience: Vec<String>,
    /// `scope`.
    pub(super) scopes: ScopeSet,
    /// `jti`.
    pub(super) jti: Uuid,
    /// `iat`.
    pub(super) issued_at: DateTime<Utc>,
    /// `exp`.
    pub(super) expires_at: DateTime<Utc>,
    /// When and how the user signed in; none for machine tokens.
    pub(super) sign_in: Option<(DateTime<Utc>, Vec<String>)>,
    /// The key it is bound to.
    pub(super) jkt: Option<String>,
}

impl Granted<'_> {
    /// Signs the token and wraps it into the answer of the token endpoint.
    pub(super) fn sign(
        self,
        services: &Services,
        refresh_token: Option<String>,
    ) -> Result<TokenResponse, Failure> {
        let scope = self.scopes.to_string();
        let expires_in = (self.expires_at - self.issued_at).num_seconds();
        let (auth_time, amr) = self.sign_in.unzip();
        let bound = self.jkt.is_some();
        let claims = AccessTokenClaims {
            iss: services.issuer().to_owned(),
            sub: self.sub,
            aud: self.audience,
            exp: self.expires_at.timestamp(),
            iat: self.issued_at.timestamp(),
            jti: self.jti,
            client_id: self.client.id.clone(),
            scope: scope.clone(),
            auth_time: auth_time.map(|at| at.timestamp()),
            acr: None,
            amr,
            cnf: self.jkt.map(|jkt| Confirmation { jkt }),
            agent_id: self.client.agent.then(|| self.client.id.clone()),
            act: None,
            agent_chain: None,
        };
        let token = AccessToken::sign(&claims, &services.keepers.key_ring.current())?;
        Ok(TokenResponse {
            access_token: token.expose().to_owned(),
            token_type: if bound { "DPoP" } else { "Bearer" },
            expires_in,
            scope,
            refresh_token,
        })
    }
}

/// Counts a token handed out to `client`.
pub(super) fn count_issued(grant_type: GrantType, client: &Client) {
    let grant_type = grant_type.as_str();
    metrics::counter!("authserver_tokens_issued_total", "grant_type" => grant_type).increment(1);
    if client.agent {
        metrics::counter!("authplane_agent_tokens_issued_total").increment(1);
    }
}
