//! All keepers of a server, and how they are started.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use entities::Store;
use protocol::secret::HashKey;

use crate::admin_keys::AdminKeys;
use crate::attempts::{AttemptSettings, Attempts};
use crate::audit::{Event, Origin};
use crate::catalog::{Catalog, CatalogView};
use crate::consent::{Consent, ConsentSettings};
use crate::denials::Denials;
use crate::documents::{DocumentSettings, Documents, DocumentsView};
use crate::families::{Families, FamilySettings, Shards};
use crate::janitor::{Janitor, Retention, Rounds};
use crate::keys::{KeyRingView, KeySettings, Keys};
use crate::ledger::{Ledger, Record};
use crate::passwords::Passwords;
use crate::relay::{Listeners, Relay, RelayView};
use crate::replay::Replay;
use crate::replica::Replica;
use crate::runtime::{
    Environment, Handle, Household, Keeper, Restart, RestartPolicy, ShutdownReport, StartError,
};
use crate::secrets::{SecretRingView, SecretSettings, Secrets};
use crate::users::Users;

/// Family keepers of one server. Each commits one batch at a time, so two keep the
/// store busy while the other's requests gather.
const FAMILY_SHARDS: usize = 2;

/// What the keepers are configured with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Signing keys.
    pub keys: KeySettings,
    /// The ring of server secrets.
    pub secrets: SecretSettings,
    /// Refresh families.
    pub families: FamilySettings,
    /// Requests, codes, consent.
    pub consent: ConsentSettings,
    /// Attempts and budgets.
    pub attempts: AttemptSettings,
    /// How long rows outlive their use.
    pub retention: Retention,
    /// Keys the hashes of cookies.
    pub cookie_key: HashKey,
    /// How long a browser stays signed in.
    pub session_lifetime: Duration,
    /// How documents of others are fetched.
    pub documents: DocumentSettings,
    /// Whether the active agents are published.
    pub lists_agents: bool,
    /// Whether this process stays, and has to hear what others change meanwhile.
    pub listens: bool,
}

/// Handles to every keeper, and the snapshots some of them publish. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Keepers {
    /// The signing keys of this moment.
    pub key_ring: KeyRingView,
    /// What is derived from the server secrets of this moment.
    pub secret_ring: SecretRingView,
    /// Clients and resources.
    pub catalog: CatalogView,
    /// Rotation of signing keys.
    pub keys: Handle<Keys>,
    /// Rotation of server secrets.
    pub secrets: Handle<Secrets>,
    /// Changes of clients and resources.
    pub clients_and_resources: Handle<Catalog>,
    /// Refresh families.
    pub families: Shards,
    /// Requests, codes, consent.
    pub consent: Handle<Consent>,
    /// Issuances and audit.
    pub ledger: Handle<Ledger>,
    /// Which refusals were written down lately.
    pub denials: Denials,
    /// Accounts and sessions.
    pub users: Handle<Users>,
    /// Password hashing.
    pub passwords: Handle<Passwords>,
    /// Minted admin keys.
    pub admin_keys: Handle<AdminKeys>,
    /// What strangers have tried.
    pub attempts: Handle<Attempts>,
    /// What may be used once.
    pub replay: Handle<Replay>,
    /// Documents of others.
    pub documents: DocumentsView,
    /// Sweeping.
    pub janitor: Handle<Janitor>,
    /// When the next round of sweeping is, and what was counted in the last.
    pub rounds: Rounds,
    /// Which of the servers on this database this is.
    pub replica: Replica,
    /// Whether this process hears what others change; none for one that does not stay.
    pub relay: Option<RelayView>,
}

/// Starts every keeper, the ones others rely on first. Needs an actix system.
///
/// # Errors
/// When one cannot be started; the message names it and says why.
pub async fn start(
    store: &Store,
    environment: &Environment,
    settings: Settings,
) -> Result<(Keepers, Household), StartError> {
    start_with(store, environment, settings, RestartPolicy::default()).await
}

/// [`start`] with a restart policy of one's own.
///
/// # Errors
/// As [`start`].
pub async fn start_with(
    store: &Store,
    environment: &Environment,
    settings: Settings,
    policy: RestartPolicy,
) -> Result<(Keepers, Household), StartError> {
    let mut household = Household::new(environment.clone(), policy);
    let (store, environment) = (store.clone(), environment.clone());
    let replica = Replica::new(&environment);
    let world = World { store, environment, denials: Denials::default(), replica };
    match start_all(&world, settings, &mut household).await {
        Ok(keepers) => {
            let ledger = keepers.ledger.clone();
            household.on_restart(move |restart| write_down(ledger.clone(), restart));
            Ok((keepers, household))
        }
        Err(error) => {
            let ShutdownReport { .. } = household.shut_down(Duration::from_secs(1)).await;
            Err(error)
        }
    }
}

