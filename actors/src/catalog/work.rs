//! The store work behind each message of the catalog keeper.

use chrono::{DateTime, Utc};
use entities::cascade::{self, Reach};
use entities::{DatabaseTransaction, Store, StoreError, audit_event, catalog_version};
use entities::{client, resource, setting};
use protocol::client::{Client, ClientStatus};
use protocol::registration::ModeName;
use protocol::resource::{MintResource, ResourceUri, Resources};

use super::messages::{
    AddClient, AddResource, CatalogError, ChangeRuntimeClient, RuntimeClientChange,
    SetClientStatus, SetRegistrationMode,
};
use crate::audit::Event;
use crate::runtime::Environment;

/// What all readers share, and the version it is of.
pub(super) struct Snapshot {
    pub(super) version: i64,
    pub(super) registration_mode: Option<ModeName>,
    pub(super) resources: Resources,
}

/// The version is read first: should something change in between, the snapshot is
/// newer than it says and is merely loaded once more.
pub(super) async fn snapshot(store: &Store) -> Result<Snapshot, StoreError> {
    store
        .read(|db| async move {
            let version = catalog_version::read(&db).await?;
            let resources = Resources::new(resource::all_mint(&db).await?);
            let registration_mode = setting::dcr_mode(&db).await?;
            Ok(Snapshot { version, registration_mode, resources })
        })
        .await
}

pub(super) async fn version(store: Store) -> Result<i64, StoreError> {
    store.read(|db| async move { catalog_version::read(&db).await }).await
}

/// A client and the version it is at least of.
pub(super) async fn load_client(
    store: Store,
    id: String,
) -> Result<(i64, Option<Client>), StoreError> {
    store
        .read(|db| async move {
            let version = catalog_version::read(&db).await?;
            Ok((version, client::find(&db, &id).await?))
        })
        .await
}

/// A new client changes nothing that anybody remembers, so the version stays.
pub(super) async fn add_client(
    store: Store,
    environment: Environment,
    order: AddClient,
) -> Result<Client, CatalogError> {
    let event = order.event.stamped(&environment);
    let row = order.client.clone();
    store
        .write(move |transaction| {
            Box::pin(async move {
                client::insert(transaction, &row).await?;
                audit_event::append(transaction, vec![event]).await
            })
        })
        .await?;
    Ok(order.client)
}

pub(super) async fn list_clients(store: Store, limit: u64) -> Result<Vec<Client>, StoreError> {
    store.read(move |db| async move { client::list(&db, limit).await }).await
}

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

pub(super) async fn set_client_status(
    store: Store,
    environment: Environment,
    order: SetClientStatus,
) -> Result<Reach, CatalogError> {
    change(&store, environment.now(), move |transaction, now| {
        Box::pin(async move {
            let SetClientStatus { client_id, status, admin, origin } = order;
            let held = client::find(transaction, &client_id).await?;
            let revoked = |client: &Client| client.status == ClientStatus::Revoked;
            if held.as_ref().is_some_and(revoked) && status != ClientStatus::Revoked {
                return Ok(Err(CatalogError::ClientRevoked(client_id)));
            }
            if held.as_ref().is_some_and(|client| client.status == status) {
                return Ok(Ok(Reach::default()));
            }
            if held.is_none() || !client::set_status(transaction, &client_id, status, now).await? {
                return Ok(Err(CatalogError::UnknownClient(client_id)));
            }
            let (action, reach) = match status {
                ClientStatus::Active => ("client.reactivated", Reach::default()),
                ClientStatus::Suspended => ("client.suspended", Reach::default()),
                ClientStatus::Revoked => {
                    let reached = cascade::revoke_client(transaction, &client_id, "client", now);
                    ("client.revoked", reached.await?)
                }
            };
            let event = Event::new(action, &origin)
                .by(&admin)
                .client(&client_id)
                .with("revoked_families", reach.families)
                .with("revoked_issuances", reach.issuances);
            audit_event::append(transaction, vec![event.stamped(&environment)]).await?;
            Ok(Ok(reach))
        })
    })
    .await
}

pub(super) async fn set_registration_mode(
    store: Store,
    environment: Environment,
    order: SetRegistrationMode,
) -> Result<(), CatalogError> {
    change(&store, environment.now(), move |transaction, now| {
        Box::pin(async move {
            let SetRegistrationMode { mode, configured, admin, origin } = order;
            let held = setting::dcr_mode(transaction).await?;
            if held == mode {
                return Ok(Ok(()));
            }
            setting::set_dcr_mode(transaction, mode, now).await?;
            let event = Event::new("dcr.mode_updated", &origin)
                .by(&admin)
                .with("from", held.unwrap_or(configured))
                .with("to", mode.unwrap_or(configured))
                .with("by", if mode.is_some() { "setting" } else { "configuration" });
            audit_event::append(transaction, vec![event.stamped(&environment)]).await?;
            Ok(Ok(()))
        })
    })
    .await
}

/// Runs a change and moves the version with it, so that every process notices.
async fn change<T, F>(store: &Store, now: DateTime<Utc>, work: F) -> Result<T, CatalogError>
where
    T: Send + 'static,
    F: for<'t> FnOnce(
            &'t DatabaseTransaction,
            DateTime<Utc>,
        ) -> entities::store::Work<'t, Result<T, CatalogError>>
        + Send
        + 'static,
{
    store
        .write(move |transaction| {
            Box::pin(async move {
                catalog_version::advance(transaction).await?;
                work(transaction, now).await
            })
        })
        .await?
}
