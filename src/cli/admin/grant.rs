//! `authserver admin grant`

use clap::Subcommand;
use uuid::Uuid;

use super::super::{CliError, output};
use crate::administration::Desk;
use crate::administration::grant;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what a person agreed to, the latest first.
    ListUserGrants {
        /// The user's id or e-mail address.
        user: String,
    },
    /// Take a consent back, with every token that rests on it.
    RevokeConsent {
        /// The consent grant's id.
        id: Uuid,
    },
}

pub(super) async fn run(command: Command, desk: &Desk<'_>, json: bool) -> Result<(), CliError> {
    match command {
        Command::ListUserGrants { user } => {
            let grants = grant::of_user(desk, &user).await?;
            if json {
                return Ok(output::json(&grants)?);
            }
            let rows = grants.consent_grants.into_iter().map(|grant| {
                let state = if grant.revoked_at.is_some() { "revoked" } else { "live" };
                let client = grant.client_name.unwrap_or(grant.client_id);
                let resource = grant.resource_slug.unwrap_or_else(|| grant.resource_id.to_string());
                let scopes = grant.scopes.join(" ");
                vec![grant.id.to_string(), client, resource, scopes, state.to_owned()]
            });
            let heading = ["ID", "CLIENT", "RESOURCE", "SCOPES", "STATE"];
            Ok(output::table(&heading, rows.collect())?)
        }
        Command::RevokeConsent { id } => {
            let reach = grant::revoke(desk, id).await?;
            output::line(&format!("Consent grant {id} is revoked."))?;
            Ok(output::revoked(reach.into())?)
        }
    }
}
