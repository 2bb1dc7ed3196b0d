//! Server secrets: listing them, changing them by hand.

use actors::keys::KeyStoreError;
use actors::secrets::{ListSecrets, RotateSecrets, SecretsError};
use chrono::{DateTime, Utc};
use protocol::secret_ring::Entry;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AdminError, Desk};

/// A server secret as operators see one; never the secret itself.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SecretView {
    /// Its place in the ring; the root secret is the first.
    pub number: u32,
    /// `next`, `active` or `retired`.
    pub status: String,
    /// From when on things are made with it; not said of the first, which was there from the
    /// beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signs_from: Option<DateTime<Utc>>,
    /// When another takes or took over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relieved_at: Option<DateTime<Utc>>,
    /// When nothing counts any more that it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<DateTime<Utc>>,
}

/// The ring of server secrets.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SecretList {
    /// Those that count, oldest first.
    pub secrets: Vec<SecretView>,
}

/// What may be said about a rotation of secrets.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecretRotation {
    /// Make everything with the new secret at once, and recognise nothing that was made with
    /// those before: for a stolen secret only. Every refresh token and every minted admin key
    /// ends.
    pub emergency: bool,
}

impl SecretList {
    fn of(entries: Vec<Entry>) -> SecretList {
        let view = |Entry { number, state, signs_from, relieved_at, gone_at }| {
            let status = state.as_str().to_owned();
            SecretView { number, status, signs_from, relieved_at, gone_at }
        };
        SecretList { secrets: entries.into_iter().map(view).collect() }
    }
}

/// The server secrets that count, oldest first.
///
/// # Errors
/// A failure of the server.
pub async fn list(desk: &Desk<'_>) -> Result<SecretList, AdminError> {
    Ok(SecretList::of(desk.keepers.secrets.ask(ListSecrets).await?))
}

/// Announces a new secret; in an emergency it takes over at once, and those before are dropped.
///
/// # Errors
/// [`AdminError::Conflict`] while another is announced, or when there are too many, or a failure
/// of the server.
pub async fn rotate(desk: &Desk<'_>, rotation: SecretRotation) -> Result<SecretList, AdminError> {
    let (admin, origin) = (desk.admin.to_owned(), desk.origin.clone());
    let order = RotateSecrets { emergency: rotation.emergency, admin, origin };
    let rotated = desk.keepers.secrets.ask(order).await?;
    let entries = rotated.map_err(|error| match error {
        SecretsError::UnderWay { .. } | SecretsError::Full(_) | SecretsError::Contended => {
            AdminError::Conflict(error.to_string())
        }
        SecretsError::Store(error) => AdminError::Store(error),
        error => AdminError::Keys(KeyStoreError::Ring(error)),
    })?;
    Ok(SecretList::of(entries))
}
