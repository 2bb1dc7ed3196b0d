//! Resources: registering, looking at, changing and deleting them.

pub mod policy;
mod rules;

use std::collections::{BTreeSet, HashSet};

use actors::audit::Event;
use actors::catalog::{
    AddResource, DeleteResource, ExistingClients, ListResources, ReplaceResource,
};
use entities::cascade::OnResource;
use protocol::resource::{MintResource, ResourcePolicy, ScopeEntry};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::input::{MAX_LIMIT, page};
use super::redraft::until_made;
use super::{AdminError, Change, Desk, Kind};

pub use rules::{
    ConnectInput, DpopInput, ExchangeInput, NewPolicy, NewResource, PolicyPatch, ResourcePatch,
    RuntimeInput,
};

/// The only kind of resource there is in this version.
const MINT: &str = "mint";

/// A resource as operators see one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceView {
    /// Its id.
    pub id: Uuid,
    /// The operator's name for it.
    pub slug: String,
    /// RFC 8707 identifier; becomes `aud`.
    pub uri: String,
    /// Other URIs that mean the same.
    pub aliases: Vec<String>,
    /// `mint`.
    pub backend_kind: String,
    /// Name shown to people.
    pub display_name: String,
    /// Whether its scopes appear in the server's metadata.
    pub discoverable: bool,
    /// Scope catalog.
    #[schema(schema_with = rules::scope_catalog)]
    pub scopes: Vec<ScopeEntry>,
    /// Who may exchange for it and act as it, and where people may return to.
    #[schema(value_type = NewPolicy)]
    pub policy: ResourcePolicy,
    /// Clients that the policy lists and that do not exist (any more). They let nobody in; the
    /// exchange list keeps them, because with none on it any client may exchange.
    pub missing_clients: Vec<String>,
}

impl ResourceView {
    /// One that was registered just now: it was looked whether the clients it lists are there.
    #[must_use]
    pub fn registered(resource: MintResource) -> ResourceView {
        let listed = listed_clients(&resource).cloned().collect();
        ResourceView::new(resource, &listed)
    }

    fn new(resource: MintResource, existing: &HashSet<String>) -> ResourceView {
        let mut missing_clients: Vec<String> = listed_clients(&resource).cloned().collect();
        missing_clients.retain(|id| !existing.contains(id));
        missing_clients.sort_unstable();
        missing_clients.dedup();
        ResourceView {
            id: resource.id,
            slug: resource.slug,
            uri: resource.uri,
            aliases: resource.aliases,
            backend_kind: MINT.to_owned(),
            display_name: resource.display_name,
            discoverable: resource.discoverable,
            scopes: resource.scopes,
            policy: resource.policy,
            missing_clients,
        }
    }
}

/// The clients that the policy lists, with repetitions.
fn listed_clients(resource: &MintResource) -> impl Iterator<Item = &String> {
    let ResourcePolicy { exchange, runtime, .. } = &resource.policy;
    exchange.allowed_client_ids.iter().chain(&runtime.client_ids)
}

/// Those of the clients that these resources list that are there.
async fn existing(
    desk: &Desk<'_>,
    resources: &[MintResource],
) -> Result<HashSet<String>, AdminError> {
    let listed: BTreeSet<&String> = resources.iter().flat_map(listed_clients).collect();
    let question = ExistingClients(listed.into_iter().cloned().collect());
    Ok(desk.keepers.clients_and_resources.ask(question).await??)
}

/// Which resources are asked for.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct ResourceQuery {
    /// How many, 100 unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u64>,
    /// How many to skip before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// Resources, and how many there are in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceList {
    /// The part that was asked for.
    pub resources: Vec<ResourceView>,
    /// How many there are.
    pub total: u64,
}

/// Registers a mint resource.
///
/// # Errors
/// [`AdminError::Invalid`] that names the member at fault, [`AdminError::Conflict`]
/// when slug, URI or an alias is taken, or a failure of the server.
pub async fn create(desk: &Desk<'_>, new: NewResource) -> Result<MintResource, AdminError> {
    let resource = rules::checked(desk, new).await?;
    let event = Event::new("resource.created", desk.origin)
        .by(desk.admin)
        .with("slug", &resource.slug)
        .with("uri", &resource.uri);
    let order = AddResource { resource: resource.clone(), event };
    desk.keepers.clients_and_resources.ask(order).await??;
    Ok(resource)
}

