//! Whether a minted key that somebody has is good here, and if not, why. For those who may see
//! admin keys anyway: who presents one at the door learns only that it is refused.

use std::fmt;

use actors::admin_keys::FindAdminKey;
use protocol::admin_key::{Inspected, MintedKey, Refusal};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AdminKeyView, refused};
use crate::administration::{AdminError, Desk};

/// A key to be looked at.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PresentedKey {
    /// The key itself.
    pub key: String,
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedKey(…)")
    }
}

/// How a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is good now.
    Valid,
    /// It is ours, and has ended.
    Expired,
    /// It is ours, and was revoked.
    Revoked,
    /// It is ours, and was narrowed until no right was left.
    NoRights,
    /// It is signed by this installation, whose database does not know it.
    Unknown,
    /// It is signed by another installation, or was changed.
    NotOurs,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Standing::Valid => "the key is good",
            Standing::Expired => "the key has expired",
            Standing::Revoked => "the key was revoked",
            Standing::NoRights => "the key was narrowed until no right was left",
            Standing::Unknown => {
                "the key is signed here, but the database does not know it: it expired long ago, or \
                 it was minted after the backup that the database was restored from. Mint another"
            }
            Standing::NotOurs => {
                "the key is not ours: it is of another installation, it was changed, or the server \
                 secret it was minted with was dropped"
            }
        })
    }
}

/// What became of a key.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeyStanding {
    /// How it stands.
    pub standing: Standing,
    /// The same in words.
    pub detail: String,
    /// What is kept of the key it is, or was narrowed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<AdminKeyView>,
}

/// How `presented` stands. Not noted as a use of it.
///
/// # Errors
/// [`AdminError::Invalid`] when it cannot be read as a minted key, or a failure of the server.
pub async fn standing(
    desk: &Desk<'_>,
    presented: &PresentedKey,
) -> Result<KeyStanding, AdminError> {
    let key = MintedKey::presented(presented.key.trim()).map_err(refused)?;
    let id = Inspected::of(&key).map_err(refused)?.id;
    let now = desk.environment.now();
    let ring = desk.keepers.secret_ring.current();
    let signed = match ring.minted_admin_keys.verify(&key, now) {
        Ok(_) => Standing::Valid,
        Err(Refusal::Expired) => Standing::Expired,
        Err(Refusal::NoRights) => Standing::NoRights,
        Err(Refusal::BadSignature) => Standing::NotOurs,
        Err(unreadable) => return Err(refused(unreadable)),
    };
    // Whoever signs with another key may name any row; what it says is about somebody else's key.
    let row = match signed {
        Standing::NotOurs => None,
        _ => desk.keepers.admin_keys.ask(FindAdminKey(id)).await??,
    };
    let standing = match (&row, signed) {
        (Some(row), _) if row.revoked_at.is_some() => Standing::Revoked,
        (Some(row), Standing::Valid) if row.expires_at <= now => Standing::Expired,
        (None, Standing::Valid) => Standing::Unknown,
        (_, signed) => signed,
    };
    let about = row.map(|row| AdminKeyView::of(row, now));
    Ok(KeyStanding { standing, detail: standing.to_string(), about })
}
