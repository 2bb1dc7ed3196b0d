//! Agents: looking at them, and ending one that misbehaves with everything it acts in.

use actors::catalog::{KillAgent, ListClients};
use chrono::{DateTime, Utc};
use entities::client::Filter;
use protocol::client::ClientStatus;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::client::{ClientList, ClientView};
use super::input::page;
use super::{AdminError, Desk, MAX_LIMIT};

/// Which agents are asked for.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct AgentQuery {
    /// Only those with this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub status: Option<ClientStatus>,
    /// How many, 100 unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u64>,
    /// How many to skip before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// What became of an agent; with a dry run, what would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KilledAgent {
    /// The agent's client id.
    pub client_id: String,
    /// Whether this only says what would happen.
    pub dry_run: bool,
    /// Its status then: suspended, or revoked if it was.
    #[schema(value_type = String)]
    pub status: ClientStatus,
    /// Codes it can redeem no more.
    pub codes: u64,
    /// Refresh families that were live.
    pub families: u64,
    /// Access tokens in all: its own, those in whose act chain it is, and all that was exchanged
    /// from any of them.
    pub tokens: u64,
    /// The same tokens by resource. One that is for several resources counts for each.
    pub resources: Vec<ReachedResource>,
    /// By when resource servers see it.
    pub seen: Seen,
}

/// The tokens for one resource that were reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReachedResource {
    /// The resource; null for tokens whose audience is the server itself.
    pub resource_id: Option<Uuid>,
    /// Its slug; null if there is no such resource (any more).
    pub slug: Option<String>,
    /// How many.
    pub tokens: u64,
    /// When the last of them expires.
    pub latest_exp: DateTime<Utc>,
}

/// By when resource servers see that tokens are revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Seen {
    /// Those that introspect: now.
    pub introspection: DateTime<Utc>,
    /// Those that check signatures only: when the last token that was reached expires; null when
    /// none was.
    pub signature_only: Option<DateTime<Utc>>,
}

/// Agents, newest first.
///
/// # Errors
/// [`AdminError::Invalid`] for a limit or offset out of bounds, or a failure of the server.
pub async fn list(desk: &Desk<'_>, query: AgentQuery) -> Result<ClientList, AdminError> {
    let AgentQuery { status, limit, offset } = query;
    let page = page(limit, offset, MAX_LIMIT)?;
    let filter = Filter { status, source: None, agent: Some(true) };
    let question = ListClients { filter, page };
    let (agents, total) = desk.keepers.clients_and_resources.ask(question).await??;
    Ok(ClientList { clients: agents.iter().map(ClientView::from).collect(), total })
}

/// Suspends an agent, and revokes what it holds, what it acts in, and all that was exchanged
/// from any of that; or only says what that would be.
///
/// # Errors
/// [`AdminError::NotFound`], [`AdminError::Invalid`] for a client that is no agent, or a
/// failure of the server.
pub async fn kill(
    desk: &Desk<'_>,
    client_id: &str,
    dry_run: bool,
) -> Result<KilledAgent, AdminError> {
    let order = KillAgent {
        client_id: client_id.to_owned(),
        dry_run,
        admin: desk.admin.to_owned(),
        origin: desk.origin.clone(),
    };
    let (killed, status, at) = desk.keepers.clients_and_resources.ask(order).await??;
    let known = desk.keepers.catalog.resources();
    let slug = |id: Uuid| known.by_id(id).map(|resource| resource.slug.clone());
    let signature_only = killed.resources.values().map(|(_, latest)| *latest).max();
    let resources = killed.resources.into_iter().map(|(resource_id, (tokens, latest_exp))| {
        ReachedResource { resource_id, slug: resource_id.and_then(slug), tokens, latest_exp }
    });
    Ok(KilledAgent {
        client_id: client_id.to_owned(),
        dry_run,
        status,
        codes: killed.codes,
        families: killed.families,
        tokens: killed.issuances,
        resources: resources.collect(),
        seen: Seen { introspection: at, signature_only },
    })
}
