//! Settings that change while servers run: who may register clients.
//!
//! What is set here is kept in the database, holds on every server within a second, and
//! overrides `dcr.mode` of the configuration until it is reset.

use actors::catalog::SetRegistrationMode;
use protocol::registration::ModeName;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::{AdminError, Desk};
use crate::app::configured_mode;
use crate::config::Dcr;

/// Who may register, as operators see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DcrSettings {
    /// The mode in force.
    #[schema(value_type = String)]
    pub mode: ModeName,
    /// What the configuration of this process says.
    #[schema(value_type = String)]
    pub configured_mode: ModeName,
    /// Whether the mode was set by an operator and holds whatever the configuration says.
    pub overridden: bool,
}

/// Who is to register from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DcrPatch {
    /// `open`, `approved_redirects` or `admin_only`; `null` leaves it to the configuration.
    #[serde(deserialize_with = "present")]
    #[schema(required = true)]
    pub mode: Option<String>,
}

/// Tells `null` from a member that was left out, which is refused.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

/// Who may register now.
///
/// # Errors
/// When it cannot be known.
pub async fn get(desk: &Desk<'_>, dcr: &Dcr) -> Result<DcrSettings, AdminError> {
    desk.keepers.catalog.caught_up().await?;
    let ordered = desk.keepers.catalog.registration_mode();
    let configured_mode = configured_mode(dcr);
    Ok(DcrSettings {
        mode: ordered.unwrap_or(configured_mode),
        configured_mode,
        overridden: ordered.is_some(),
    })
}

/// Says who may register from now on; `None` leaves it to the configuration again. What
/// is in force then.
///
/// # Errors
/// [`AdminError::Invalid`] for an unknown mode, or for one that would let nobody in, or a
/// failure of the server.
pub async fn set(
    desk: &Desk<'_>,
    dcr: &Dcr,
    mode: Option<&str>,
) -> Result<DcrSettings, AdminError> {
    let mode = mode.map(known_mode).transpose()?;
    if mode == Some(ModeName::ApprovedRedirects) && dcr.approved_redirects.is_empty() {
        return Err(AdminError::invalid(
            "no redirect URI is approved, so approved_redirects would let nobody register; \
             set dcr.approved_redirects in the configuration first, or choose admin_only",
        ));
    }
    let order = SetRegistrationMode {
        mode,
        configured: configured_mode(dcr),
        admin: desk.admin.to_owned(),
        origin: desk.origin.clone(),
    };
    desk.keepers.clients_and_resources.ask(order).await??;
    get(desk, dcr).await
}

fn known_mode(given: &str) -> Result<ModeName, AdminError> {
    given.parse().map_err(|_| {
        let known: Vec<&str> = ModeName::ALL.iter().map(|mode| mode.as_str()).collect();
        let shown = protocol::text::visible(given, 64);
        AdminError::Invalid(format!("'{shown}' is no mode; use one of {}", known.join(", ")))
    })
}
