//! What readers hold of the catalog.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use entities::StoreError;
use protocol::client::Client;
use protocol::fronting::Links;
use protocol::registration::ModeName;
use protocol::resource::Resources;

use super::{Catalog, CatchUp, LoadClient};
use crate::runtime::{AskError, Handle};

/// Bytes of clients kept in memory at most, roughly; the rest are loaded when they come. Most
/// clients take one or two thousand, but anybody can register one with sixteen keys.
const CACHED_BYTES: u64 = 64 * 1024 * 1024;
/// A cached client is loaded anew after this time in any case.
const CACHED_FOR: Duration = Duration::from_secs(60);

/// The catalog for readers; cheap to clone.
#[derive(Clone)]
pub struct CatalogView {
    registered: Arc<ArcSwap<Registered>>,
    registration_mode: Arc<ArcSwap<Option<ModeName>>>,
    agents: Arc<ArcSwap<Vec<Client>>>,
    clients: moka::sync::Cache<String, Arc<Client>>,
    /// The version of what is shown.
    version: Arc<AtomicI64>,
    /// Whether this is all there is as far as anybody has heard, and a change would be heard
    /// of: without that nothing is answered from memory.
    is_trusted: Arc<AtomicBool>,
    keeper: Arc<OnceLock<Handle<Catalog>>>,
}

/// Resources and the fronting links between them, as they were at one moment: every link's
/// two resources are there.
#[derive(Debug, Clone, Default)]
pub struct Registered {
    /// The resources.
    pub resources: Arc<Resources>,
    /// The links between them.
    pub links: Arc<Links>,
}

impl Registered {
    pub(super) fn new(resources: Resources, links: Links) -> Registered {
        Registered { resources: Arc::new(resources), links: Arc::new(links) }
    }
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
        let clients = moka::sync::Cache::builder()
            .max_capacity(CACHED_BYTES)
            .weigher(|_, client: &Arc<Client>| {
                u32::try_from(client.footprint()).unwrap_or(u32::MAX)
            })
            .time_to_live(CACHED_FOR);
        CatalogView {
            registered: Arc::default(),
            registration_mode: Arc::default(),
            agents: Arc::default(),
            clients: clients.build(),
            version: Arc::default(),
            is_trusted: Arc::new(AtomicBool::new(true)),
            keeper: Arc::new(OnceLock::new()),
        }
    }

    /// Tells the view where to load what it does not have.
    pub fn connect(&self, keeper: Handle<Catalog>) {
        // A second call would come from a second keeper, of which there is none.
        drop(self.keeper.set(keeper));
    }

    /// Returns when all is shown that was committed before the call: at once as long as this
    /// process hears of every change, otherwise after a look at the database that all share who
    /// wait. Whoever is about to decide something by what is shown here, and does not look up a
    /// client before, waits for this first.
    ///
    /// # Errors
    /// When it cannot be known whether something changed.
    pub async fn caught_up(&self) -> Result<(), LookupError> {
        if self.is_trusted() {
            return Ok(());
        }
        let keeper = self.keeper.get().ok_or(AskError::Down { keeper: "catalog" })?;
        Ok(keeper.ask(CatchUp).await??)
    }

    /// All resources, as of this moment.
    #[must_use]
    pub fn resources(&self) -> Arc<Resources> {
        Arc::clone(&self.registered.load().resources)
    }

    /// All fronting links, as of this moment. Whoever needs the resources as well takes both
    /// with [`CatalogView::registered`].
    #[must_use]
    pub fn links(&self) -> Arc<Links> {
        Arc::clone(&self.registered.load().links)
    }

    /// All resources and the links between them, as of one and the same moment.
    #[must_use]
    pub fn registered(&self) -> Arc<Registered> {
        self.registered.load_full()
    }

    /// Who may register, where an operator overrode the configuration.
    #[must_use]
    pub fn registration_mode(&self) -> Option<ModeName> {
        **self.registration_mode.load()
    }

    /// The active agents, those that operators registered first; none unless they are listed
    /// (`agents.enable_jwks_listing`).
    #[must_use]
    pub fn agents(&self) -> Arc<Vec<Client>> {
        self.agents.load_full()
    }

    /// The client with this id, whatever its status. While changes would not be heard of,
    /// the view has also caught up when this returns, as after [`CatalogView::caught_up`]: what
    /// is done for a client begins here.
    ///
    /// # Errors
    /// When it has to be loaded and cannot be.
    pub async fn client(&self, id: &str) -> Result<Option<Arc<Client>>, LookupError> {
        if self.is_trusted()
            && let Some(client) = self.clients.get(id)
        {
            return Ok(Some(client));
        }
        let keeper = self.keeper.get().ok_or(AskError::Down { keeper: "catalog" })?;
        Ok(keeper.ask(LoadClient(id.to_owned())).await??)
    }

    /// Says whether what is shown may be gone by without a look at the database.
    pub(crate) fn trust(&self, is_trusted: bool) {
        self.is_trusted.store(is_trusted, Ordering::SeqCst);
    }

    /// Whether what is shown may be gone by: nothing has changed that was heard of, and a
    /// change would be.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.is_trusted.load(Ordering::SeqCst)
    }

    /// The version of what is shown; some of it may be newer.
    pub(crate) fn version(&self) -> i64 {
        self.version.load(Ordering::SeqCst)
    }

    pub(super) fn show_version(&self, version: i64) {
        self.version.store(version, Ordering::SeqCst);
    }

    pub(super) fn show(&self, registered: Registered) {
        self.registered.store(Arc::new(registered));
    }

    /// What stayed as it was stays the same value, so that what is made of it can be kept.
    pub(super) fn show_agents(&self, agents: Vec<Client>) {
        if **self.agents.load() != agents {
            self.agents.store(Arc::new(agents));
        }
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

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use protocol::client::{
        ApplicationType, AuthMethod, ClientMetadataExtras, ClientStatus, RegistrationSource,
    };

    use super::*;

    fn client(id: usize, said: &str) -> Arc<Client> {
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        Arc::new(Client {
            id: id.to_string(),
            name: "A client".to_owned(),
            redirect_uris: Vec::new(),
            grant_types: Vec::new(),
            response_types: Vec::new(),
            auth_method: AuthMethod::None,
            secret_hash: None,
            ceiling: None,
            default_resource: None,
            application_type: ApplicationType::Web,
            agent: false,
            agent_description: None,
            status: ClientStatus::Active,
            source: RegistrationSource::Dcr,
            metadata: ClientMetadataExtras {
                software_id: Some(said.to_owned()),
                ..ClientMetadataExtras::default()
            },
            created_at: at,
            updated_at: at,
        })
    }

    #[test]
    fn large_clients_take_the_room_of_many_small_ones() {
        let view = CatalogView::empty();
        let large = "x".repeat(1024 * 1024);
        for number in 0..100 {
            view.remember(&client(number, &large));
            view.clients.run_pending_tasks();
        }
        assert!(view.clients.weighted_size() <= CACHED_BYTES);
        assert!(view.clients.entry_count() < 40, "{}", view.clients.entry_count());
        view.forget_clients();
        view.clients.run_pending_tasks();
        for number in 0..1000 {
            view.remember(&client(number, "small"));
        }
        view.clients.run_pending_tasks();
        assert_eq!(view.clients.entry_count(), 1000);
    }
}
