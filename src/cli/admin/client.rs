//! `authserver admin client`

use std::io;

use clap::{Args, Subcommand};

use super::super::{CliError, output};
use super::Counter;
use crate::admin::{
    ClientPath, CreateClient, ListClients, ReactivateClient, RevokeClient, SuspendClient,
};
use crate::administration::client::{
    ClientQuery, ClientView, ClientWithSecret, NewClient, StatusChange,
};

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
}

pub(super) async fn run(command: Command, counter: &Counter<'_>) -> Result<(), CliError> {
    match command {
        Command::Create(create) => {
            let body = NewClient {
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
            counter.show(CreateClient { body }, created).await
        }
        Command::Suspend { client_id } => {
            let say = |change: &StatusChange| status(&client_id, change);
            counter.show(SuspendClient { path: named(&client_id) }, say).await
        }
        Command::Reactivate { client_id } => {
            let say = |change: &StatusChange| status(&client_id, change);
            counter.show(ReactivateClient { path: named(&client_id) }, say).await
        }
        Command::Revoke { client_id } => {
            let say = |change: &StatusChange| {
                status(&client_id, change)?;
                output::revoked(change.revoked)
            };
            counter.show(RevokeClient { path: named(&client_id) }, say).await
        }
        Command::List { limit } => {
            let query = ClientQuery { limit: Some(limit), ..ClientQuery::default() };
            counter.show(ListClients { query }, |list| table(&list.clients)).await
        }
    }
}

fn named(client_id: &str) -> ClientPath {
    ClientPath { client_id: client_id.to_owned() }
}

fn status(client_id: &str, change: &StatusChange) -> io::Result<()> {
    output::line(&format!("Client {client_id} is {}.", change.status))
}

fn table(clients: &[ClientView]) -> io::Result<()> {
    let rows = clients.iter().map(|client| {
        let grants: Vec<&str> = client.grant_types.iter().map(|grant| grant.as_str()).collect();
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
    output::table(&heading, rows.collect())
}

fn created(created: &ClientWithSecret) -> io::Result<()> {
    let mut fields = vec![("client_id", created.client_id.clone())];
    if let Some(secret) = &created.client_secret {
        fields.push(("client_secret", format!("{secret}   (shown this once; keep it)")));
    }
    output::fields(&fields)
}
