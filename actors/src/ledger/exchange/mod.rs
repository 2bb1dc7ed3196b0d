//! Exchanging a token (RFC 8693): everything it rests on is held, then it is decided, then it is
//! written down, in one transaction with whatever else is to be written at that time. So what was
//! decided still stands when the token comes to be, whoever takes what away meanwhile.

mod basis;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entities::issuance::{Lineage, NewIssuance, Origin as Row};
use protocol::client::{Client, GrantType};
use protocol::dpop::Proven;
use protocol::exchange::{
    ActChain, Actor, ActorType, Decision, Denial, Facts, Principal, Rules, Subject, Way, decide,
};
use protocol::jose::AccessTokenClaims;
use protocol::resource::MintResource;
use protocol::scope::ScopeSet;
use uuid::Uuid;

pub use basis::Basis;

use super::standing::Standing;
use crate::audit::{Event, Origin};
use crate::catalog::Registered;
use crate::runtime::{Ask, Environment};
use entities::StoreError;

/// "A token for this one, if everything about it allows that." Answered after the commit.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The client that asks. It has proved who it is.
    pub acting: Arc<Client>,
    /// The token that is exchanged.
    pub subject: Presented,
    /// The token of who acts.
    pub actor: Option<Presented>,
    /// What was registered when it was asked.
    pub registered: Arc<Registered>,
    /// The resource the new token is for, where the request names it.
    pub named: Option<Uuid>,
    /// The scopes it is to have; none means what the exchange is authorized for.
    pub requested: Option<ScopeSet>,
    /// What the proof of possession proves, which gets one token.
    pub proof: Option<Proven>,
    /// What the operator has set for all exchanges.
    pub rules: Rules,
    /// When the new token expires, unless what it comes of ends sooner.
    pub expires_at: DateTime<Utc>,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for Exchange {
    /// What was granted, or why nothing was.
    type Reply = Result<Result<Exchanged, Refused>, StoreError>;
}

/// A token of this server that has not expired, and the client it was issued to.
#[derive(Debug, Clone)]
pub struct Presented {
    /// What it says.
    pub claims: Arc<AccessTokenClaims>,
    /// That client, as the catalog has it.
    pub client: Arc<Client>,
}

impl Presented {
    fn jkt(&self) -> Option<String> {
        self.claims.cnf.as_ref().map(|cnf| cnf.jkt.clone())
    }
}

/// A token that is written down and still to be signed.
#[derive(Debug, Clone)]
pub struct Exchanged {
    /// Its `jti`.
    pub jti: Uuid,
    /// When it is issued.
    pub issued_at: DateTime<Utc>,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
    /// The resource it is for.
    pub target: MintResource,
    /// The resource the subject token is for, as a word.
    pub source: String,
    /// What is in it.
    pub decision: Decision,
}

/// Why nothing came of an exchange.
#[derive(Debug, Clone)]
pub enum Refused {
    /// The proof of possession was spent before.
    Proof,
    /// The client that asks is suspended, revoked or gone.
    Client,
    /// The resource the new token would be for is gone.
    Target,
    /// The subject token was revoked, or its client or its user is off.
    Subject,
    /// The token of who acts was revoked, or its client or its user is off.
    Actor,
    /// What the subject token was issued for has come to its end.
    Over,
    /// A gate said no.
    Denied {
        /// Which, and what can be done about it.
        denial: Box<Denial>,
        /// Who could be asked to agree to what is missing, and about what.
        about: Option<Box<Asking>>,
    },
}

/// Somebody who could be asked to agree.
#[derive(Debug, Clone)]
pub struct Asking {
    /// The user.
    pub user_id: Uuid,
    /// About which resource.
    pub target: MintResource,
    /// What they have agreed to about it.
    pub agreed: ScopeSet,
}

