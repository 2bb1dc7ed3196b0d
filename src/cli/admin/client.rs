//! `authserver admin client`

use clap::{Args, Subcommand};
use protocol::client::ClientStatus;
use protocol::secret::ClientSecret;

use super::super::{CliError, output};
use crate::administration::Desk;
use crate::administration::client::{self, ClientQuery, ClientView, NewClient};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Register a client; its secret is shown once.
    Create(Create),
    /// Switch a client off; what it holds works again when it is reactivated.
    Suspend {
        /// The client's id.
        client_id: String,
    },
    /// Switch a suspended client on again.
    Reactivate {
        /// The client's id.
        client_id: String,
    },
    /// Switch a client off for good, and revoke everything it holds.
    Revoke {
        /// The client's id.
        client_id: String,
    },
    /// List clients, newest first.
    List {
        /// How many.
        #[arg(long, default_value_t = 100)]
        limit: u64,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Name shown to people.
    #[arg(long)]
    name: String,
    /// Redirect URIs, comma separated or repeated.
    #[arg(long, value_delimiter = ',', value_name = "URI")]
    redirect_uris: Vec<String>,
    /// Grants, comma separated [default: authorization_code,refresh_token].
    #[arg(long, value_delimiter = ',', value_name = "GRANT")]
    grant_types: Vec<String>,
    /// none, client_secret_basic or client_secret_post [default: client_secret_basic].
    #[arg(long, value_name = "METHOD")]
    auth_method: Option<String>,
    /// Scope ceiling: the most the client may ever get, space separated.
    #[arg(long)]
    scope: Option<String>,
    /// URI or slug of the resource meant when a request names none.
    #[arg(long, value_name = "RESOURCE")]
    default_resource: Option<String>,
    /// The client is an agent: its tokens carry agent_id.
    #[arg(long)]
    agent: bool,
    /// What the agent is for.
    #[arg(long, requires = "agent", value_name = "TEXT")]
    agent_description: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: Command, desk: &Desk<'_>) -> Result<(), CliError> {
    match command {
        Command::Create(create) => run_create(create, desk).await,
        Command::Suspend { client_id } => {
            set_status(desk, &client_id, ClientStatus::Suspended).await
        }
        Command::Reactivate { client_id } => {
            set_status(desk, &client_id, ClientStatus::Active).await
        }
        Command::Revoke { client_id } => set_status(desk, &client_id, ClientStatus::Revoked).await,
        Command::List { limit, json } => {
            let query = ClientQuery { limit: Some(limit), ..ClientQuery::default() };
            let clients = client::list(desk, query).await?.clients;
            if json {
                return Ok(output::json(&clients)?);
            }
            let rows = clients.iter().map(|client| {
                let grants: Vec<&str> = client.grant_types.iter().map(|g| g.as_str()).collect();
                vec![
                    client.id.clone(),
                    client.name.clone(),
                    client.token_endpoint_auth_method.to_string(),
                    grants.join(" "),
                    client.status.to_string(),
                    client.registration_source.to_string(),
                ]
            });
            let heading = ["ID", "NAME", "AUTH METHOD", "GRANTS", "STATUS", "SOURCE"];
            Ok(output::table(&heading, rows.collect())?)
        }
    }
}

async fn set_status(
    desk: &Desk<'_>,
    client_id: &str,
    status: ClientStatus,
) -> Result<(), CliError> {
    let reach = client::set_status(desk, client_id, status).await?;
    output::line(&format!("Client {client_id} is {status}."))?;
    if status == ClientStatus::Revoked {
        output::reach(reach)?;
    }
    Ok(())
}

async fn run_create(create: Create, desk: &Desk<'_>) -> Result<(), CliError> {
    let new = NewClient {
        name: create.name,
        redirect_uris: create.redirect_uris,
        grant_types: create.grant_types,
        auth_method: create.auth_method,
        scope: create.scope,
        default_resource: create.default_resource,
        agent: create.agent,
        agent_description: create.agent_description,
        ..NewClient::default()
    };
    let created = client::create(desk, new).await?;
    let secret = created.secret.as_ref().map(ClientSecret::expose);
    if create.json {
        return Ok(output::json(&serde_json::json!({
            "client_id": created.client.id,
            "client_secret": secret,
            "client": ClientView::from(created.client.as_ref()),
        }))?);
    }
    let mut fields = vec![("client_id", created.client.id.clone())];
    if let Some(secret) = secret {
        fields.push(("client_secret", format!("{secret}   (shown this once; keep it)")));
    }
    Ok(output::fields(&fields)?)
}
