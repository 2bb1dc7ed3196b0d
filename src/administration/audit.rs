//! The audit log, as operators read it.

use actors::ledger::QueryAudit;
use chrono::{DateTime, TimeDelta, Utc};
use entities::audit_event::{Filter, Model};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::input::{MAX_LIMIT, page};
use super::{AdminError, Desk};

/// Which rows are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct AuditQuery {
    /// Only this action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Only what this user, client or admin did. The id of a minted admin key means it and
    /// all that were narrowed from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<String>,
    /// Only what concerns this client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Written no earlier; `admin.audit_default_lookback` before `until` or now unless said
    /// otherwise, `admin.audit_max_lookback` ago at the earliest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// Written before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// How many, 100 unless said otherwise, 1000 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u64>,
    /// How many to skip before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEventView {
    /// Its id.
    pub id: Uuid,
    /// What happened.
    pub action: String,
    /// Who did it: a user's id, a client's id or an admin identity.
    pub actor_id: Option<String>,
    /// The client it concerns.
    pub client_id: Option<String>,
    /// Address of the peer that asked for it.
    pub ip: Option<String>,
    /// `key=value key=value`.
    pub detail: String,
    /// Correlation id of the request.
    pub trace_id: Option<String>,
    /// When it happened.
    pub created_at: DateTime<Utc>,
}

impl From<Model> for AuditEventView {
    fn from(row: Model) -> AuditEventView {
        AuditEventView {
            id: row.id,
            action: row.action,
            actor_id: row.actor_id,
            client_id: row.client_id,
            ip: row.ip,
            detail: row.detail,
            trace_id: row.trace_id,
            created_at: row.created_at,
        }
    }
}

/// Rows of the audit log, and how many there are in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditList {
    /// The part that was asked for, newest first.
    pub events: Vec<AuditEventView>,
    /// How many meet the filter.
    pub total: u64,
}

/// Rows of the audit log, newest first.
///
/// # Errors
/// [`AdminError::Invalid`] when the question reaches too far back, or a failure of the
/// server.
pub async fn query(desk: &Desk<'_>, query: AuditQuery) -> Result<AuditList, AdminError> {
    let page = page(query.limit, query.offset, MAX_LIMIT)?;
    let now = desk.environment.now();
    let admin = &desk.config.admin;
    let ago = |wait| now - TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX / 2);
    let earliest = ago(admin.audit_max_lookback);
    let since = query.since.unwrap_or_else(|| match query.until {
        // As far back from there as otherwise from now; but not so far that nobody may ask.
        Some(until) if until > earliest => {
            (until.min(now) - (now - ago(admin.audit_default_lookback))).max(earliest)
        }
        _ => ago(admin.audit_default_lookback),
    });
    if since < earliest {
        return Err(AdminError::Invalid(format!(
            "since: at most {} hours back, which is admin.audit_max_lookback",
            admin.audit_max_lookback.as_secs() / 3600
        )));
    }
    if query.until.is_some_and(|until| until <= since) {
        return Err(AdminError::invalid("until must be later than since"));
    }
    let AuditQuery { action, actor_id, client_id, until, .. } = query;
    let filter = Filter { action, actor_id, client_id, since: Some(since), until };
    let (rows, total) = desk.keepers.ledger.ask(QueryAudit { filter, page }).await??;
    Ok(AuditList { events: rows.into_iter().map(AuditEventView::from).collect(), total })
}
