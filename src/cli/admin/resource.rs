//! `authserver admin resource`

use std::io;

use clap::{Args, Subcommand};

use super::super::{CliError, output};
use super::policy::{self, ClientEntry, UrlEntry};
use super::scopes::Scopes;
use super::{Counter, Part, change};
use crate::admin::{
    AddExchangeClient, AddRuntimeClient, CreateResource, DeleteResource, GetResource,
    ListExchangeClients, ListResources, ListRuntimeClients, RemoveExchangeClient,
    RemoveRuntimeClient, ResourceDeletion, ResourcePath, UpdateResource,
};
use crate::administration::resource::{
    DpopInput, NewPolicy, NewResource, PolicyPatch, ResourceList, ResourcePatch, ResourceQuery,
    ResourceView, RuntimeInput,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Register a resource (an MCP server).
    Create(Create),
    /// List resources.
    List(Part),
    /// Show a resource.
    Get(Which),
    /// Change a resource; what is not named stays as it is.
    Update(Update),
    /// Delete a resource.
    Delete {
        #[command(flatten)]
        which: Which,
        /// Also when something rests on it, which then goes with it.
        #[arg(long)]
        cascade: bool,
    },
    /// Clients that may act as a resource: introspect its tokens, exchange as it.
    #[command(subcommand)]
    RuntimeClient(ClientEntry),
    /// Clients that may exchange tokens for a resource; with none listed any may.
    #[command(subcommand)]
    ExchangeClient(ClientEntry),
    /// Where people may return to after they connected an account.
    #[command(subcommand)]
    ReturnUrl(UrlEntry),
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The resource's slug or id.
    resource: String,
}

impl Which {
    fn path(&self) -> ResourcePath {
        ResourcePath { resource: self.resource.clone() }
    }
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
    #[command(flatten)]
    scopes: Scopes,
    /// A client that may act as the resource (repeatable).
    #[arg(long = "runtime-client", value_name = "CLIENT_ID")]
    runtime_clients: Vec<String>,
    /// Its tokens have to be bound to a key (DPoP); nobody gets a bearer token for it.
    #[arg(long)]
    dpop_required: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    which: Which,
    /// The resource's URI, exactly as its clients name it.
    #[arg(long)]
    uri: Option<String>,
    /// Another URI that means the same resource (repeatable); these are then all.
    #[arg(long = "alias", value_name = "URI")]
    aliases: Option<Vec<String>>,
    /// Name shown to people; '' for the slug.
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Whether its scopes are shown in the server's metadata.
    #[arg(long, value_name = "true|false")]
    discoverable: Option<bool>,
    /// Whether its tokens have to be bound to a key (DPoP).
    #[arg(long, value_name = "true|false")]
    dpop_required: Option<bool>,
    #[command(flatten)]
    scopes: Scopes,
}

pub(super) async fn run(command: Command, counter: &Counter<'_>) -> Result<(), CliError> {
    match command {
        Command::Create(create) => run_create(create, counter).await,
        Command::List(Part { limit, offset }) => {
            let query = ResourceQuery { limit, offset };
            let said = |list: &ResourceList| {
                table(&list.resources)?;
                output::part(list.resources.len(), list.total, offset)
            };
            counter.show(ListResources { query }, said).await
        }
        Command::Get(which) => counter.show(GetResource { path: which.path() }, fields).await,
        Command::Update(update) => run_update(update, counter).await,
        Command::Delete { which, cascade } => {
            let query = ResourceDeletion { cascade };
            let done = |_: &_| output::line(&format!("Resource {} is deleted.", which.resource));
            counter.show(DeleteResource { path: which.path(), query }, done).await
        }
        Command::RuntimeClient(entry) => {
            policy::clients::<AddRuntimeClient, RemoveRuntimeClient, ListRuntimeClients>(
                entry, counter,
            )
            .await
        }
        Command::ExchangeClient(entry) => {
            policy::clients::<AddExchangeClient, RemoveExchangeClient, ListExchangeClients>(
                entry, counter,
            )
            .await
        }
        Command::ReturnUrl(entry) => policy::return_urls(entry, counter).await,
    }
}

async fn run_create(create: Create, counter: &Counter<'_>) -> Result<(), CliError> {
    let runtime = RuntimeInput { client_ids: create.runtime_clients };
    let body = NewResource {
        slug: create.slug,
        uri: create.uri,
        aliases: create.aliases,
        display_name: create.display_name,
        discoverable: create.discoverable,
        scopes: create.scopes.read()?.unwrap_or_default(),
        policy: NewPolicy {
            runtime,
            dpop: DpopInput { required: create.dpop_required },
            ..NewPolicy::default()
        },
        ..NewResource::default()
    };
    counter.show(CreateResource { body }, fields).await
}

async fn run_update(update: Update, counter: &Counter<'_>) -> Result<(), CliError> {
    let body = ResourcePatch {
        uri: change(update.uri),
        aliases: change(update.aliases),
        display_name: change(update.display_name),
        discoverable: change(update.discoverable),
        scopes: change(update.scopes.read()?),
        policy: PolicyPatch {
            dpop: change(update.dpop_required.map(|required| DpopInput { required })),
            ..PolicyPatch::default()
        },
        ..ResourcePatch::default()
    };
    counter.show(UpdateResource { path: update.which.path(), body }, fields).await
}

fn scopes(resource: &ResourceView) -> String {
    let names: Vec<&str> = resource.scopes.iter().map(|scope| scope.name.as_str()).collect();
    names.join(" ")
}

fn default_scopes(resource: &ResourceView) -> String {
    let defaults = resource.scopes.iter().filter(|scope| scope.default);
    let names: Vec<&str> = defaults.map(|scope| scope.name.as_str()).collect();
    if names.is_empty() { "all".to_owned() } else { names.join(" ") }
}

fn fields(resource: &ResourceView) -> io::Result<()> {
    let policy = &resource.policy;
    let mut fields = vec![
        ("resource_id", resource.id.to_string()),
        ("slug", resource.slug.clone()),
        ("uri", resource.uri.clone()),
        ("aliases", resource.aliases.join(" ")),
        ("display name", resource.display_name.clone()),
        ("discoverable", resource.discoverable.to_string()),
        ("scopes", scopes(resource)),
        ("default scopes", default_scopes(resource)),
        ("runtime clients", policy.runtime.client_ids.join(" ")),
        ("exchange clients", policy.exchange.allowed_client_ids.join(" ")),
        ("dpop required", policy.dpop.required.to_string()),
        ("return urls", policy.connect.allowed_return_urls.join(" ")),
    ];
    if !resource.missing_clients.is_empty() {
        fields.push(("no such clients", resource.missing_clients.join(" ")));
    }
    output::fields(&fields)
}

fn table(resources: &[ResourceView]) -> io::Result<()> {
    let rows = resources.iter().map(|resource| {
        let clients = resource.policy.runtime.client_ids.join(" ");
        vec![resource.slug.clone(), resource.uri.clone(), scopes(resource), clients]
    });
    output::table(&["SLUG", "URI", "SCOPES", "RUNTIME CLIENTS"], rows.collect())
}
