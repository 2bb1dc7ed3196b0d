//! `authserver admin grant`

use clap::Subcommand;
use uuid::Uuid;

use super::super::{CliError, output};
use crate::administration::Desk;
use crate::administration::grant::{self, ConsentGrantView};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what a person agreed to, the latest first.
    ListUserGrants {
        /// The user's id or e-mail address.
        user: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take a consent back, with every token that rests on it.
    RevokeConsent {
        /// The consent grant's id.
        id: Uuid,
    },
}

pub(super) async fn run(command: Command, desk: &Desk<'_>) -> Result<(), CliError> {
    match command {
        Command::ListUserGrants { user, json } => {
            let grants = grant::of_user(desk, &user).await?;
            if json {
                let views: Vec<ConsentGrantView> =
                    grants.iter().map(ConsentGrantView::from).collect();
                return Ok(output::json(&serde_json::json!({ "consent_grants": views }))?);
            }
            let rows = grants.iter().map(|grant| {
                let state = if grant.revoked_at.is_some() { "revoked" } else { "live" };
                let (client, scopes) = (grant.client_id.clone(), grant.scopes.clone());
                vec![
                    grant.id.to_string(),
                    client,
                    grant.resource_id.to_string(),
                    scopes,
                    state.to_owned(),
                ]
            });
            let heading = ["ID", "CLIENT", "RESOURCE", "SCOPES", "STATE"];
            Ok(output::table(&heading, rows.collect())?)
        }
        Command::RevokeConsent { id } => {
            let reach = grant::revoke(desk, id).await?;
            output::line(&format!("Consent grant {id} is revoked."))?;
            Ok(output::reach(reach)?)
        }
    }
}
