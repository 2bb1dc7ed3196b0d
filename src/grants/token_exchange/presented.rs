//! The tokens that an exchange presents: whose they are, and what they are worth.

use std::sync::Arc;

use actors::ledger::{Trace, Traced};
use protocol::client::{Client, GrantType};
use protocol::exchange::{Actor, ActorType, Principal, Subject};
use protocol::grant::token_exchange::Request;
use protocol::jose::{AccessTokenClaims, TokenRefusal};
use protocol::scope::ScopeSet;
use uuid::Uuid;

use super::refusal::{self, Stop};
use crate::app::Services;

/// Which of the tokens it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Party {
    /// `subject_token`.
    Subject,
    /// `actor_token`.
    Actor,
}

/// Why a token is no good.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// It is no access token of this server.
    Unknown,
    /// It has expired.
    Expired,
    /// It was revoked, or its client or its user is off.
    Inactive,
}

/// The tokens of a request.
#[derive(Debug)]
pub(super) struct Presented {
    /// What the decision goes by.
    pub(super) subject: Subject,
    /// What the subject token says.
    pub(super) claims: Arc<AccessTokenClaims>,
    /// The token of who acts.
    pub(super) actor: Option<PresentedActor>,
    /// What the subject has agreed to about the target, when the target was known.
    pub(super) agreed: Option<ScopeSet>,
}

/// The token of who acts.
#[derive(Debug)]
pub(super) struct PresentedActor {
    /// What the decision goes by.
    pub(super) facts: Actor,
    /// Its `jti`.
    pub(super) jti: Uuid,
}

impl Presented {
    /// Recognises the tokens and looks up what stands behind them, both at the same time.
    /// `target` is the resource that the new token is for, where the request names it.
    pub(super) async fn look_up(
        services: &Services,
        asked: &Request,
        target: Option<Uuid>,
    ) -> Result<Presented, Stop> {
        let actor = async {
            match &asked.actor_token {
                Some(token) => Known::look_up(services, token, None, Party::Actor).await.map(Some),
                None => Ok(None),
            }
        };
        let subject = Known::look_up(services, &asked.subject_token, target, Party::Subject);
        let (known, actor) = futures::join!(subject, actor);
        let (known, actor) = (known?, actor?.map(Known::actor));
        let (claims, agreed) = (Arc::clone(&known.claims), known.traced.agreed.clone());
        Ok(Presented { subject: known.subject(), claims, actor, agreed })
    }
}

/// A token of ours that is good at this moment.
struct Known {
    claims: Arc<AccessTokenClaims>,
    traced: Traced,
    principal: Principal,
    client: Arc<Client>,
}

impl Known {
    async fn look_up(
        services: &Services,
        token: &str,
        target: Option<Uuid>,
        party: Party,
    ) -> Result<Known, Stop> {
        let now = services.environment.now();
        let recognised = services.keepers.key_ring.recognise(token, services.issuer(), now);
        let claims = recognised.map_err(|why| match why {
            TokenRefusal::Expired => refusal::no_good(party, Fault::Expired),
            TokenRefusal::Malformed | TokenRefusal::Signature | TokenRefusal::Issuer => {
                refusal::no_good(party, Fault::Unknown)
            }
        })?;
        // As introspection has it: the client and the user behind it count as well.
        let inactive = || refusal::no_good(party, Fault::Inactive);
        let trace = Trace { jti: claims.jti, target };
        let traced = services.keepers.ledger.ask(trace).await??.ok_or_else(inactive)?;
        let client = services.keepers.catalog.client(&claims.client_id).await?;
        let client = client.ok_or_else(inactive)?;
        let principal = principal(&traced).ok_or_else(inactive)?;
        Ok(Known { claims, traced, principal, client })
    }

    fn subject(self) -> Subject {
        let Known { claims, traced, principal, client } = self;
        Subject {
            jti: claims.jti,
            sub: claims.sub.clone(),
            principal,
            client_id: claims.client_id.clone(),
            client_type: ActorType::of(&client),
            ceiling: client.ceiling.clone(),
            resource_ids: traced.resource_ids,
            scopes: claims.scope.split_ascii_whitespace().collect(),
            jkt: claims.cnf.as_ref().map(|cnf| cnf.jkt.clone()),
            act: claims.act.clone(),
            ends_at: traced.ends_at,
        }
    }

    fn actor(self) -> PresentedActor {
        let Known { claims, traced, client, .. } = self;
        let facts = Actor {
            client_id: claims.client_id.clone(),
            resource_ids: traced.resource_ids,
            actor_type: ActorType::of(&client),
            jkt: claims.cnf.as_ref().map(|cnf| cnf.jkt.clone()),
        };
        PresentedActor { facts, jti: claims.jti }
    }
}

/// Whom a token stands for. That no user of ours is behind it does not make it a machine's: the
/// grant that it was issued for does. An exchanged token stands for whom the one it came of
/// does, and only those that this says something of are exchanged.
fn principal(traced: &Traced) -> Option<Principal> {
    match (traced.user_id, traced.grant?) {
        (Some(user), _) => Some(Principal::User(user)),
        (None, GrantType::ClientCredentials | GrantType::TokenExchange) => Some(Principal::Machine),
        (None, GrantType::AuthorizationCode | GrantType::RefreshToken | GrantType::JwtBearer) => {
            None
        }
    }
}
