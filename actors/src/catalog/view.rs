//! What readers hold of the catalog.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use entities::StoreError;
use protocol::client::Client;
use protocol::registration::ModeName;
use protocol::resource::Resources;

use super::{Catalog, LoadClient};
use crate::runtime::{AskError, Handle};

/// Clients kept in memory at most; the rest are loaded when they come.
const CACHED_CLIENTS: u64 = 50_000;
/// A cached client is loaded anew after this time in any case.
const CACHED_FOR: Duration = Duration::from_secs(60);

/// The catalog for readers; cheap to clone.
#[derive(Clone)]
pub struct CatalogView {
    resources: Arc<ArcSwap<Resources>>,
    registration_mode: Arc<ArcSwap<Option<ModeName>>>,
    clients: moka::sync::Cache<String, Arc<Client>>,
    keeper: Arc<OnceLock<Handle<Catalog>>>,
}

/// Why a client could not be looked up.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LookupError {
    /// The keeper did not answer.
    #[error(transparent)]
    Keeper(#[from] AskError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CatalogView {
    /// An empty view, to be fed by the keeper.
    #[must_use]
    pub fn empty() -> CatalogView {
        let clients =
            moka::sync::Cache::builder().max_capacity(CACHED_CLIENTS).time_to_live(CACHED_FOR);
        CatalogView {
            resources: Arc::new(ArcSwap::from_pointee(Resources::new(Vec::new()))),
            registration_mode: Arc::default(),
            clients: clients.build(),
            keeper: Arc::new(OnceLock::new()),
        }
    }

    /// Tells the view where to load what it does not have.
    pub fn connect(&self, keeper: Handle<Catalog>) {
        // A second call would come from a second keeper, of which there is none.
        drop(self.keeper.set(keeper));
    }

    /// All resources, as of this moment.
    #[must_use]
    pub fn resources(&self) -> Arc<Resources> {
        self.resources.load_full()
    }

    /// Who may register, where an operator overrode the configuration.
    #[must_use]
    pub fn registration_mode(&self) -> Option<ModeName> {
        **self.registration_mode.load()
    }

    /// The client with this id, whatever its status.
    ///
    /// # Errors
    /// When it has to be loaded and cannot be.
    pub async fn client(&self, id: &str) -> Result<Option<Arc<Client>>, LookupError> {
        if let Some(client) = self.clients.get(id) {
            return Ok(Some(client));
        }
        let keeper = self.keeper.get().ok_or(AskError::Down { keeper: "catalog" })?;
        Ok(keeper.ask(LoadClient(id.to_owned())).await??)
    }

    pub(super) fn show_resources(&self, resources: Resources) {
        self.resources.store(Arc::new(resources));
    }

    pub(super) fn show_registration_mode(&self, mode: Option<ModeName>) {
        self.registration_mode.store(Arc::new(mode));
    }

    pub(super) fn remember(&self, client: &Arc<Client>) {
        self.clients.insert(client.id.clone(), Arc::clone(client));
    }

    pub(super) fn forget_clients(&self) {
        self.clients.invalidate_all();
    }
}

impl fmt::Debug for CatalogView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogView")
            .field("cached_clients", &self.clients.entry_count())
            .finish_non_exhaustive()
    }
}
