//! The act chain: who acts for the subject (RFC 8693 §4.1).

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::wire::wire_enum;

/// Most names in the claim `agent_chain`; the oldest are left out.
pub const MAX_AGENT_CHAIN: usize = 8;

wire_enum! {
    /// What an actor is.
    pub enum ActorType {
        /// A client that is an agent.
        Agent => "agent",
        /// Any other client.
        Service => "service",
    }
}

impl ActorType {
    /// What a client is.
    #[must_use]
    pub fn of(client: &Client) -> ActorType {
        if client.agent { ActorType::Agent } else { ActorType::Service }
    }
}

/// An actor, and who acted before it. The outermost hop is the one that acts now; only it
/// is authoritative, the inner ones are history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActChain {
    /// Who.
    pub sub: String,
    /// What it is.
    pub actor_type: ActorType,
    /// The actor before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<Box<ActChain>>,
}

impl ActChain {
    /// `chain` with one more hop, outermost.
    #[must_use]
    pub fn grown(chain: Option<ActChain>, sub: &str, actor_type: ActorType) -> ActChain {
        ActChain { sub: sub.to_owned(), actor_type, act: chain.map(Box::new) }
    }

    /// From the outermost hop inwards.
    pub fn hops(&self) -> impl Iterator<Item = &ActChain> {
        std::iter::successors(Some(self), |hop| hop.act.as_deref())
    }

    /// How many hops there are.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.hops().count()
    }

    /// Everybody in the chain, oldest first: what is written down, so that whoever acted at any
    /// time is found.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.hops().map(|hop| hop.sub.clone()).collect();
        names.reverse();
        names
    }

    /// The same for the claim: the newest, of which there are at most [`MAX_AGENT_CHAIN`].
    #[must_use]
    pub fn agent_chain(&self) -> Vec<String> {
        let names = self.names();
        names[names.len().saturating_sub(MAX_AGENT_CHAIN)..].to_vec()
    }
}
