//! What every change of the catalog rests on: loading it, and moving its version.

use chrono::{DateTime, Utc};
use entities::store::Work;
use entities::{
    DatabaseTransaction, Store, StoreError, catalog_version, client, fronting_link, resource,
    setting,
};
use protocol::client::Client;
use protocol::fronting::Links;
use protocol::registration::ModeName;
use protocol::resource::Resources;

use super::messages::CatalogError;
use super::view::Registered;

/// What all readers share, and the version it is of.
pub(super) struct Snapshot {
    pub(super) version: i64,
    pub(super) registration_mode: Option<ModeName>,
    pub(super) registered: Registered,
    /// The active agents, if they are listed.
    pub(super) agents: Vec<Client>,
}

/// Agents that are listed at most.
const MOST_AGENTS: u64 = 1000;

/// The version is read first: should something change in between, the snapshot is
/// newer than it says and is merely loaded once more.
pub(super) async fn snapshot(store: &Store, lists_agents: bool) -> Result<Snapshot, StoreError> {
    store
        .read(move |db| async move {
            let version = catalog_version::read(&db).await?;
            let resources = Resources::new(resource::all_mint(&db).await?);
            let links = Links::among(&resources, fronting_link::all(&db).await?);
            let registration_mode = setting::dcr_mode(&db).await?;
            let agents = match lists_agents {
                true => client::active_agents(&db, MOST_AGENTS).await?,
                false => Vec::new(),
            };
            let registered = Registered::new(resources, links);
            Ok(Snapshot { version, registration_mode, registered, agents })
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

/// Runs a change and moves the version with it, so that every process notices.
pub(super) async fn change<T, F>(
    store: &Store,
    now: DateTime<Utc>,
    work: F,
) -> Result<T, CatalogError>
where
    T: Send + 'static,
    F: Change<T>,
{
    store.write(moving_the_version(now, work)).await?
}

/// Runs a change, or only says what would come of it at this moment. The one locks what the other
/// does, in the same order.
pub(super) async fn carry_out<T, F>(
    store: &Store,
    dry_run: bool,
    now: DateTime<Utc>,
    work: F,
) -> Result<T, CatalogError>
where
    T: Send + 'static,
    F: Change<T>,
{
    let work = moving_the_version(now, work);
    if dry_run { store.rehearse(work).await? } else { store.write(work).await? }
}

/// What makes a change, in a transaction, at a time.
pub(super) trait Change<T>:
    for<'t> FnOnce(&'t DatabaseTransaction, DateTime<Utc>) -> Work<'t, Result<T, CatalogError>>
    + Send
    + 'static
{
}

impl<T, F> Change<T> for F where
    F: for<'t> FnOnce(&'t DatabaseTransaction, DateTime<Utc>) -> Work<'t, Result<T, CatalogError>>
        + Send
        + 'static
{
}

/// The version comes first: its row is held from then on, so that changes of the catalog come
/// one after the other, on all replicas, and each sees what the ones before it did.
fn moving_the_version<T, F>(
    now: DateTime<Utc>,
    work: F,
) -> impl for<'t> FnOnce(&'t DatabaseTransaction) -> Work<'t, Result<T, CatalogError>> + Send + 'static
where
    T: Send + 'static,
    F: Change<T>,
{
    move |transaction| {
        Box::pin(async move {
            catalog_version::advance(transaction).await?;
            work(transaction, now).await
        })
    }
}

/// A failure of the store takes everything back; a refusal, which comes before anything is
/// written, is an answer.
pub(super) fn settled<T>(
    outcome: Result<T, CatalogError>,
) -> Result<Result<T, CatalogError>, StoreError> {
    match outcome {
        Err(CatalogError::Store(error)) => Err(error),
        answer => Ok(answer),
    }
}
