//! Lockouts of people and clients, and lifting them.

use std::net::IpAddr;

use actors::attempts::{self, LiftLockouts, ListLockouts, LockoutScope, Whose};
use chrono::{DateTime, Utc};
use protocol::client_address::network_of;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AdminError, Desk};

/// A lockout that holds. Whose it is is kept as a keyed hash: nobody can tell from the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LockoutView {
    /// `sign_in`, `client` or `admin_key`.
    pub kind: String,
    /// `place`: one network, or one browser that is known; `account`: every other browser.
    pub scope: String,
    /// What `auth.locked_out` in the audit log names of a sign-in.
    pub identity: String,
    /// When it ends by itself.
    pub ends_at: DateTime<Utc>,
}

/// Lockouts that hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LockoutList {
    /// The longest first, 100 at most.
    pub lockouts: Vec<LockoutView>,
    /// How many there are.
    pub total: u64,
}

/// Whose lockouts are lifted: exactly one of these.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LockoutTarget {
    /// The address somebody signs in with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A client's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// An IP address; of IPv6 its /64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiftedLockouts {
    /// Counts of failures that were forgotten, locked or not.
    pub lifted: u64,
}

/// The lockouts that hold now.
///
/// # Errors
/// A failure of the server.
pub async fn list(desk: &Desk<'_>) -> Result<LockoutList, AdminError> {
    let attempts::Lockouts { lockouts, total } = desk.keepers.attempts.ask(ListLockouts).await??;
    let view = |lockout: attempts::Lockout| LockoutView {
        kind: match lockout.kind {
            attempts::Kind::SignIn => "sign_in",
            attempts::Kind::Client => "client",
            attempts::Kind::AdminKey => "admin_key",
        }
        .to_owned(),
        scope: match lockout.scope {
            LockoutScope::Place => "place",
            LockoutScope::Account => "account",
        }
        .to_owned(),
        identity: lockout.identity,
        ends_at: lockout.ends_at,
    };
    Ok(LockoutList { lockouts: lockouts.into_iter().map(view).collect(), total })
}

/// Forgets the failures of whom `target` names.
///
/// # Errors
/// [`AdminError::Invalid`] when it does not name one, or a failure of the server.
pub async fn lift(desk: &Desk<'_>, target: LockoutTarget) -> Result<LiftedLockouts, AdminError> {
    let (admin, origin) = (desk.admin.to_owned(), desk.origin.clone());
    let order = LiftLockouts { whose: whose(target)?, admin, origin };
    Ok(LiftedLockouts { lifted: desk.keepers.attempts.ask(order).await?? })
}

fn whose(target: LockoutTarget) -> Result<Whose, AdminError> {
    match target {
        LockoutTarget { email: Some(email), client_id: None, address: None } => {
            Ok(Whose::Person(email))
        }
        LockoutTarget { email: None, client_id: Some(id), address: None } => Ok(Whose::Client(id)),
        LockoutTarget { email: None, client_id: None, address: Some(address) } => {
            let address: IpAddr = address.trim().parse().map_err(|_| {
                AdminError::invalid("address is no IP address, as in 203.0.113.7 or 2001:db8::1")
            })?;
            Ok(Whose::Network(network_of(address)))
        }
        _ => Err(AdminError::invalid("name exactly one of email, client_id and address")),
    }
}
