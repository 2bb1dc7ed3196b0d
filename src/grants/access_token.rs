//! From what was granted to a signed access token (RFC 9068).

use actors::ledger::{Issue, Withdrawn};
use chrono::{DateTime, Utc};
use protocol::client::{Client, GrantType};
use protocol::exchange::ActChain;
use protocol::jose::{AccessToken, AccessTokenClaims, Confirmation};
use protocol::scope::ScopeSet;
use uuid::Uuid;

use super::TokenResponse;
use crate::app::Services;
use crate::failure::Failure;
use crate::flows::dpop;

/// A token that is granted; what is left is to sign it. It leaves when its issuance is committed.
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
    /// When and how the user signed in.
    pub(super) sign_in: SignIn,
    /// Who acts for the subject.
    pub(super) act: Option<ActChain>,
    /// The key it is bound to.
    pub(super) jkt: Option<String>,
}

/// When and how a user signed in; nothing for machine tokens.
#[derive(Debug, Default)]
pub(super) struct SignIn {
    /// `auth_time`.
    pub(super) auth_time: Option<i64>,
    /// `acr`.
    pub(super) acr: Option<String>,
    /// `amr`.
    pub(super) amr: Option<Vec<String>>,
}

impl SignIn {
    /// A sign-in at this time by these means.
    pub(super) fn by(auth_time: DateTime<Utc>, amr: Vec<String>) -> SignIn {
        SignIn { auth_time: Some(auth_time.timestamp()), acr: None, amr: Some(amr) }
    }
}

impl Granted<'_> {
    /// Has the ledger commit the issuance and signs the token meanwhile: the processor has
    /// nothing better to do than what is needed next. What was signed leaves only if the
    /// commit succeeded and nobody was in its way.
    pub(super) async fn sign_while_committed(
        self,
        services: &Services,
        issue: Issue,
    ) -> (Result<Result<(), Withdrawn>, Failure>, Result<TokenResponse, Failure>) {
        // The first is under way when the second begins.
        let committed = async {
            let spends = issue.spends.is_some();
            let committed = services.keepers.ledger.ask(issue).await??;
            if spends && committed.is_ok() {
                dpop::count_spent();
            }
            Ok(committed)
        };
        futures::join!(committed, async { self.sign(services, None) })
    }

    /// Signs the token and wraps it into the answer of the token endpoint.
    pub(super) fn sign(
        self,
        services: &Services,
        refresh_token: Option<String>,
    ) -> Result<TokenResponse, Failure> {
        let scope = self.scopes.to_string();
        let expires_in = (self.expires_at - self.issued_at).num_seconds();
        let SignIn { auth_time, acr, amr } = self.sign_in;
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
            auth_time,
            acr,
            amr,
            cnf: self.jkt.map(|jkt| Confirmation { jkt }),
            agent_id: self.client.agent.then(|| self.client.id.clone()),
            agent_chain: self.act.as_ref().map(ActChain::agent_chain),
            act: self.act,
        };
        let token = AccessToken::sign(&claims, &services.keepers.key_ring.current())?;
        Ok(TokenResponse {
            access_token: token.expose().to_owned(),
            token_type: if bound { "DPoP" } else { "Bearer" },
            expires_in,
            scope,
            refresh_token,
            issued_token_type: None,
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
