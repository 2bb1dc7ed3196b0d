//! `urn:ietf:params:oauth:grant-type:token-exchange`: a token for another one (RFC 8693).
//!
//! The tokens presented are recognised and looked up; `protocol` decides by them, the
//! operator's policy and the user's consent; the ledger commits the issuance if all that it
//! rests on still stands in that very transaction; meanwhile the token is signed. The new token is
//! about the same subject, who signed in when and how they did; who acts for them is in `act`.

mod basis;
mod presented;
mod refusal;

use actors::audit::Event;
use actors::denials::Denial;
use actors::ledger::{ActorToken, Agreed, Given, Issue, RestsOn};
use chrono::{DateTime, Utc};
use entities::issuance::{Lineage, NewIssuance};
use futures::future::BoxFuture;
use protocol::client::GrantType;
use protocol::exchange::{ActChain, Decision, Facts, Principal, Way, decide};
use protocol::grant::token_exchange::{ACCESS_TOKEN, Request};
use protocol::resource::MintResource;
use uuid::Uuid;

pub(crate) use self::basis::{Basis, agreed};
use self::presented::Presented;
pub(crate) use self::presented::{Fault, Party};
use self::refusal::Stop;
pub(crate) use self::refusal::bad_token;
use super::access_token::{Granted, SignIn, count_issued};
use super::{Grant, TokenOutcome, TokenRequest, TokenResponse};
use crate::app::Services;
use crate::failure::Failure;
use crate::flows::denied;

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

async fn issue(services: &Services, request: &TokenRequest<'_>) -> Result<TokenResponse, Stop> {
    Request::check_client(&request.client)?;
    let asked = Request::from_form(request.form)?;
    let registered = services.keepers.catalog.registered();
    let resources = &registered.resources;
    let named = asked.target(resources)?;
    let presented = Presented::look_up(services, &asked, named.map(|it| it.id)).await?;
    let settings = &services.config.token_exchange;
    let basis = Basis::gather(settings, &registered, &presented.subject.resource_ids, named)?;
    let (sources, target) = (&basis.sources, basis.target);
    // A target that follows from the token was not known when it was looked up.
    let consent = match named {
        Some(_) => presented.agreed.clone(),
        None => agreed(&services.keepers, &presented.subject, target.id).await??,
    };
    let decided = decide(&Facts {
        actor: presented.actor.as_ref().map(|actor| &actor.facts),
        requested: asked.scope.as_ref(),
        consent: consent.as_ref(),
        proof: request.jkt(),
        ..basis.facts(&request.client, &presented.subject)
    });
    let decision = decided
        .map_err(|no| refusal::denied(services, &presented, target, consent.as_ref(), *no))?;
    let source = match &**sources {
        [] => "none",
        [source] => &source.slug,
        _ => "several",
    };
    let exchange = Exchange { request, presented: &presented, source, target, decision };
    exchange.commit(services).await
}

/// An exchange that is allowed.
struct Exchange<'a> {
    request: &'a TokenRequest<'a>,
    presented: &'a Presented,
    /// What the subject token is for, as a word.
    source: &'a str,
    target: &'a MintResource,
    decision: Decision,
}

