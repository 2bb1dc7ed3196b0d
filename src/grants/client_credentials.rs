//! `client_credentials`: a token for the client itself (RFC 6749 §4.4).
//!
//! The ledger commits the issuance, together with those of everybody who asked at the
//! same time; meanwhile the token is signed.

use actors::audit::Event;
use actors::denials::Denial;
use actors::ledger::{Issue, Withdrawn};
use entities::issuance::{Lineage, NewIssuance};
use futures::future::BoxFuture;
use protocol::OAuthError;
use protocol::client::GrantType;
use protocol::client_auth::unknown_client;
use protocol::grant::client_credentials::Request;
use protocol::grant::{Grantable, resource_gone};

use super::access_token::{Granted, SignIn, count_issued};
use super::{Grant, TokenOutcome, TokenRequest};
use crate::app::Services;
use crate::failure::Failure;
use crate::flows::{denied, dpop};

pub(super) const GRANT: Grant = Grant {
    name: GrantType::ClientCredentials,
    enabled: |config| config.client_credentials.enabled,
    run,
};

fn run<'a>(services: &'a Services, request: TokenRequest<'a>) -> BoxFuture<'a, TokenOutcome> {
    Box::pin(issue(services, request))
}

async fn issue(services: &Services, request: TokenRequest<'_>) -> TokenOutcome {
    let client = &request.client;
    let resources = services.keepers.catalog.resources();
    let checked = Request::from_form(request.form)
        .and_then(|asked| asked.check(client, &resources, services.issuer(), request.jkt()));
    let Grantable { audience, resource_ids, scopes } = match checked {
        Ok(grantable) => grantable,
        Err(refusal) => return Err(deny(services, &request, refusal)),
    };
    let issued_at = services.environment.now();
    let lifetime = services.config.client_credentials.token_expiry;
    let expires_at = services.environment.after(lifetime);
    let jti = services.environment.new_id();
    let event = Event::new("client_credentials.issued", request.origin)
        .by(&client.id)
        .client(&client.id)
        .with("jti", jti)
        .with("scopes", &scopes);
    let issuance = NewIssuance {
        jti,
        grant_type: GrantType::ClientCredentials,
        user_id: None,
        client_id: client.id.clone(),
        resource_ids,
        scopes: scopes.clone(),
        family_id: None,
        jkt: request.jkt().map(str::to_owned),
        issued_at,
        expires_at,
        lineage: Lineage::default(),
    };
    let spends = request.proof.as_ref().map(|proven| proven.once);
    let issue = Issue { issuance, spends, event };
    let granted = Granted {
        sub: client.id.clone(),
        client,
        audience,
        scopes,
        jti,
        issued_at,
        expires_at,
        sign_in: SignIn::default(),
        act: None,
        jkt: request.jkt().map(str::to_owned),
    };
    // Not by the catalog, which may be a moment behind: by the rows of client and resource.
    let (committed, signed) = granted.sign_while_committed(services, issue).await;
    if let Err(withdrawn) = committed? {
        let refusal = match withdrawn {
            Withdrawn::Proof => dpop::spent_before(),
            Withdrawn::Resource => resource_gone(),
            _ => unknown_client(),
        };
        return Err(deny(services, &request, refusal));
    }
    count_issued(GrantType::ClientCredentials, client);
    metrics::counter!("authplane_client_credentials_issued_total").increment(1);
    signed
}

fn deny(services: &Services, request: &TokenRequest<'_>, refusal: OAuthError) -> Failure {
    let reason = refusal.code.as_str();
    metrics::counter!("authplane_client_credentials_denied_total", "reason" => reason).increment(1);
    let denial = Denial::new("client_credentials.denied", request.origin)
        .by(&request.client.id)
        .client(&request.client.id)
        .with("reason", reason);
    denied::write_down(services, denial);
    Failure(refusal)
}
