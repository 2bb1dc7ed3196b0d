//! Adding, changing and removing resources, and the lists of their policies.

use chrono::{DateTime, Utc};
use entities::cascade::{self, OnResource};
use entities::{DatabaseTransaction, Store, StoreError, audit_event, client, resource};
use protocol::resource::{MintResource, ResourceUri, Resources};

use super::messages::{
    AddResource, CatalogError, ChangePolicyList, DeleteResource, ListChange, ListResources,
    PolicyList, ReplaceResource,
};
use super::work::change;
use crate::audit::Event;
use crate::revocations;
use crate::runtime::Environment;

/// Entries of one list of a policy at most.
pub const MAX_LIST: usize = 1000;

pub(super) async fn add_resource(
    store: Store,
    environment: Environment,
    order: AddResource,
) -> Result<(), CatalogError> {
    let event = order.event.stamped(&environment);
    let (resource, now) = (order.resource, environment.now());
    change(&store, now, move |transaction, now| {
        Box::pin(async move {
            let existing = resource::all_mint(transaction).await?;
            if let Some(taken) = conflict(&resource, &existing) {
                return Ok(Err(taken));
            }
            resource::insert(transaction, &resource, now).await?;
            audit_event::append(transaction, vec![event]).await?;
            Ok(Ok(()))
        })
    })
    .await
}

/// Slug, URI and aliases each name one resource: a token's audience must not be
/// open to interpretation.
fn conflict(new: &MintResource, existing: &[MintResource]) -> Option<CatalogError> {
    let key =
        |uri: &str| ResourceUri::parse(uri).map_or(uri.to_owned(), |uri| uri.comparison_key());
    let names = |resource: &MintResource| -> Vec<String> {
        std::iter::once(&resource.uri).chain(&resource.aliases).map(|uri| key(uri)).collect()
    };
    let wanted = names(new);
    existing.iter().find_map(|held| {
        let what = if held.slug == new.slug {
            format!("the slug '{}'", new.slug)
        } else {
            let shared = names(held).into_iter().find(|uri| wanted.contains(uri))?;
            format!("the URI or alias '{shared}'")
        };
        Some(CatalogError::ResourceTaken { what, taken_by: held.slug.clone() })
    })
}

pub(super) async fn list_resources(
    store: Store,
    _: ListResources,
) -> Result<Vec<MintResource>, StoreError> {
    store.read(|db| async move { resource::all_mint(&db).await }).await
}

/// Whoever ordered the change looked at the resource as it was `before`; should it have
/// become another meanwhile, they have to look again.
pub(super) async fn replace_resource(
    store: Store,
    environment: Environment,
    order: ReplaceResource,
) -> Result<MintResource, CatalogError> {
    let ReplaceResource { before, after, event } = order;
    change(&store, environment.now(), move |transaction, now| {
        Box::pin(async move {
            let mut others = resource::all_mint(transaction).await?;
            let Some(at) = others.iter().position(|held| held.id == before.id) else {
                return Ok(Err(CatalogError::UnknownResource(before.slug)));
            };
            if others.swap_remove(at) != before {
                return Ok(Err(CatalogError::ChangedMeanwhile(before.slug)));
            }
            if let Some(taken) = conflict(&after, &others) {
                return Ok(Err(taken));
            }
            keep_defaults(transaction, &before, &after, now).await?;
            resource::replace(transaction, &after, now).await?;
            audit_event::append(transaction, vec![event.stamped(&environment)]).await?;
            Ok(Ok(after))
        })
    })
    .await
}

/// Clients that mean the resource by a URI it goes by no more, mean it by its slug.
/// Operators name it by URI or slug, and only slugs are kept; but other writers of the
/// database, and earlier versions, kept what was said.
async fn keep_defaults(
    transaction: &DatabaseTransaction,
    before: &MintResource,
    after: &MintResource,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if (&before.uri, &before.aliases) == (&after.uri, &after.aliases) {
        return Ok(());
    }
    let index = Resources::new(vec![before.clone()]);
    let said = client::default_resources(transaction).await?;
    let by_uri = said.into_iter().filter(|said| index.by_uri(said).is_some()).collect();
    client::replace_default_resource(transaction, by_uri, Some(&before.slug), now).await?;
    Ok(())
}