/// What every factory needs.
#[derive(Clone)]
struct World {
    store: Store,
    environment: Environment,
    denials: Denials,
    replica: Replica,
}

async fn start_all(
    world: &World,
    settings: Settings,
    household: &mut Household,
) -> Result<Keepers, StartError> {
    let w = world.clone();
    let ledger = household
        .supervise(move || {
            let World { store, environment, .. } = w.clone();
            Box::pin(async move { Ok(Ledger::new(store, environment)) })
        })
        .await?;
    let (keys, key_ring) = start_keys(world, settings.keys, household).await?;
    let (secrets, secret_ring) = start_secrets(world, settings.secrets, household).await?;
    let (clients_and_resources, catalog) =
        start_catalog(world, settings.lists_agents, household).await?;
    let w = world.clone();
    let passwords = household
        .supervise(move || {
            let environment = w.environment.clone();
            Box::pin(async move { Passwords::new(environment).map_err(StartError::because) })
        })
        .await?;
    let (cookie_key, lifetime) = (settings.cookie_key, settings.session_lifetime);
    let users = start_users(world, cookie_key, lifetime, household).await?;
    let attempts = start_attempts(world, settings.attempts, household).await?;
    let families = start_families(world, settings.families, household).await?;
    let consent = start_consent(world, settings.consent, household).await?;
    let admin_keys = start_plain(world, household, AdminKeys::new).await?;
    let replay = start_plain(world, household, |store, _| Replay::new(store)).await?;
    let documents = start_documents(world, settings.documents, household).await?;
    let (janitor, rounds) = start_janitor(world, settings.retention, household).await?;
    let listeners = Listeners {
        catalog: clients_and_resources.clone(),
        shown: catalog.clone(),
        keys: keys.clone(),
        secrets: secrets.clone(),
    };
    let relay = match settings.listens {
        true => Some(start_relay(world, listeners, household).await?),
        false => None,
    };
    Ok(Keepers {
        key_ring,
        secret_ring,
        catalog,
        keys,
        secrets,
        clients_and_resources,
        families,
        consent,
        ledger,
        denials: world.denials.clone(),
        users,
        passwords,
        admin_keys,
        attempts,
        replay,
        documents,
        janitor,
        rounds,
        replica: world.replica.clone(),
        relay,
    })
}

/// A keeper that needs the store and the environment, and nothing else.
async fn start_plain<K: Keeper>(
    world: &World,
    household: &mut Household,
    make: fn(Store, Environment) -> K,
) -> Result<Handle<K>, StartError> {
    let w = world.clone();
    household
        .supervise(move || {
            let World { store, environment, .. } = w.clone();
            Box::pin(async move { Ok(make(store, environment)) })
        })
        .await
}

async fn start_users(
    world: &World,
    cookie_key: HashKey,
    lifetime: Duration,
    household: &mut Household,
) -> Result<Handle<Users>, StartError> {
    let w = world.clone();
    household
        .supervise(move || {
            let World { store, environment, .. } = w.clone();
            let users = Users::new(store, environment, cookie_key.clone(), lifetime);
            Box::pin(async move { Ok(users) })
        })
        .await
}

async fn start_consent(
    world: &World,
    settings: ConsentSettings,
    household: &mut Household,
) -> Result<Handle<Consent>, StartError> {
    let w = world.clone();
    household
        .supervise(move || {
            let World { store, environment, denials, .. } = w.clone();
            let consent = Consent::new(store, environment, settings.clone(), denials);
            Box::pin(async move { Ok(consent) })
        })
        .await
}

async fn start_attempts(
    world: &World,
    settings: AttemptSettings,
    household: &mut Household,
) -> Result<Handle<Attempts>, StartError> {
    let w = world.clone();
    household
        .supervise(move || {
            let World { store, environment, denials, .. } = w.clone();
            let attempts = Attempts::new(store, environment, settings.clone(), denials);
            Box::pin(async move { Ok(attempts) })
        })
        .await
}

async fn start_janitor(
    world: &World,
    retention: Retention,
    household: &mut Household,
) -> Result<(Handle<Janitor>, Rounds), StartError> {
    let rounds = Rounds::default();
    let (w, told) = (world.clone(), rounds.clone());
    let janitor = household
        .supervise(move || {
            let (World { store, environment, replica, .. }, rounds) = (w.clone(), told.clone());
            let janitor = Janitor::new(store, environment, retention, replica.to_string(), rounds);
            Box::pin(async move { Ok(janitor) })
        })
        .await?;
    Ok((janitor, rounds))
}