/// Resources, by slug.
///
/// # Errors
/// [`AdminError::Invalid`], or a failure of the server.
pub async fn list(desk: &Desk<'_>, query: ResourceQuery) -> Result<ResourceList, AdminError> {
    let page = page(query.limit, query.offset, MAX_LIMIT)?;
    let all = desk.keepers.clients_and_resources.ask(ListResources).await??;
    let [offset, limit] =
        [page.offset, page.limit].map(|number| usize::try_from(number).unwrap_or(usize::MAX));
    let total = all.len() as u64;
    let shown: Vec<MintResource> = all.into_iter().skip(offset).take(limit).collect();
    let existing = existing(desk, &shown).await?;
    let view = |resource| ResourceView::new(resource, &existing);
    Ok(ResourceList { resources: shown.into_iter().map(view).collect(), total })
}

/// The resource with this id or slug.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn get(desk: &Desk<'_>, which: &str) -> Result<ResourceView, AdminError> {
    let resource = load(desk, which).await?;
    let existing = existing(desk, std::slice::from_ref(&resource)).await?;
    Ok(ResourceView::new(resource, &existing))
}

/// Changes the resource with this id or slug. Tokens that were handed out keep the URI
/// and the scopes they were issued with.
///
/// # Errors
/// [`AdminError::NotFound`], [`AdminError::Invalid`] that names the member at fault,
/// [`AdminError::Conflict`] when the URI or an alias is taken, or a failure of the server.
pub async fn patch(
    desk: &Desk<'_>,
    which: &str,
    patch: ResourcePatch,
) -> Result<ResourceView, AdminError> {
    let mut there = HashSet::new();
    let made = until_made(async || {
        let before = load(desk, which).await?;
        let after = rules::patched(desk, before.clone(), patch.clone()).await?;
        // Looked up before the change: nothing that fails later is to hide that it was made.
        there = existing(desk, std::slice::from_ref(&after)).await?;
        let fields = differences(&before, &after);
        if fields.is_empty() {
            return Ok(Ok(before));
        }
        let event = Event::new("resource.patched", desk.origin)
            .by(desk.admin)
            .with("slug", &before.slug)
            .with("fields", fields.join(","));
        let order = ReplaceResource { before, after, event };
        Ok(desk.keepers.clients_and_resources.ask(order).await?)
    });
    let made = made.await?;
    Ok(ResourceView::new(made, &there))
}

/// Deletes the resource with this id or slug; what went with it. One that the
/// configuration lists is created anew at the next start.
///
/// # Errors
/// [`AdminError::NotFound`], [`AdminError::InUse`] when something rests on it and
/// `cascade` is not given, or a failure of the server.
pub async fn delete(desk: &Desk<'_>, which: &str, cascade: bool) -> Result<OnResource, AdminError> {
    let id = load(desk, which).await?.id;
    let (admin, origin) = (desk.admin.to_owned(), desk.origin.clone());
    let order = DeleteResource { id, cascade, admin, origin };
    Ok(desk.keepers.clients_and_resources.ask(order).await??)
}

/// The resource as the database has it, which other processes may have changed just now.
pub(super) async fn load(desk: &Desk<'_>, which: &str) -> Result<MintResource, AdminError> {
    let all = desk.keepers.clients_and_resources.ask(ListResources).await??;
    let id: Option<Uuid> = which.parse().ok();
    let named = |resource: &MintResource| resource.slug == which || Some(resource.id) == id;
    all.into_iter().find(named).ok_or_else(|| AdminError::missing(Kind::Resource, which))
}

/// The names of the members that differ.
fn differences(before: &MintResource, after: &MintResource) -> Vec<&'static str> {
    [
        ("uri", before.uri != after.uri),
        ("aliases", before.aliases != after.aliases),
        ("display_name", before.display_name != after.display_name),
        ("discoverable", before.discoverable != after.discoverable),
        ("scopes", before.scopes != after.scopes),
        ("policy.exchange", before.policy.exchange != after.policy.exchange),
        ("policy.runtime", before.policy.runtime != after.policy.runtime),
        ("policy.connect", before.policy.connect != after.policy.connect),
        ("policy.dpop", before.policy.dpop != after.policy.dpop),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}

/// A member that has to be `mint`, if it is there.
fn check_backend(kind: Option<&str>) -> Result<(), AdminError> {
    match kind {
        None | Some(MINT) => Ok(()),
        Some("broker") => Err(AdminError::invalid(
            "backend_kind: broker resources are not built yet; only mint resources can be registered",
        )),
        Some(other) => Err(AdminError::Invalid(format!(
            "backend_kind: '{}' is neither mint nor broker",
            protocol::text::visible(other, 64)
        ))),
    }
}

/// A new value, where there is one.
fn replaced<T>(member: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *member = value;
    }
}

/// What a list in a patch becomes: `null` empties it.
fn emptied<T: Default>(change: Change<T>) -> Option<T> {
    match change {
        Change::Keep => None,
        Change::Clear => Some(T::default()),
        Change::Set(value) => Some(value),
    }
}