impl Exchange {
    pub(super) fn parties(&self) -> impl Iterator<Item = &String> {
        let actor = self.actor.as_ref().map(|actor| &actor.claims.client_id);
        [&self.acting.id, &self.subject.claims.client_id].into_iter().chain(actor)
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = Uuid> {
        let actor = self.actor.as_ref().map(|actor| actor.claims.jti);
        std::iter::once(self.subject.claims.jti).chain(actor)
    }

    /// The resources the subject token is for, by what it says.
    pub(super) fn sources(&self) -> Vec<Uuid> {
        let resources = &self.registered.resources;
        let named = self.subject.claims.aud.iter().filter_map(|uri| resources.by_uri(uri));
        named.map(|resource| resource.id).collect()
    }

    /// The resources the new token may be for.
    pub(super) fn targets(&self) -> Vec<Uuid> {
        self.named.map_or_else(|| self.sources(), |target| vec![target])
    }

    /// The links that may give it.
    pub(super) fn links(&self) -> Vec<Uuid> {
        let sources = self.sources();
        let between = |target| self.registered.links.between(&sources, target);
        self.targets().into_iter().flat_map(between).map(|link| link.id).collect()
    }

    /// The users who may stand behind the tokens: `sub` is a user's id or the client's.
    pub(super) fn users(&self) -> impl Iterator<Item = Uuid> {
        let presented = std::iter::once(&self.subject).chain(self.actor.as_ref());
        presented.filter_map(|it| it.claims.sub.parse().ok())
    }

    /// Decides it by what is held.
    pub(super) fn settle(
        &self,
        standing: &Standing,
        environment: &Environment,
    ) -> Result<(NewIssuance, Event, Exchanged), Refused> {
        if !standing.is_active(&self.acting.id) {
            return Err(Refused::Client);
        }
        let subject = standing.good(&self.subject).and_then(|row| self.subject_of(row));
        let subject = subject.ok_or(Refused::Subject)?;
        let actor = self.actor.as_ref().map(|presented| {
            let row = standing.good(presented).filter(|row| principal(row).is_some());
            row.map(|row| actor_of(presented, row)).ok_or(Refused::Actor)
        });
        let actor = actor.transpose()?;
        let named = self.named.map(|id| self.registered.resources.by_id(id).ok_or(Refused::Target));
        let no_target = |denial| Refused::Denied { denial, about: None };
        let resource_ids = &subject.resource_ids;
        let mut basis =
            Basis::gather(self.rules, &self.registered, resource_ids, named.transpose()?)
                .map_err(no_target)?;
        if !standing.has_resource(basis.target.id) {
            return Err(Refused::Target);
        }
        // As they are now, not as they were when it was asked.
        basis.links = basis.links.iter().filter_map(|link| standing.link(link.id)).collect();
        let decision = self.decide(standing, &basis, &subject, actor.as_ref())?;
        let issued_at = environment.now();
        let expires_at = self.expires_at.min(subject.ends_at);
        if (expires_at - issued_at).num_seconds() < 1 {
            return Err(Refused::Over);
        }
        let exchanged = Exchanged {
            jti: environment.new_id(),
            issued_at,
            expires_at,
            target: basis.target.clone(),
            source: basis.source().to_owned(),
            decision,
        };
        Ok((self.issuance(&subject, &exchanged), self.event(&subject, &exchanged), exchanged))
    }

    fn decide(
        &self,
        standing: &Standing,
        basis: &Basis<'_>,
        subject: &Subject,
        actor: Option<&Actor>,
    ) -> Result<Decision, Refused> {
        let user = subject.principal.user_id();
        let agreed =
            user.and_then(|user| standing.agreed(user, &subject.client_id, basis.target.id));
        let decided = decide(&Facts {
            actor,
            requested: self.requested.as_ref(),
            consent: agreed,
            proof: self.proof.as_ref().map(|proven| proven.jkt.as_str()),
            ..basis.facts(&self.acting, subject)
        });
        decided.map_err(|denial| {
            let about = user.map(|user_id| Asking {
                user_id,
                target: basis.target.clone(),
                agreed: agreed.cloned().unwrap_or_default(),
            });
            Refused::Denied { denial, about: about.map(Box::new) }
        })
    }

    fn subject_of(&self, row: &Row) -> Option<Subject> {
        let Presented { claims, client } = &self.subject;
        let family_ends_at = row.tip_ends_at.into_iter().chain(row.family_ends_at).min();
        Some(Subject {
            jti: claims.jti,
            sub: claims.sub.clone(),
            principal: principal(row)?,
            client_id: claims.client_id.clone(),
            client_type: ActorType::of(client),
            ceiling: client.ceiling.clone(),
            resource_ids: row.resource_ids.0.clone(),
            scopes: claims.scope.split_ascii_whitespace().collect(),
            jkt: self.subject.jkt(),
            act: claims.act.clone(),
            ends_at: family_ends_at.unwrap_or(row.expires_at),
        })
    }

    fn issuance(&self, subject: &Subject, exchanged: &Exchanged) -> NewIssuance {
        let decision = &exchanged.decision;
        let (consent_client_id, via_link) = match &decision.way {
            Way::Consent { client_id } => (Some(client_id.clone()), None),
            Way::Link(id) => (None, Some(id.to_string())),
            Way::Subject => (None, None),
        };
        NewIssuance {
            jti: exchanged.jti,
            grant_type: GrantType::TokenExchange,
            user_id: subject.principal.user_id(),
            client_id: self.acting.id.clone(),
            resource_ids: vec![exchanged.target.id],
            scopes: decision.scopes.clone(),
            family_id: None,
            jkt: decision.jkt.clone(),
            issued_at: exchanged.issued_at,
            expires_at: exchanged.expires_at,
            lineage: Lineage {
                parent_jti: Some(subject.jti),
                consent_client_id,
                via_link,
                agent_chain: decision.act.as_ref().map(ActChain::names),
            },
        }
    }

    /// RFC 8693 §1.1: with delegation the new token says who acts.
    fn event(&self, subject: &Subject, exchanged: &Exchanged) -> Event {
        let (acting, decision) = (&self.acting.id, &exchanged.decision);
        let delegates = decision.act.is_some();
        let event = Event::new("token.exchanged", &self.origin)
            .by(acting)
            .client(acting)
            .with("jti", exchanged.jti)
            .with("sub", &subject.sub)
            .with("subject_client", &subject.client_id)
            .with("actor_client", acting)
            .with("type", if delegates { "delegation" } else { "impersonation" })
            .with("resource", &exchanged.target.slug)
            .with("scopes", &decision.scopes)
            .with("chain_kind", exchanged.kind());
        let event = match &self.actor {
            Some(actor) => event.with("actor_jti", actor.claims.jti),
            None => event,
        };
        match decision.way {
            Way::Link(id) => event.with("via_link", id),
            _ => event,
        }
    }
}

impl Exchanged {
    /// How it got to its target, as a word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.decision.way {
            Way::Link(_) => "link",
            Way::Consent { .. } | Way::Subject => "direct",
        }
    }
}

fn actor_of(presented: &Presented, row: &Row) -> Actor {
    Actor {
        client_id: presented.claims.client_id.clone(),
        resource_ids: row.resource_ids.0.clone(),
        actor_type: ActorType::of(&presented.client),
        jkt: presented.jkt(),
    }
}

/// Whom a token stands for. That no user of ours is behind it does not make it a machine's: the
/// grant that it was issued for does. An exchanged token stands for whom the one it came of
/// does, and only those that this says something of are exchanged.
fn principal(row: &Row) -> Option<Principal> {
    match (row.user_id, GrantType::parse(&row.grant_type)?) {
        (Some(user), _) => Some(Principal::User(user)),
        (None, GrantType::ClientCredentials | GrantType::TokenExchange) => Some(Principal::Machine),
        (None, GrantType::AuthorizationCode | GrantType::RefreshToken | GrantType::JwtBearer) => {
            None
        }
    }
}
