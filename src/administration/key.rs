//! Signing keys: listing them, changing them by hand.

use actors::keys::schedule::Entry;
use actors::keys::{KeyFileError, ListKeys, RotateError, RotateKeys};
use serde::Serialize;

use super::{AdminError, Desk};

/// A key as operators see one.
#[derive(Debug, Serialize)]
pub struct KeyView {
    kid: String,
    alg: String,
    r#use: &'static str,
    status: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes_at: Option<String>,
}

impl From<&Entry> for KeyView {
    fn from(entry: &Entry) -> KeyView {
        KeyView {
            kid: entry.kid.clone(),
            alg: entry.alg.to_string(),
            r#use: "sig",
            status: entry.state.to_string(),
            created_at: entry.created_at.to_rfc3339(),
            changes_at: entry.changes_at.map(|at| at.to_rfc3339()),
        }
    }
}

/// The signing keys, in the order they were made.
///
/// # Errors
/// A failure of the server.
pub async fn list(desk: &Desk<'_>) -> Result<Vec<Entry>, AdminError> {
    Ok(desk.keepers.keys.ask(ListKeys).await?)
}

/// Announces a new key; in an emergency it signs at once, and the old one may be dropped.
///
/// # Errors
/// [`AdminError::Conflict`] while a rotation is under way, or a failure of the server.
pub async fn rotate(desk: &Desk<'_>, emergency: bool, drop_old: bool) -> Result<Entry, AdminError> {
    let (admin, origin) = (desk.admin.to_owned(), desk.origin.clone());
    let order = RotateKeys { emergency, drop_old, admin, origin };
    desk.keepers.keys.ask(order).await?.map_err(|error| match error {
        RotateError::Files(under_way @ KeyFileError::RotationUnderWay(_)) => {
            AdminError::Conflict(under_way.to_string())
        }
        RotateError::Files(error) => AdminError::Keys(error),
        RotateError::Store(error) => AdminError::Store(error),
    })
}
