//! Token exchange (RFC 8693): who may have a token made of another one, and what is in it.
//!
//! [`decide`] is one pure function over typed facts. The token endpoint, the operator's
//! dry run and the tests call it, so what the dry run says is what happens. The gates stand
//! in the order of contract 04; the first one that says no is the answer, with what an
//! operator or the user can do about it.
//!
//! Two routes lead to a mint resource. *Direct*: the operator's policy, the subject token's
//! scopes and the user's consent all have to allow it. *Through a fronting link*: the
//! operator has said that one resource may reach another for the user, and which scopes
//! stand for which; the link stands in for consent. A link is tried first, and takes nothing
//! away: where it does not lead to the target, the direct route may.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::client::Client;
use crate::error::OAuthError;
use crate::resource::MintResource;
use crate::scope::ScopeSet;

mod anybody;
mod chain;
mod direct;
mod gates;
mod link;

pub use anybody::{ForAnybody, explain_for_anybody};
pub use chain::{ActChain, ActorType, MAX_AGENT_CHAIN};
pub use gates::{decide, explain, implied_target};

#[cfg(test)]
mod tests;

/// Whom a token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// A user of ours, who can be asked.
    User(Uuid),
    /// A client by itself: it got its token with `client_credentials`, and there is nobody to ask.
    Machine,
}

impl Principal {
    /// The user, if it is one.
    #[must_use]
    pub fn user_id(self) -> Option<Uuid> {
        match self {
            Self::User(id) => Some(id),
            Self::Machine => None,
        }
    }
}

/// The token that is exchanged; ours, and good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its `jti`.
    pub jti: Uuid,
    /// Its `sub`, which the new token keeps.
    pub sub: String,
    /// Whom it stands for.
    pub principal: Principal,
    /// The client it was issued to.
    pub client_id: String,
    /// What that client is.
    pub client_type: ActorType,
    /// What that client is registered for, which is all that a user can agree to with it.
    pub ceiling: Option<ScopeSet>,
    /// The resources it is for, those included that are gone.
    pub resource_ids: Vec<Uuid>,
    /// Its scopes.
    pub scopes: ScopeSet,
    /// The key it is bound to.
    pub jkt: Option<String>,
    /// Who acted so far.
    pub act: Option<ActChain>,
    /// When what it was issued for ends: its family, or the token itself.
    pub ends_at: DateTime<Utc>,
}

/// The party an `actor_token` stands for; the token is ours, and good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The client it was issued to, which is who acts, whoever the token is about.
    pub client_id: String,
    /// The resources it is for.
    pub resource_ids: Vec<Uuid>,
    /// Whether that client is an agent.
    pub actor_type: ActorType,
    /// The key it is bound to.
    pub jkt: Option<String>,
}

/// The operator's statement that a resource may reach another on the user's behalf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontingLink {
    /// Row id.
    pub id: Uuid,
    /// The resource a token was sent to.
    pub source: Uuid,
    /// The resource that one calls.
    pub target: Uuid,
    /// For each scope of the source, what it is worth at the target.
    pub scope_map: BTreeMap<String, Vec<String>>,
}

impl FrontingLink {
    /// What these scopes of the source are worth at the target, in the order of the map.
    #[must_use]
    pub fn worth(&self, held: &ScopeSet) -> ScopeSet {
        let given = self.scope_map.iter().filter(|(scope, _)| held.contains(scope));
        given.flat_map(|(_, worth)| worth.iter().map(String::as_str)).collect()
    }

    /// Whether a token with `scopes`, exchanged from one with `held`, is still what the link
    /// gives.
    #[must_use]
    pub fn still_gives(&self, held: &ScopeSet, scopes: &ScopeSet) -> bool {
        scopes.is_subset_of(&self.worth(held))
    }
}

/// What the operator has set for all exchanges (`token_exchange.*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Most hops in an act chain.
    pub max_chain_depth: usize,
    /// Whether a client may exchange a token of its own without the user's consent for
    /// the target, and without naming one.
    pub allow_self_exchange: bool,
}