/// What is for the resource is revoked first, so that it is dead whatever becomes of the
/// resource's row. Before anything is looked for, that row is held: a token that is just being
/// written down is waited for and found, and no other is written down after it.
pub(super) async fn delete_resource(
    store: Store,
    environment: Environment,
    order: DeleteResource,
) -> Result<OnResource, CatalogError> {
    change(&store, environment.now(), move |transaction, now| {
        Box::pin(async move {
            let DeleteResource { id, cascade, admin, origin } = order;
            let all = resource::all_mint(transaction).await?;
            let Some(held) = all.into_iter().find(|held| held.id == id) else {
                return Ok(Err(CatalogError::UnknownResource(id.to_string())));
            };
            let slug = held.slug.clone();
            // In whatever spelling a client means it.
            let index = Resources::new(vec![held]);
            let said = client::default_resources(transaction).await?;
            let is_it = |said: &String| *said == slug || index.by_uri(said).is_some();
            let names: Vec<String> = said.into_iter().filter(is_it).collect();
            // The clients come before the resource, wherever both are held.
            client::hold_defaulting_to(transaction, names.clone()).await?;
            if !resource::hold(transaction, id).await? {
                return Ok(Err(CatalogError::UnknownResource(id.to_string())));
            }
            let on_it = cascade::on_resource(transaction, id, names.clone(), now).await?;
            if on_it != OnResource::default() && !cascade {
                return Ok(Err(CatalogError::ResourceInUse { slug, on_it }));
            }
            let went = cascade::revoke_resource(transaction, id, names, "resource", now).await?;
            resource::delete(transaction, id).await?;
            let event = Event::new("resource.deleted", &origin)
                .by(&admin)
                .with("slug", slug)
                .with("revoked_families", went.live.families)
                .with("revoked_issuances", went.live.issuances)
                .with("consent_grants", went.consent_grants)
                .with("clients", went.clients)
                .with("fronting_links", went.fronting_links);
            audit_event::append(transaction, vec![event.stamped(&environment)]).await?;
            Ok(Ok(went))
        })
    })
    .await
    .inspect(|went| revocations::count("resource", went.live))
}

pub(super) async fn change_policy_list(
    store: Store,
    environment: Environment,
    order: ChangePolicyList,
) -> Result<Vec<String>, CatalogError> {
    change(&store, environment.now(), move |transaction, now| {
        Box::pin(async move {
            let event = noted(&order);
            let ChangePolicyList { id, list, entry, change, .. } = order;
            let all = resource::all_mint(transaction).await?;
            let Some(mut resource) = all.into_iter().find(|held| held.id == id) else {
                return Ok(Err(CatalogError::UnknownResource(id.to_string())));
            };
            let names_a_client = list != PolicyList::ReturnUrls && change == ListChange::Add;
            if names_a_client && client::find(transaction, &entry).await?.is_none() {
                return Ok(Err(CatalogError::UnknownClient(entry)));
            }
            let entries = list_of(&mut resource, list);
            let listed = entries.contains(&entry);
            match change {
                ListChange::Add if !listed && entries.len() >= MAX_LIST => {
                    return Ok(Err(CatalogError::ListFull(MAX_LIST)));
                }
                ListChange::Add if !listed => entries.push(entry),
                ListChange::Remove if listed => entries.retain(|held| *held != entry),
                ListChange::Add | ListChange::Remove => return Ok(Ok(entries.clone())),
            }
            let entries = entries.clone();
            resource::replace(transaction, &resource, now).await?;
            let event = event.with("slug", &resource.slug).stamped(&environment);
            audit_event::append(transaction, vec![event]).await?;
            Ok(Ok(entries))
        })
    })
    .await
}

fn list_of(resource: &mut MintResource, list: PolicyList) -> &mut Vec<String> {
    let policy = &mut resource.policy;
    match list {
        PolicyList::ExchangeClients => &mut policy.exchange.allowed_client_ids,
        PolicyList::RuntimeClients => &mut policy.runtime.client_ids,
        PolicyList::ReturnUrls => &mut policy.connect.allowed_return_urls,
    }
}

fn noted(order: &ChangePolicyList) -> Event {
    let action = match (order.list, order.change) {
        (PolicyList::ExchangeClients, ListChange::Add) => {
            "resource.policy.exchange.allowed_client.added"
        }
        (PolicyList::ExchangeClients, ListChange::Remove) => {
            "resource.policy.exchange.allowed_client.removed"
        }
        (PolicyList::RuntimeClients, ListChange::Add) => "resource.policy.runtime.client.added",
        (PolicyList::RuntimeClients, ListChange::Remove) => {
            "resource.policy.runtime.client.removed"
        }
        (PolicyList::ReturnUrls, ListChange::Add) => {
            "resource.policy.connect.allowed_return_url.added"
        }
        (PolicyList::ReturnUrls, ListChange::Remove) => {
            "resource.policy.connect.allowed_return_url.removed"
        }
    };
    let event = Event::new(action, &order.origin).by(&order.admin);
    match order.list {
        PolicyList::ReturnUrls => event.with("url", &order.entry),
        PolicyList::ExchangeClients | PolicyList::RuntimeClients => event.client(&order.entry),
    }
}

/// Takes a client off every list of runtime clients: a deleted client's id must not be
/// worth anything to whoever has it next.
///
/// Lists of clients that may exchange stay as they are: one that were emptied so would
/// let everybody in.
pub(super) async fn forget_runtime_client(
    transaction: &DatabaseTransaction,
    client_id: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for mut resource in resource::all_mint(transaction).await? {
        if resource.policy.is_runtime_client(client_id) {
            resource.policy.runtime.client_ids.retain(|id| id != client_id);
            resource::replace(transaction, &resource, now).await?;
        }
    }
    Ok(())
}
