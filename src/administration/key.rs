//! Signing keys: listing them, changing them by hand.

use actors::keys::schedule::Entry;
use actors::keys::{KeyStoreError, ListKeys, RotateError, RotateKeys};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AdminError, Desk};

/// A key as operators see one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeyView {
    /// RFC 7638 thumbprint.
    pub kid: String,
    /// What it signs with.
    pub alg: String,
    /// `sig`.
    pub r#use: String,
    /// `next`, `active` or `retired`.
    pub status: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When a `next` key starts to sign, or a `retired` one goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes_at: Option<DateTime<Utc>>,
}

/// The signing keys.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeyList {
    /// In the order they were made.
    pub keys: Vec<KeyView>,
}

/// What may be said about a rotation.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// Sign with the new key at once: for a compromised key only.
    pub emergency: bool,
    /// With `emergency` only: stop publishing the old key, so that what it signed is refused.
    pub drop_old: bool,
}

impl From<&Entry> for KeyView {
    fn from(entry: &Entry) -> KeyView {
        KeyView {
            kid: entry.kid.clone(),
            alg: entry.alg.to_string(),
            r#use: "sig".to_owned(),
            status: entry.state.to_string(),
            created_at: entry.created_at,
            changes_at: entry.changes_at,
        }
    }
}

/// The signing keys, in the order they were made.
///
/// # Errors
/// A failure of the server.
pub async fn list(desk: &Desk<'_>) -> Result<KeyList, AdminError> {
    let entries = desk.keepers.keys.ask(ListKeys).await?;
    Ok(KeyList { keys: entries.iter().map(KeyView::from).collect() })
}

/// Announces a new key; in an emergency it signs at once, and the old one may be dropped.
///
/// # Errors
/// [`AdminError::Invalid`] when the old key is to be dropped and it is no emergency,
/// [`AdminError::Conflict`] while a rotation is under way, or a failure of the server.
pub async fn rotate(desk: &Desk<'_>, rotation: Rotation) -> Result<KeyView, AdminError> {
    let Rotation { emergency, drop_old } = rotation;
    let (admin, origin) = (desk.admin.to_owned(), desk.origin.clone());
    let order = RotateKeys { emergency, drop_old, admin, origin };
    let entry = desk.keepers.keys.ask(order).await?.map_err(|error| match error {
        RotateError::DropsTheOnlyKey => AdminError::Invalid(error.to_string()),
        RotateError::Keys(
            conflict @ (KeyStoreError::RotationUnderWay(_) | KeyStoreError::Contended),
        ) => AdminError::Conflict(conflict.to_string()),
        RotateError::Keys(KeyStoreError::Store(error)) | RotateError::Store(error) => {
            AdminError::Store(error)
        }
        RotateError::Keys(error) => AdminError::Keys(error),
    })?;
    Ok(KeyView::from(&entry))
}