/// Everything a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The client that asks. It has proved who it is.
    pub acting: &'a Client,
    /// The token it presents.
    pub subject: &'a Subject,
    /// The `actor_token`, if it presents one.
    pub actor: Option<&'a Actor>,
    /// The resources the subject token is for, as far as they are there.
    pub sources: &'a [&'a MintResource],
    /// The resource the new token is for.
    pub target: &'a MintResource,
    /// Whether the request named the target.
    pub names_target: bool,
    /// The scopes it asks for; none means what the exchange is authorized for.
    pub requested: Option<&'a ScopeSet>,
    /// The links from one of the sources to the target.
    pub links: &'a [&'a FrontingLink],
    /// The live consent of the user with the subject token's client about the target.
    pub consent: Option<&'a ScopeSet>,
    /// The key of the DPoP proof that came with the request.
    pub proof: Option<&'a str>,
    /// The operator's settings.
    pub rules: Rules,
}

/// What is issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The scopes; never empty.
    pub scopes: ScopeSet,
    /// Who acts now.
    pub act: Option<ActChain>,
    /// What allowed it.
    pub way: Way,
    /// The key it is bound to.
    pub jkt: Option<String>,
}

/// What an exchange rests on besides the subject token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// The user's consent about the target with this client.
    Consent {
        /// The subject token's client.
        client_id: String,
    },
    /// A fronting link.
    Link(Uuid),
    /// The subject token alone: a client exchanges its own, or there is no user.
    Subject,
}

/// A gate of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Whoever presents a bound token holds its key, or is a resource it was sent to; and
    /// holds one where only a bound token will do.
    Key,
    /// An `actor_token` belongs to who presents it.
    Actor,
    /// Without a target it is a self-exchange, which the operator has to allow.
    SelfExchange,
    /// The scopes are in the target's catalog.
    Catalog,
    /// The operator lets the client exchange into the target.
    Operator,
    /// The operator lets the client exchange other clients' tokens into the target.
    CrossClient,
    /// The subject token has the scopes.
    SubjectScope,
    /// A fronting link gives the scopes.
    Link,
    /// The client's own ceiling has the scopes.
    Ceiling,
    /// The user has agreed.
    Consent,
    /// The chain of actors is not too long.
    Chain,
}

impl Gate {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Actor => "actor",
            Self::SelfExchange => "self_exchange",
            Self::Catalog => "catalog",
            Self::Operator => "operator",
            Self::CrossClient => "cross_client",
            Self::SubjectScope => "subject_scope",
            Self::Link => "link",
            Self::Ceiling => "ceiling",
            Self::Consent => "consent",
            Self::Chain => "chain",
        }
    }

    /// What it asks.
    #[must_use]
    pub const fn question(self) -> &'static str {
        match self {
            Self::Key => {
                "Does the client hold the key the subject token is bound to, and one if need be?"
            }
            Self::Actor => "Does the actor token belong to the client that presents it?",
            Self::SelfExchange => "May a client exchange its own token without naming a target?",
            Self::Catalog => "Does the target's catalog have the scopes?",
            Self::Operator => "May the client exchange into the target at all?",
            Self::CrossClient => "May it exchange tokens of other clients into the target?",
            Self::SubjectScope => "Does the subject token have the scopes?",
            Self::Link => "Does the fronting link give the scopes for those of the subject token?",
            Self::Ceiling => "Does the client's own ceiling have the scopes?",
            Self::Consent => {
                "Has the user agreed that the subject token's client reaches the target?"
            }
            Self::Chain => "Is the chain of actors short enough?",
        }
    }
}

/// A gate said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Which.
    pub gate: Gate,
    /// One word, for the audit log and the metric.
    pub reason: &'static str,
    /// The answer.
    pub error: OAuthError,
    /// What an operator, or the user, can do about it.
    pub remedy: String,
    /// What the user would have to agree to.
    pub consent: Option<ConsentNeeded>,
}

/// What the user would have to agree to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentNeeded {
    /// `consent_missing` or `scope_insufficient`.
    pub cause: &'static str,
    /// All the scopes the exchange needs.
    pub scopes: ScopeSet,
}

/// How an exchange gets to its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// By the operator's lists, the subject token's scopes and the user's consent.
    Direct,
    /// Through a fronting link.
    Link,
}

impl Route {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Link => "link",
        }
    }
}

/// What a gate said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Which.
    pub gate: Gate,
    /// The route it stands on; none before they part.
    pub route: Option<Route>,
    /// Whether it let the exchange pass.
    pub passed: bool,
}

/// What every gate on the way said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The gates, in the order they were asked.
    pub asked: Vec<Asked>,
    /// What came of it.
    pub outcome: Result<Decision, Box<Denial>>,
    /// Where both routes were tried, why the other one does not lead to the target: the link,
    /// when the direct route does, and the direct route, when neither does.
    pub other: Option<Box<Denial>>,
}