/// Readers hold one view for the life of the process; a keys keeper built after a
/// restart goes on feeding the same.
async fn start_keys(
    world: &World,
    settings: KeySettings,
    household: &mut Household,
) -> Result<(Handle<Keys>, KeyRingView), StartError> {
    let view: Arc<OnceLock<KeyRingView>> = Arc::default();
    let (w, fed) = (world.clone(), Arc::clone(&view));
    let handle = household
        .supervise(move || {
            let (World { store, environment, .. }, fed) = (w.clone(), Arc::clone(&fed));
            let settings = settings.clone();
            Box::pin(async move {
                let keys = Keys::load(settings, store, environment).await?;
                let view = fed.get_or_init(|| keys.view()).clone();
                Ok(keys.feeding(&view))
            })
        })
        .await?;
    let view = view.get().cloned();
    Ok((handle, view.ok_or_else(|| StartError("there is no key ring".to_owned()))?))
}

/// As the keys keeper.
async fn start_secrets(
    world: &World,
    settings: SecretSettings,
    household: &mut Household,
) -> Result<(Handle<Secrets>, SecretRingView), StartError> {
    let view: Arc<OnceLock<SecretRingView>> = Arc::default();
    let (environment, fed) = (world.environment.clone(), Arc::clone(&view));
    let handle = household
        .supervise(move || {
            let (environment, fed) = (environment.clone(), Arc::clone(&fed));
            let settings = settings.clone();
            Box::pin(async move {
                let secrets = Secrets::load(settings, environment).await?;
                let view = fed.get_or_init(|| secrets.view()).clone();
                Ok(secrets.feeding(&view))
            })
        })
        .await?;
    let view = view.get().cloned();
    Ok((handle, view.ok_or_else(|| StartError("there is no ring of secrets".to_owned()))?))
}

async fn start_catalog(
    world: &World,
    lists_agents: bool,
    household: &mut Household,
) -> Result<(Handle<Catalog>, CatalogView), StartError> {
    let view = CatalogView::empty();
    let (w, fed) = (world.clone(), view.clone());
    let handle = household
        .supervise(move || {
            let World { store, environment, .. } = w.clone();
            Box::pin(Catalog::load(store, environment, fed.clone(), lists_agents))
        })
        .await?;
    view.connect(handle.clone());
    Ok((handle, view))
}

async fn start_families(
    world: &World,
    settings: FamilySettings,
    household: &mut Household,
) -> Result<Shards, StartError> {
    let mut shards = Vec::with_capacity(FAMILY_SHARDS);
    for shard in 1..=FAMILY_SHARDS {
        let w = world.clone();
        let factory = move || -> futures::future::BoxFuture<'static, _> {
            let World { store, environment, denials, .. } = w.clone();
            Box::pin(async move { Ok(Families::new(store, environment, settings, denials)) })
        };
        shards.push(household.supervise_shard(format!("families-{shard}"), factory).await?);
    }
    Ok(Shards::new(shards))
}

async fn start_documents(
    world: &World,
    settings: DocumentSettings,
    household: &mut Household,
) -> Result<DocumentsView, StartError> {
    let environment = world.environment.clone();
    let keeper = household
        .supervise(move || {
            let documents = Documents::new(settings, environment.clone());
            Box::pin(async move { Ok(documents) })
        })
        .await?;
    Ok(DocumentsView::new(keeper, settings.policy))
}

/// Last: those whom it tells are there, and it is the first to stop.
async fn start_relay(
    world: &World,
    listeners: Listeners,
    household: &mut Household,
) -> Result<RelayView, StartError> {
    let view = RelayView::not_yet(world.environment.now());
    let (w, fed) = (world.clone(), view.clone());
    let _nobody_asks_it = household
        .supervise(move || {
            let World { store, environment, .. } = w.clone();
            let relay = Relay::open(store, environment, fed.clone(), listeners.clone());
            Box::pin(async move { Ok(relay.await) })
        })
        .await?;
    Ok(view)
}

/// `keeper.restarted` in the audit log. Should the ledger itself be the one that is
/// being restarted, its handle waits for it.
fn write_down(ledger: Handle<Ledger>, restart: Restart) {
    actix_rt::spawn(async move {
        let event = Event::new("keeper.restarted", &Origin::local())
            .by("supervisor")
            .with("keeper", &restart.keeper)
            .with("restarts", restart.restarts)
            .with("reason", &restart.reason);
        let written = ledger.ask(Record { event }).await;
        if !matches!(written, Ok(Ok(()))) {
            tracing::error!(keeper = restart.keeper, "a restart could not be audited");
        }
    });
}
