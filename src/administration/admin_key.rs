//! Minted admin keys: minting, listing, revoking them.

mod standing;

use std::fmt;

use actors::admin_keys::{AddAdminKey, FindAdminKey, ListAdminKeys, RevokeAdminKey};
use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use entities::Strings;
use entities::admin_key::Model;
use protocol::admin_key::{DEFAULT_LIFETIME_DAYS, KeyName, MintedKey, Rights};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::error::Kind;
use super::input::page;
use super::{AdminError, Desk, MAX_LIMIT};
use crate::config::parse_duration;

pub use standing::{KeyStanding, PresentedKey, Standing, standing};

/// A key to be minted.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAdminKey {
    /// Who it is for: letters, digits and any of `. _ @ -`.
    pub name: String,
    /// What it may do, `area:verb` each.
    pub rights: Vec<String>,
    /// How long it is good, for example `30d` or `2w`: 90 days unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<String>,
}

/// Which part of the list.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
pub struct AdminKeyQuery {
    /// How many, 100 unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u64>,
    /// How many to skip before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// A minted key as operators see one; never the key itself.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AdminKeyView {
    /// Its id.
    pub id: Uuid,
    /// Who it is for.
    pub name: String,
    /// What it may do.
    pub rights: Vec<String>,
    /// `active`, `expired` or `revoked`.
    pub status: String,
    /// Who minted it.
    pub created_by: String,
    /// When it was minted.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was used last, give or take a quarter of an hour.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// Minted keys, and how many there are in all.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AdminKeyList {
    /// The part that was asked for.
    pub keys: Vec<AdminKeyView>,
    /// How many there are.
    pub total: u64,
}

/// A key that was minted just now.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct MintedAdminKey {
    /// What is kept of it.
    #[serde(flatten)]
    pub about: AdminKeyView,
    /// The key: the only time it is shown.
    pub key: String,
}

impl fmt::Debug for MintedAdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MintedAdminKey").field("about", &self.about).finish_non_exhaustive()
    }
}

impl AdminKeyView {
    fn of(row: Model, now: DateTime<Utc>) -> AdminKeyView {
        let status = match row.revoked_at {
            Some(_) => "revoked",
            None if row.expires_at <= now => "expired",
            None => "active",
        };
        AdminKeyView {
            id: row.id,
            name: row.name,
            rights: row.rights.0,
            status: status.to_owned(),
            created_by: row.created_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used_at: row.last_used_at,
        }
    }
}

/// Mints a key. It may do and last as much as the key it is minted with, and no more.
///
/// # Errors
/// [`AdminError::Invalid`], or a failure of the server.
pub async fn mint(desk: &Desk<'_>, new: NewAdminKey) -> Result<MintedAdminKey, AdminError> {
    let name: KeyName = new.name.parse().map_err(refused)?;
    let rights: Rights = new.rights.join(",").parse().map_err(refused)?;
    if let Some(right) = rights.first_beyond(&desk.powers.rights) {
        return Err(AdminError::invalid(format!(
            "you do not have the right {right}, so you cannot give it to a key"
        )));
    }
    let now = desk.environment.now().trunc_subsecs(0);
    let lifetime = match &new.expires_in {
        Some(written) => lifetime(written)?,
        None => TimeDelta::days(DEFAULT_LIFETIME_DAYS),
    };
    let expires_at = now.checked_add_signed(lifetime).unwrap_or(DateTime::<Utc>::MAX_UTC);
    if let Some(until) = desk.powers.expires_at.filter(|until| *until < expires_at) {
        return Err(AdminError::invalid(format!(
            "your own key ends at {until}, so you cannot mint one that lasts longer: say expires_in"
        )));
    }
    let id = desk.environment.new_id();
    let minted = protocol::admin_key::Minted { id, name, rights, now, expires_at };
    let (random, ring) = (desk.environment.random_bytes(), desk.keepers.secret_ring.current());
    let key = ring.minted_admin_keys.mint(&minted, random).map_err(refused)?;
    let row = Model {
        id,
        name: minted.name.to_string(),
        rights: Strings(minted.rights.words()),
        created_by: desk.admin.to_owned(),
        created_at: now,
        expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    let origin = desk.origin.clone();
    desk.keepers.admin_keys.ask(AddAdminKey { row: row.clone(), origin }).await??;
    Ok(shown(row, &key, now))
}

fn shown(row: Model, key: &MintedKey, now: DateTime<Utc>) -> MintedAdminKey {
    MintedAdminKey { about: AdminKeyView::of(row, now), key: key.expose().to_owned() }
}

fn refused(error: impl fmt::Display) -> AdminError {
    AdminError::invalid(error.to_string())
}

/// `30d`, `2w`, `12h`, as time spans are written in the configuration. Not `1M`, which is a
/// month to some and a minute to others.
///
/// # Errors
/// [`AdminError::Invalid`].
pub fn lifetime(written: &str) -> Result<TimeDelta, AdminError> {
    let span = parse_duration(written).and_then(|span| TimeDelta::from_std(span).ok());
    span.ok_or_else(|| {
        let written = protocol::text::visible(written, 64);
        AdminError::invalid(format!(
            "'{written}' is no time span: write for example 30d, 2w or 12h"
        ))
    })
}

/// Keys, newest first; ended and revoked ones too.
///
/// # Errors
/// [`AdminError::Invalid`], or a failure of the server.
pub async fn list(desk: &Desk<'_>, query: AdminKeyQuery) -> Result<AdminKeyList, AdminError> {
    let page = page(query.limit, query.offset, MAX_LIMIT)?;
    let order = ListAdminKeys { page };
    let found = desk.keepers.admin_keys.ask(order).await??;
    let now = desk.environment.now();
    let keys = found.keys.into_iter().map(|row| AdminKeyView::of(row, now)).collect();
    Ok(AdminKeyList { keys, total: found.total })
}

/// One key.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn get(desk: &Desk<'_>, id: Uuid) -> Result<AdminKeyView, AdminError> {
    let found = desk.keepers.admin_keys.ask(FindAdminKey(id)).await??;
    let row = found.ok_or_else(|| AdminError::missing(Kind::AdminKey, id))?;
    Ok(AdminKeyView::of(row, desk.environment.now()))
}

/// Revokes a key, and with it every key that was narrowed from it, on all replicas at once.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn revoke(desk: &Desk<'_>, id: Uuid) -> Result<AdminKeyView, AdminError> {
    let (admin, origin) = (desk.admin.to_owned(), desk.origin.clone());
    let found = desk.keepers.admin_keys.ask(RevokeAdminKey { id, admin, origin }).await??;
    let row = found.ok_or_else(|| AdminError::missing(Kind::AdminKey, id))?;
    Ok(AdminKeyView::of(row, desk.environment.now()))
}
