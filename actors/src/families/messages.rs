//! What can be asked of the families keeper.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entities::StoreError;
use entities::cascade::Reach;
use protocol::client::Client;
use protocol::grant::refresh_token;
use protocol::resource::Resources;
use protocol::scope::ScopeSet;
use uuid::Uuid;

use super::state::{Presented, Refusal};
use crate::audit::Origin;
use crate::runtime::Ask;

/// "This token was presented: move the family on, and record the access token."
#[derive(Debug, Clone)]
pub struct Rotate {
    /// What was presented, and by whom.
    pub presented: Presented,
    /// What is asked for with it.
    pub request: refresh_token::Request,
    /// The client, with its scope ceiling as it is now.
    pub client: Arc<Client>,
    /// The resources as they are now.
    pub resources: Arc<Resources>,
    /// The request behind it.
    pub origin: Origin,
}

/// A rotation, or a repeated one within the grace window, that is committed: the new
/// refresh token is the family's token at `generation`, and the access token's
/// issuance stands in the ledger.
#[derive(Debug, Clone)]
pub struct Rotated {
    /// The family.
    pub family: Uuid,
    /// Generation of the refresh token to hand out.
    pub generation: i64,
    /// When the family came to it: with a repeated rotation some time ago.
    pub rotated_at: DateTime<Utc>,
    /// The user.
    pub user_id: Uuid,
    /// Scopes of the access token.
    pub scopes: ScopeSet,
    /// Audience of the access token.
    pub audience: Vec<String>,
    /// The DPoP key both tokens are bound to.
    pub jkt: Option<String>,
    /// When the user signed in.
    pub auth_time: DateTime<Utc>,
    /// How.
    pub amr: Vec<String>,
    /// The access token's `jti`.
    pub jti: Uuid,
    /// When the access token was issued.
    pub issued_at: DateTime<Utc>,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
    /// Whether the same successor was handed out before.
    pub replayed: bool,
}

impl Ask for Rotate {
    type Reply = Result<Result<Rotated, Refusal>, StoreError>;
}

/// "Revoke this family, if it belongs to this client."
#[derive(Debug, Clone)]
pub struct RevokeFamily {
    /// The family.
    pub family: Uuid,
    /// Whose it must be.
    pub client_id: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for RevokeFamily {
    /// What was reached; `None` when there is no such family of that client.
    type Reply = Result<Option<Reach>, StoreError>;
}
