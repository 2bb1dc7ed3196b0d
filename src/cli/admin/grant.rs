//! `authserver admin grant`

use std::io;

use clap::Subcommand;
use uuid::Uuid;

use super::super::{CliError, output};
use super::{Counter, Part};
use crate::admin::{GrantPath, ListUserGrants, RevokeConsentGrant, UserPath};
use crate::administration::grant::{GrantQuery, UserGrants};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what a person agreed to, the latest first.
    ListUserGrants {
        /// The user's id or e-mail address.
        user: String,
        #[command(flatten)]
        part: Part,
    },
    /// Take a consent back, with every token that rests on it.
    RevokeConsent {
        /// The consent grant's id.
        id: Uuid,
    },
}

pub(super) async fn run(command: Command, counter: &Counter<'_>) -> Result<(), CliError> {
    match command {
        Command::ListUserGrants { user, part: Part { limit, offset } } => {
            let (path, query) = (UserPath { user }, GrantQuery { limit, offset });
            counter.show(ListUserGrants { path, query }, table).await
        }
        Command::RevokeConsent { id } => {
            let revoke = RevokeConsentGrant { path: GrantPath { id } };
            let done = |_: &_| output::line(&format!("Consent grant {id} is revoked."));
            counter.show(revoke, done).await
        }
    }
}

fn table(grants: &UserGrants) -> io::Result<()> {
    let rows = grants.consent_grants.iter().cloned().map(|grant| {
        let state = if grant.revoked_at.is_some() { "revoked" } else { "live" };
        let client = grant.client_name.unwrap_or(grant.client_id);
        let resource = grant.resource_slug.unwrap_or_else(|| grant.resource_id.to_string());
        vec![grant.id.to_string(), client, resource, grant.scopes.join(" "), state.to_owned()]
    });
    output::table(&["ID", "CLIENT", "RESOURCE", "SCOPES", "STATE"], rows.collect())
}
