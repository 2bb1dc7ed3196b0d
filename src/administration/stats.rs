//! How much there is of what.

use actors::ledger::{Stock, TakeStock};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AdminError, Desk};

/// Figures for an overview.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stats {
    /// Clients, whatever their status.
    pub clients: u64,
    /// Users, disabled ones included.
    pub users: u64,
    /// Access tokens that work and were issued within the last 24 hours.
    pub active_tokens_24h: u64,
    /// Access tokens that were revoked; they are forgotten `retention.issuances` after they
    /// expire.
    pub revoked_tokens: u64,
    /// Accounts connected at upstream providers, of which there are none in this version.
    pub connections: u64,
}

/// The figures of this moment.
///
/// # Errors
/// A failure of the server.
pub async fn get(desk: &Desk<'_>) -> Result<Stats, AdminError> {
    let since = desk.environment.now() - TimeDelta::hours(24);
    let Stock { clients, users, active_tokens, revoked_tokens } =
        desk.keepers.ledger.ask(TakeStock { since }).await??;
    Ok(Stats { clients, users, active_tokens_24h: active_tokens, revoked_tokens, connections: 0 })
}

/// The effective configuration, every secret as `***`, or null when there is none.
#[must_use]
pub fn effective_config(desk: &Desk<'_>) -> serde_json::Value {
    desk.config.effective_masked()
}
