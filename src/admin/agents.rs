//! Operations on agents.

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::ClientPath;
use super::operation::operations;
use crate::administration::Kind;
use crate::administration::agent::{self, AgentQuery, KilledAgent};
use crate::administration::client::ClientList;

/// How an agent is killed.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct AgentKilling {
    /// Only say what would be reached.
    #[serde(default)]
    pub dry_run: bool,
}

operations! {
    /// Agents, newest first.
    ListAgents { query: AgentQuery } -> OK ClientList:
        GET "/admin/agents" needs read Clients, fails [Invalid("limit or offset")],
        |desk| agent::list(desk, query).await;

    /// Switches an agent off, and revokes all that it holds or acts in.
    ///
    /// Its codes, families and access tokens, every token in whose act chain it is, and everything
    /// exchanged from any of them, at any depth. Reactivating it brings none of that back. With
    /// `dry_run` nothing happens, and the answer is what would.
    KillAgent { path: ClientPath, query: AgentKilling } -> OK KilledAgent:
        POST "/admin/agents/{client_id}/kill" needs write Clients,
        fails [NotFound(Kind::Client), Invalid("the client is not an agent")],
        |desk| agent::kill(desk, &path.client_id, query.dry_run).await;
}
