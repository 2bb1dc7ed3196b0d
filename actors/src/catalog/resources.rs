//! Adding and changing resources, and who may act as them.

use chrono::{DateTime, Utc};
use entities::{DatabaseTransaction, Store, StoreError, audit_event, client, resource};
use protocol::resource::{MintResource, ResourceUri};

use super::messages::{AddResource, CatalogError, ChangeRuntimeClient, RuntimeClientChange};
use super::work::change;
use crate::runtime::Environment;

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

pub(super) async fn change_runtime_client(
    store: Store,
    environment: Environment,
    order: ChangeRuntimeClient,
) -> Result<Vec<String>, CatalogError> {
    let event = order.event.clone().stamped(&environment);
    change(&store, environment.now(), move |transaction, now| {
        Box::pin(async move {
            let all = resource::all_mint(transaction).await?;
            let Some(mut resource) = all.into_iter().find(|held| held.slug == order.slug) else {
                return Ok(Err(CatalogError::UnknownResource(order.slug)));
            };
            if client::find(transaction, &order.client_id).await?.is_none() {
                return Ok(Err(CatalogError::UnknownClient(order.client_id)));
            }
            let list = &mut resource.policy.runtime.client_ids;
            let before = list.len();
            list.retain(|id| *id != order.client_id);
            if order.change == RuntimeClientChange::Add {
                list.push(order.client_id);
            }
            let (changed, list) = (list.len() != before, list.clone());
            if changed {
                resource::set_policy(transaction, &resource, now).await?;
                audit_event::append(transaction, vec![event]).await?;
            }
            Ok(Ok(list))
        })
    })
    .await
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
            resource::set_policy(transaction, &resource, now).await?;
        }
    }
    Ok(())
}
