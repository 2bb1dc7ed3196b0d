//! `authserver admin client`

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use protocol::client::{ClientStatus, RegistrationSource};

use super::super::{CliError, output};
use super::{Counter, Part, change};
use crate::admin::{
    ClientDeletion, ClientPath, CreateClient, DeleteClient, GetClient, ListClients,
    ReactivateClient, RevokeClient, RotateClientSecret, SuspendClient, UpdateClient,
};
use crate::administration::client::{
    ClientList, ClientPatch, ClientQuery, ClientView, ClientWithSecret, NewClient, StatusChange,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Register a client; its secret is shown once.
    Create(Create),
    /// List clients, newest first.
    List(List),
    /// Show a client.
    Get(Which),
    /// Change a client; what is not named stays as it is.
    Update(Update),
    /// Delete a client.
    Delete {
        #[command(flatten)]
        which: Which,
        /// Also when it holds what still works, which is then revoked.
        #[arg(long)]
        force: bool,
    },
    /// Give a client a new secret, shown once; the old one stops working at once.
    RotateSecret(Which),
    /// Switch a client off; what it holds works again when it is reactivated.
    Suspend(Which),
    /// Switch a suspended client on again.
    Reactivate(Which),
    /// Switch a client off for good, and revoke everything it holds.
    Revoke(Which),
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The client's id.
    client_id: String,
}

impl Which {
    fn path(&self) -> ClientPath {
        ClientPath { client_id: self.client_id.clone() }
    }
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those with this status: active, suspended or revoked.
    #[arg(long)]
    status: Option<ClientStatus>,
    /// Only those that came this way: admin, dcr or cimd.
    #[arg(long)]
    source: Option<RegistrationSource>,
    #[command(flatten)]
    part: Part,
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
    /// none, client_secret_basic, client_secret_post or private_key_jwt [default: private_key_jwt
    /// with keys, client_secret_basic without].
    #[arg(long, value_name = "METHOD")]
    auth_method: Option<String>,
    /// A file with the client's public keys, as a JWK set.
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    jwks: Option<PathBuf>,
    /// The URL where the client publishes its public keys.
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
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
    /// The client gets tokens bound to a key only (DPoP).
    #[arg(long)]
    dpop_bound: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    which: Which,
    /// Name shown to people.
    #[arg(long)]
    name: Option<String>,
    /// All its redirect URIs, comma separated or repeated.
    #[arg(long, value_delimiter = ',', value_name = "URI")]
    redirect_uris: Option<Vec<String>>,
    /// All its grants, comma separated.
    #[arg(long, value_delimiter = ',', value_name = "GRANT")]
    grant_types: Option<Vec<String>>,
    /// none, client_secret_basic, client_secret_post or private_key_jwt.
    #[arg(long, value_name = "METHOD")]
    auth_method: Option<String>,
    /// A file with its public keys, as a JWK set.
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    jwks: Option<PathBuf>,
    /// The URL where it publishes its public keys; '' for none.
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
    /// Scope ceiling, space separated; '' takes it away.
    #[arg(long)]
    scope: Option<String>,
    /// URI or slug of the resource meant when a request names none; '' for none.
    #[arg(long, value_name = "RESOURCE")]
    default_resource: Option<String>,
    /// Whether the client is an agent.
    #[arg(long, value_name = "true|false")]
    agent: Option<bool>,
    /// What the agent is for; '' for nothing.
    #[arg(long, value_name = "TEXT")]
    agent_description: Option<String>,
    /// Whether the client gets tokens bound to a key only (DPoP).
    #[arg(long, value_name = "true|false")]
    dpop_bound: Option<bool>,
}

pub(super) async fn run(command: Command, counter: &Counter<'_>) -> Result<(), CliError> {
    match command {
        Command::Create(create) => run_create(create, counter).await,
        Command::List(List { status, source, part: Part { limit, offset } }) => {
            let query = ClientQuery { status, source, limit, offset };
            let said = |list: &ClientList| {
                table(&list.clients)?;
                output::part(list.clients.len(), list.total, offset)
            };
            counter.show(ListClients { query }, said).await
        }
        Command::Get(which) => counter.show(GetClient { path: which.path() }, fields).await,
        Command::Update(update) => run_update(update, counter).await,
        Command::Delete { which, force } => {
            let delete = DeleteClient { path: which.path(), query: ClientDeletion { force } };
            let done = |_: &_| output::line(&format!("Client {} is deleted.", which.client_id));
            counter.show(delete, done).await
        }
        Command::RotateSecret(which) => {
            let rotate = RotateClientSecret { path: which.path() };
            counter.show(rotate, |new| secret(&new.client_id, Some(&new.client_secret))).await
        }
        Command::Suspend(which) => {
            counter.show(SuspendClient { path: which.path() }, |it| status(&which, it)).await
        }
        Command::Reactivate(which) => {
            counter.show(ReactivateClient { path: which.path() }, |it| status(&which, it)).await
        }
        Command::Revoke(which) => {
            let said = |change: &StatusChange| {
                status(&which, change)?;
                output::revoked(change.revoked)
            };
            counter.show(RevokeClient { path: which.path() }, said).await
        }
    }
}

