//! `refresh_token`: the next access token of a sign-in (RFC 6749 §6, RFC 9700 §4.14).
//!
//! The token itself says which family and generation it is; a forged one ends here,
//! without a query. The families keeper judges it, moves the family on, and commits
//! the issuance and the audit row; then both tokens are made. A client that presents
//! the token that was just rotated gets the same successor again.

use actors::families::Rotate;
use actors::families::state::{Presented, Refusal};
use futures::future::BoxFuture;
use protocol::OAuthError;
use protocol::client::GrantType;
use protocol::client_auth::unknown_client;
use protocol::grant::refresh_token::{Request, not_valid};
use protocol::refresh_token::TokenPlace;

use super::access_token::{Granted, SignIn, count_issued};
use super::{Grant, TokenOutcome, TokenRequest};
use crate::app::Services;
use crate::flows::dpop;
use crate::flows::recognise::place_of;

pub(super) const GRANT: Grant = Grant { name: GrantType::RefreshToken, enabled: |_| true, run };

fn run<'a>(services: &'a Services, request: TokenRequest<'a>) -> BoxFuture<'a, TokenOutcome> {
    Box::pin(rotate(services, request))
}

async fn rotate(services: &Services, request: TokenRequest<'_>) -> TokenOutcome {
    let client = request.client;
    let refresh = Request::from_form(request.form)?;
    let place = place_of(services, &refresh.refresh_token)
        .await?
        .ok_or_else(|| not_valid("not a token of this server"))?;
    let jkt = dpop::spend(services, request.proof).await?;
    let order = Rotate {
        presented: Presented {
            family: place.family,
            generation: place.generation,
            client_id: client.id.clone(),
            jkt,
        },
        request: refresh,
        client: client.clone(),
        resources: services.keepers.catalog.resources(),
        origin: request.origin.clone(),
    };
    let outcome = services.keepers.families.ask(place.family, order).await??;
    let rotated = outcome.map_err(explained)?;
    let next = TokenPlace { family: rotated.family, generation: rotated.generation };
    let ring = services.keepers.secret_ring.current();
    let refresh_token = ring.refresh_token.token(next, rotated.rotated_at).expose().to_owned();
    count_issued(GrantType::RefreshToken, &client);
    let granted = Granted {
        sub: rotated.user_id.to_string(),
        client: &client,
        audience: rotated.audience,
        scopes: rotated.scopes,
        jti: rotated.jti,
        issued_at: rotated.issued_at,
        expires_at: rotated.expires_at,
        sign_in: SignIn::by(rotated.auth_time, rotated.amr),
        act: None,
        jkt: rotated.jkt,
    };
    granted.sign(services, Some(refresh_token))
}

/// Whatever is wrong with the token itself, the client reads the same words; and whatever is
/// wrong with the client, those it reads when it fails to authenticate.
fn explained(refusal: Refusal) -> OAuthError {
    match refusal {
        Refusal::NotGrantable(error) => error,
        Refusal::ClientNotActive => unknown_client(),
        Refusal::UnknownFamily => not_valid("no such family"),
        Refusal::Revoked => not_valid("the family was revoked"),
        Refusal::Expired => not_valid("the token expired"),
        Refusal::Misused(misuse) => not_valid(misuse.as_str()),
    }
}
