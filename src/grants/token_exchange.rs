//! `urn:ietf:params:oauth:grant-type:token-exchange`: a token for another one (RFC 8693).
//!
//! The tokens presented are recognised; the ledger holds all that the exchange rests on, has
//! `protocol` decide by it, and commits the issuance, in one transaction; then the token is signed.
//! The new token is about the same subject, who signed in when and how they did; who acts for them
//! is in `act`.

mod presented;
mod refusal;

use actors::denials::Denial;
use actors::ledger::{Exchange, Exchanged};
use futures::future::BoxFuture;
use protocol::client::GrantType;
use protocol::exchange::Rules;
use protocol::grant::token_exchange::{ACCESS_TOKEN, Request};

use self::presented::recognise;
pub(crate) use self::presented::{Fault, Party};
use self::refusal::Stop;
pub(crate) use self::refusal::bad_token;
use super::access_token::{Granted, SignIn, count_issued};
use super::{Grant, TokenOutcome, TokenRequest, TokenResponse};
use crate::app::Services;
use crate::config::TokenExchange;
use crate::failure::Failure;
use crate::flows::{denied, dpop};

pub(super) const GRANT: Grant =
    Grant { name: GrantType::TokenExchange, enabled: |config| config.token_exchange.enabled, run };

fn run<'a>(services: &'a Services, request: TokenRequest<'a>) -> BoxFuture<'a, TokenOutcome> {
    Box::pin(exchange(services, request))
}

async fn exchange(services: &Services, request: TokenRequest<'_>) -> TokenOutcome {
    let (reason, error) = match issue(services, &request).await {
        Ok(response) => return Ok(response),
        Err(Stop::Failed(failure)) => return Err(failure),
        Err(Stop::Refused(reason, error)) => (reason, error),
    };
    metrics::counter!("authplane_token_exchange_denied_total", "reason" => reason).increment(1);
    let denial = Denial::new("token.exchange_denied", request.origin)
        .by(&request.client.id)
        .client(&request.client.id)
        .with("reason", reason);
    denied::write_down(services, denial);
    Err(Failure(error))
}

/// What the operator has set for all exchanges.
pub(crate) fn rules(settings: &TokenExchange) -> Rules {
    Rules {
        max_chain_depth: settings.max_chain_depth as usize,
        allow_self_exchange: settings.allow_self_exchange,
    }
}

async fn issue(services: &Services, request: &TokenRequest<'_>) -> Result<TokenResponse, Stop> {
    Request::check_client(&request.client)?;
    let asked = Request::from_form(request.form)?;
    let registered = services.keepers.catalog.registered();
    let named = asked.target(&registered.resources)?.map(|target| target.id);
    let subject = recognise(services, &asked.subject_token, Party::Subject).await?;
    let actor = match &asked.actor_token {
        Some(token) => Some(recognise(services, token, Party::Actor).await?),
        None => None,
    };
    let settings = &services.config.token_exchange;
    let order = Exchange {
        acting: request.client.clone(),
        subject: subject.clone(),
        actor,
        registered,
        named,
        requested: asked.scope,
        proof: request.proof.clone(),
        rules: rules(settings),
        expires_at: services.environment.after(settings.token_expiry),
        origin: request.origin.clone(),
    };
    let outcome = services.keepers.ledger.ask(order).await??;
    let exchanged = outcome.map_err(|why| refusal::refused(services, &subject, why))?;
    if request.proof.is_some() {
        dpop::count_spent();
    }
    count(&exchanged);
    count_issued(GrantType::TokenExchange, &request.client);
    let claims = &subject.claims;
    let granted = Granted {
        sub: claims.sub.clone(),
        client: &request.client,
        audience: vec![exchanged.target.uri],
        scopes: exchanged.decision.scopes,
        jti: exchanged.jti,
        issued_at: exchanged.issued_at,
        expires_at: exchanged.expires_at,
        sign_in: SignIn {
            auth_time: claims.auth_time,
            acr: claims.acr.clone(),
            amr: claims.amr.clone(),
        },
        act: exchanged.decision.act,
        jkt: exchanged.decision.jkt,
    };
    let response = granted.sign(services, None)?;
    Ok(TokenResponse { issued_token_type: Some(ACCESS_TOKEN), ..response })
}

fn count(exchanged: &Exchanged) {
    metrics::counter!(
        "authplane_token_exchange_total",
        "kind" => exchanged.kind(),
        "source" => exchanged.source.clone(),
        "target" => exchanged.target.slug.clone(),
    )
    .increment(1);
}