fn read_jwks(file: &Path) -> Result<serde_json::Value, CliError> {
    let unreadable = |why: String| CliError::Usage(format!("--jwks {}: {why}", file.display()));
    let text = std::fs::read(file).map_err(|error| unreadable(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| unreadable(format!("not JSON: {error}")))
}

async fn run_create(create: Create, counter: &Counter<'_>) -> Result<(), CliError> {
    let body = NewClient {
        name: create.name,
        redirect_uris: create.redirect_uris,
        grant_types: create.grant_types,
        auth_method: create.auth_method,
        scope: create.scope,
        default_resource: create.default_resource,
        agent: create.agent,
        agent_description: create.agent_description,
        jwks: create.jwks.as_deref().map(read_jwks).transpose()?,
        jwks_uri: create.jwks_uri,
        dpop_bound: create.dpop_bound,
        ..NewClient::default()
    };
    let created = |new: &ClientWithSecret| secret(&new.client_id, new.client_secret.as_deref());
    counter.show(CreateClient { body }, created).await
}

async fn run_update(update: Update, counter: &Counter<'_>) -> Result<(), CliError> {
    let body = ClientPatch {
        client_name: change(update.name),
        redirect_uris: change(update.redirect_uris),
        grant_types: change(update.grant_types),
        token_endpoint_auth_method: change(update.auth_method),
        scope: change(update.scope),
        default_resource: change(update.default_resource),
        agent: change(update.agent),
        agent_description: change(update.agent_description),
        jwks: change(update.jwks.as_deref().map(read_jwks).transpose()?),
        jwks_uri: change(update.jwks_uri),
        dpop_bound: change(update.dpop_bound),
        ..ClientPatch::default()
    };
    let changed = |new: &ClientWithSecret| {
        fields(&new.client)?;
        match new.client_secret.as_deref() {
            Some(made) => secret(&new.client_id, Some(made)),
            None => Ok(()),
        }
    };
    counter.show(UpdateClient { path: update.which.path(), body }, changed).await
}

fn status(which: &Which, change: &StatusChange) -> io::Result<()> {
    output::line(&format!("Client {} is {}.", which.client_id, change.status))
}

fn secret(client_id: &str, secret: Option<&str>) -> io::Result<()> {
    let mut fields = vec![("client_id", client_id.to_owned())];
    if let Some(secret) = secret {
        fields.push(("client_secret", format!("{secret}   (shown this once; keep it)")));
    }
    output::fields(&fields)
}

fn grants(client: &ClientView) -> String {
    let words: Vec<&str> = client.grant_types.iter().map(|grant| grant.as_str()).collect();
    words.join(" ")
}

fn table(clients: &[ClientView]) -> io::Result<()> {
    let rows = clients.iter().map(|client| {
        vec![
            client.id.clone(),
            client.name.clone(),
            client.token_endpoint_auth_method.to_string(),
            grants(client),
            client.status.to_string(),
            client.registration_source.to_string(),
        ]
    });
    let heading = ["ID", "NAME", "AUTH METHOD", "GRANTS", "STATUS", "SOURCE"];
    output::table(&heading, rows.collect())
}

fn fields(client: &ClientView) -> io::Result<()> {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    output::fields(&[
        ("client_id", client.id.clone()),
        ("name", client.name.clone()),
        ("status", client.status.to_string()),
        ("source", client.registration_source.to_string()),
        ("auth method", client.token_endpoint_auth_method.to_string()),
        ("grants", grants(client)),
        ("redirect uris", client.redirect_uris.join(" ")),
        ("scope", or_none(&client.scope)),
        ("default resource", or_none(&client.default_resource)),
        ("agent", client.agent.to_string()),
        ("agent description", or_none(&client.agent_description)),
        ("dpop bound", client.dpop_bound.to_string()),
        ("registered at", output::time(client.issued_at)),
        ("updated at", output::time(client.updated_at)),
    ])
}
