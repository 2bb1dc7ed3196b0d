//! Resources that an operator registers, and who may act as them.

use std::collections::BTreeSet;

use actors::audit::Event;
use actors::catalog::{AddResource, ChangeRuntimeClient, RuntimeClientChange};
use protocol::resource::{
    MintResource, ResourcePolicy, ResourceUri, RuntimePolicy, ScopeEntry, is_slug,
};
use protocol::scope::{MAX_SCOPES, OFFLINE_ACCESS, is_scope_token};
use serde::Serialize;

use super::{AdminError, Desk, Kind};

/// What an operator says about a new resource.
#[derive(Debug, Clone, Default)]
pub struct NewResource {
    /// The operator's name for it.
    pub slug: String,
    /// RFC 8707 identifier; becomes `aud`.
    pub uri: String,
    /// Other URIs that mean the same.
    pub aliases: Vec<String>,
    /// Name shown to people; the slug when none is given.
    pub display_name: Option<String>,
    /// Whether its scopes appear in the server's metadata.
    pub discoverable: bool,
    /// Scope catalog.
    pub scopes: Vec<ScopeEntry>,
    /// Clients that may act as it.
    pub runtime_clients: Vec<String>,
}

/// A resource as operators see one.
#[derive(Debug, Serialize)]
pub struct ResourceView<'a> {
    id: String,
    slug: &'a str,
    uri: &'a str,
    aliases: &'a [String],
    backend_kind: &'static str,
    display_name: &'a str,
    discoverable: bool,
    scopes: &'a [ScopeEntry],
    policy: &'a ResourcePolicy,
}

impl<'a> From<&'a MintResource> for ResourceView<'a> {
    fn from(resource: &'a MintResource) -> ResourceView<'a> {
        ResourceView {
            id: resource.id.to_string(),
            slug: &resource.slug,
            uri: &resource.uri,
            aliases: &resource.aliases,
            backend_kind: "mint",
            display_name: &resource.display_name,
            discoverable: resource.discoverable,
            scopes: &resource.scopes,
            policy: &resource.policy,
        }
    }
}

/// Registers a mint resource.
///
/// # Errors
/// [`AdminError::Invalid`] that names the member at fault, [`AdminError::Conflict`]
/// when slug, URI or an alias is taken, or a failure of the server.
pub async fn create(desk: &Desk<'_>, new: NewResource) -> Result<MintResource, AdminError> {
    let resource = checked(desk, new).await?;
    let event = Event::new("resource.created", desk.origin)
        .by(desk.admin)
        .with("slug", &resource.slug)
        .with("uri", &resource.uri);
    let order = AddResource { resource: resource.clone(), event };
    desk.keepers.clients_and_resources.ask(order).await??;
    Ok(resource)
}

/// Lets a client act as a resource, or lets it no longer; the list as it is now.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn change_runtime_client(
    desk: &Desk<'_>,
    slug: &str,
    client_id: &str,
    change: RuntimeClientChange,
) -> Result<Vec<String>, AdminError> {
    let action = match change {
        RuntimeClientChange::Add => "resource.policy.runtime.client.added",
        RuntimeClientChange::Remove => "resource.policy.runtime.client.removed",
    };
    let event = Event::new(action, desk.origin).by(desk.admin).client(client_id).with("slug", slug);
    let (slug, client_id) = (slug.to_owned(), client_id.to_owned());
    let order = ChangeRuntimeClient { slug, client_id, change, event };
    Ok(desk.keepers.clients_and_resources.ask(order).await??)
}

async fn checked(desk: &Desk<'_>, new: NewResource) -> Result<MintResource, AdminError> {
    if !is_slug(&new.slug) {
        return Err(AdminError::Invalid(format!(
            "slug '{}' must be 1 to 63 characters of a-z, 0-9 and '-', and not begin with '-'",
            new.slug
        )));
    }
    for uri in std::iter::once(&new.uri).chain(&new.aliases) {
        ResourceUri::parse(uri)
            .map_err(|error| AdminError::Invalid(format!("URI '{uri}': {error}")))?;
    }
    check_scopes(&new.scopes)?;
    for id in &new.runtime_clients {
        let known = desk.keepers.catalog.client(id).await?;
        if known.is_none() {
            return Err(AdminError::missing(Kind::Client, id));
        }
    }
    Ok(MintResource {
        id: desk.environment.new_id(),
        display_name: new.display_name.unwrap_or_else(|| new.slug.clone()),
        slug: new.slug,
        uri: new.uri,
        aliases: new.aliases,
        discoverable: new.discoverable,
        scopes: new.scopes,
        policy: ResourcePolicy {
            runtime: RuntimePolicy { client_ids: new.runtime_clients },
            ..ResourcePolicy::default()
        },
    })
}

fn check_scopes(scopes: &[ScopeEntry]) -> Result<(), AdminError> {
    if scopes.len() > MAX_SCOPES {
        return Err(AdminError::Invalid(format!("more than {MAX_SCOPES} scopes")));
    }
    let mut names = BTreeSet::new();
    for scope in scopes {
        if !is_scope_token(&scope.name) {
            return Err(AdminError::Invalid(format!(
                "'{}' is not a scope: use visible ASCII without space, quote and backslash (RFC 6749 section 3.3)",
                scope.name
            )));
        }
        if scope.name == OFFLINE_ACCESS {
            return Err(AdminError::invalid(
                "offline_access belongs to the server, not to a resource",
            ));
        }
        if !names.insert(&scope.name) {
            return Err(AdminError::Invalid(format!("scope '{}' is listed twice", scope.name)));
        }
    }
    Ok(())
}
