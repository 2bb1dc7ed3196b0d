//! `authserver admin resource`

use std::path::PathBuf;

use actors::catalog::{ListChange, PolicyList};
use clap::{Args, Subcommand};
use protocol::resource::{MintResource, ScopeEntry};

use super::super::{CliError, output};
use crate::administration::Desk;
use crate::administration::resource::{
    self, NewPolicy, NewResource, ResourceView, RuntimeInput, policy,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Register a resource (an MCP server).
    Create(Create),
    /// List resources.
    List,
    /// Clients that may act as a resource: introspect its tokens, exchange as it.
    #[command(subcommand)]
    RuntimeClient(RuntimeClient),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Short name: a-z, 0-9 and '-'.
    #[arg(long)]
    slug: String,
    /// The resource's URI, exactly as its clients name it; becomes the tokens' audience.
    #[arg(long)]
    uri: String,
    /// Another URI that means the same resource (repeatable).
    #[arg(long = "alias", value_name = "URI")]
    aliases: Vec<String>,
    /// Name shown to people [default: the slug].
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Show its scopes in the server's metadata.
    #[arg(long)]
    discoverable: bool,
    /// A scope: 'name', or 'name||description' (repeatable).
    #[arg(long, value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A file with one such scope a line; '#' begins a comment.
    #[arg(long, value_name = "FILE")]
    scopes_file: Option<PathBuf>,
    /// Scopes given when a request names none, comma separated [default: all].
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    default_scopes: Vec<String>,
    /// A client that may act as the resource (repeatable).
    #[arg(long = "runtime-client", value_name = "CLIENT_ID")]
    runtime_clients: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RuntimeClient {
    /// Let a client act as the resource.
    Add(ResourceAndClient),
    /// Let it no longer.
    Remove(ResourceAndClient),
    /// List them.
    List {
        /// The resource's slug.
        slug: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ResourceAndClient {
    /// The resource's slug.
    slug: String,
    /// The client's id.
    client_id: String,
}

pub(super) async fn run(command: Command, desk: &Desk<'_>, json: bool) -> Result<(), CliError> {
    match command {
        Command::Create(create) => run_create(create, desk, json).await,
        Command::List => list(desk, json),
        Command::RuntimeClient(command) => runtime_client(command, desk).await,
    }
}

async fn run_create(create: Create, desk: &Desk<'_>, json: bool) -> Result<(), CliError> {
    let scopes = scopes(&create)?;
    let new = NewResource {
        slug: create.slug,
        uri: create.uri,
        aliases: create.aliases,
        display_name: create.display_name,
        discoverable: create.discoverable,
        scopes,
        policy: NewPolicy {
            runtime: RuntimeInput { client_ids: create.runtime_clients },
            ..NewPolicy::default()
        },
        ..NewResource::default()
    };
    let resource = resource::create(desk, new).await?;
    if json {
        return Ok(output::json(&ResourceView::from(&resource))?);
    }
    let fields = [
        ("slug", resource.slug.clone()),
        ("uri", resource.uri.clone()),
        ("scopes", resource.catalog().to_string()),
        ("default scopes", resource.default_scopes().to_string()),
    ];
    Ok(output::fields(&fields)?)
}

/// `name|upstream|description`; the middle is for broker resources.
fn scopes(create: &Create) -> Result<Vec<ScopeEntry>, CliError> {
    let mut lines = create.scopes.clone();
    if let Some(file) = &create.scopes_file {
        let text = std::fs::read_to_string(file).map_err(|error| {
            CliError::Usage(format!("--scopes-file {}: {error}", file.display()))
        })?;
        let meant = |line: &&str| !line.is_empty() && !line.starts_with('#');
        lines.extend(text.lines().map(str::trim).filter(meant).map(str::to_owned));
    }
    let mut scopes = Vec::with_capacity(lines.len());
    for line in &lines {
        let mut parts = line.splitn(3, '|').map(str::trim);
        let name = parts.next().unwrap_or_default();
        if parts.next().is_some_and(|upstream| !upstream.is_empty()) {
            return Err(CliError::Usage(format!(
                "scope '{name}': upstream scopes belong to broker resources, which are not built yet"
            )));
        }
        let description = parts.next().filter(|text| !text.is_empty()).map(str::to_owned);
        let default = create.default_scopes.iter().any(|wanted| wanted == name);
        scopes.push(ScopeEntry { name: name.to_owned(), description, default });
    }
    match create.default_scopes.iter().find(|name| scopes.iter().all(|s| s.name != **name)) {
        Some(stranger) => Err(CliError::Usage(format!(
            "--default-scopes names '{stranger}', which is not among --scopes"
        ))),
        None => Ok(scopes),
    }
}

fn list(desk: &Desk<'_>, json: bool) -> Result<(), CliError> {
    let resources = desk.keepers.catalog.resources();
    if json {
        let views: Vec<ResourceView> = resources.iter().map(ResourceView::from).collect();
        return Ok(output::json(&views)?);
    }
    let row = |resource: &MintResource| {
        vec![
            resource.slug.clone(),
            resource.uri.clone(),
            resource.catalog().to_string(),
            resource.policy.runtime.client_ids.join(" "),
        ]
    };
    let rows = resources.iter().map(row).collect();
    Ok(output::table(&["SLUG", "URI", "SCOPES", "RUNTIME CLIENTS"], rows)?)
}

async fn runtime_client(command: RuntimeClient, desk: &Desk<'_>) -> Result<(), CliError> {
    let clients = match command {
        RuntimeClient::Add(ResourceAndClient { slug, client_id }) => {
            let change = ListChange::Add;
            resource::change_runtime_client(desk, &slug, &client_id, change).await?
        }
        RuntimeClient::Remove(ResourceAndClient { slug, client_id }) => {
            let change = ListChange::Remove;
            resource::change_runtime_client(desk, &slug, &client_id, change).await?
        }
        RuntimeClient::List { slug } => {
            policy::entries(desk, &slug, PolicyList::RuntimeClients).await?
        }
    };
    Ok(output::json(&serde_json::json!({ "client_ids": clients }))?)
}