impl Exchange<'_> {
    async fn commit(self, services: &Services) -> Result<TokenResponse, Stop> {
        let (client, subject) = (&self.request.client, &self.presented.subject);
        let issued_at = services.environment.now();
        let ours = services.environment.after(services.config.token_exchange.token_expiry);
        let expires_at = ours.min(subject.ends_at);
        if (expires_at - issued_at).num_seconds() < 1 {
            return Err(refusal::over());
        }
        let jti = services.environment.new_id();
        let issue = Issue {
            issuance: self.issuance(jti, issued_at, expires_at),
            rests_on: Some(Box::new(self.rests_on())),
            spends: self.request.proof.as_ref().map(|proven| proven.once),
            event: self.event(jti),
        };
        let claims = &self.presented.claims;
        let granted = Granted {
            sub: subject.sub.clone(),
            client,
            audience: vec![self.target.uri.clone()],
            scopes: self.decision.scopes.clone(),
            jti,
            issued_at,
            expires_at,
            sign_in: SignIn {
                auth_time: claims.auth_time,
                acr: claims.acr.clone(),
                amr: claims.amr.clone(),
            },
            act: self.decision.act.clone(),
            jkt: self.decision.jkt.clone(),
        };
        let (committed, signed) = granted.sign_while_committed(services, issue).await;
        if let Err(withdrawn) = committed? {
            let needed = &self.decision.scopes;
            return Err(refusal::withdrawn(
                services,
                self.presented,
                self.target,
                needed,
                withdrawn,
            ));
        }
        count_issued(GrantType::TokenExchange, client);
        metrics::counter!(
            "authplane_token_exchange_total",
            "kind" => self.kind(),
            "source" => self.source.to_owned(),
            "target" => self.target.slug.clone(),
        )
        .increment(1);
        Ok(TokenResponse { issued_token_type: Some(ACCESS_TOKEN), ..signed? })
    }

    fn issuance(
        &self,
        jti: Uuid,
        issued_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> NewIssuance {
        let (subject, decision) = (&self.presented.subject, &self.decision);
        let (consent_client_id, via_link) = match &decision.way {
            Way::Consent { client_id } => (Some(client_id.clone()), None),
            Way::Link(id) => (None, Some(id.to_string())),
            Way::Subject => (None, None),
        };
        NewIssuance {
            jti,
            grant_type: GrantType::TokenExchange,
            user_id: match subject.principal {
                Principal::User(id) => Some(id),
                Principal::Machine => None,
            },
            client_id: self.request.client.id.clone(),
            resource_ids: vec![self.target.id],
            scopes: decision.scopes.clone(),
            family_id: None,
            jkt: decision.jkt.clone(),
            issued_at,
            expires_at,
            lineage: Lineage {
                parent_jti: Some(subject.jti),
                consent_client_id,
                via_link,
                agent_chain: decision.act.as_ref().map(ActChain::names),
            },
        }
    }

    fn rests_on(&self) -> RestsOn {
        let subject = &self.presented.subject;
        let consent = match (&self.decision.way, subject.principal) {
            (Way::Consent { client_id }, Principal::User(user_id)) => Some(Agreed {
                user_id,
                client_id: client_id.clone(),
                resource_id: self.target.id,
                scopes: self.decision.scopes.clone(),
            }),
            _ => None,
        };
        let actor = self
            .presented
            .actor
            .as_ref()
            .map(|actor| ActorToken { jti: actor.jti, client_id: actor.facts.client_id.clone() });
        let link = match self.decision.way {
            Way::Link(link) => {
                let (held, scopes) = (subject.scopes.clone(), self.decision.scopes.clone());
                Some(Given { link, held, scopes })
            }
            Way::Consent { .. } | Way::Subject => None,
        };
        RestsOn { subject_client: Some(subject.client_id.clone()), actor, consent, link }
    }

    /// RFC 8693 §1.1: with delegation the new token says who acts.
    fn event(&self, jti: Uuid) -> Event {
        let (acting, subject) = (&self.request.client.id, &self.presented.subject);
        let delegates = self.decision.act.is_some();
        let event = Event::new("token.exchanged", self.request.origin)
            .by(acting)
            .client(acting)
            .with("jti", jti)
            .with("sub", &subject.sub)
            .with("subject_client", &subject.client_id)
            .with("actor_client", acting)
            .with("type", if delegates { "delegation" } else { "impersonation" })
            .with("resource", &self.target.slug)
            .with("scopes", &self.decision.scopes)
            .with("chain_kind", self.kind());
        let event = match &self.presented.actor {
            Some(actor) => event.with("actor_jti", actor.jti),
            None => event,
        };
        match self.decision.way {
            Way::Link(id) => event.with("via_link", id),
            _ => event,
        }
    }

    fn kind(&self) -> &'static str {
        match self.decision.way {
            Way::Link(_) => "link",
            Way::Consent { .. } | Way::Subject => "direct",
        }
    }
}
