//! `authorization_code`: a code for tokens (RFC 6749 §4.1.3, RFC 7636 §4.5).
//!
//! The consent keeper claims the code, reads the person's consent again, and commits
//! the family, the issuance and the audit row; then the token is signed.

use actors::consent::Redeem;
use futures::future::BoxFuture;
use protocol::client::GrantType;
use protocol::grant::authorization_code::Request;
use protocol::refresh_token::TokenPlace;

use super::access_token::{Granted, SignIn, count_issued};
use super::{Grant, TokenOutcome, TokenRequest};
use crate::app::Services;
use crate::flows::dpop;

pub(super) const GRANT: Grant =
    Grant { name: GrantType::AuthorizationCode, enabled: |_| true, run };

fn run<'a>(services: &'a Services, request: TokenRequest<'a>) -> BoxFuture<'a, TokenOutcome> {
    Box::pin(redeem(services, request))
}

async fn redeem(services: &Services, request: TokenRequest<'_>) -> TokenOutcome {
    let client = request.client;
    let jkt = dpop::spend(services, request.proof).await?;
    let order = Redeem {
        request: Request::from_form(request.form)?,
        client: client.clone(),
        resources: services.keepers.catalog.resources(),
        proof: jkt.clone(),
        origin: request.origin.clone(),
    };
    let redeemed = services.keepers.consent.ask(order).await???;
    let refresh_token = redeemed.family.map(|family| {
        let first = TokenPlace { family, generation: 1 };
        let ring = services.keepers.secret_ring.current();
        ring.refresh_token.token(first, redeemed.issued_at).expose().to_owned()
    });
    count_issued(GrantType::AuthorizationCode, &client);
    let granted = Granted {
        sub: redeemed.user_id.to_string(),
        client: &client,
        audience: redeemed.audience,
        scopes: redeemed.scopes,
        jti: redeemed.jti,
        issued_at: redeemed.issued_at,
        expires_at: redeemed.expires_at,
        sign_in: SignIn::by(redeemed.auth_time, redeemed.amr),
        act: None,
        jkt,
    };
    granted.sign(services, refresh_token)
}
