//! A server: keepers, two listeners, and the order in which they stop.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actors::documents::DocumentsView;
use actors::keys::Upkeep;
use actors::runtime::{Environment, Household, ShutdownReport};
use entities::Store;
use futures::future::join_all;
use protocol::secret::AdminKey;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::listener::{ADMIN, PUBLIC};
use super::tls::Certificates;
use super::{AdminAccess, BootError, Booted, ConfiguredRegistration, Services, boot, telemetry};
use crate::config::Config;
use crate::flows::register::RegistrationBudget;
use crate::http::Limits;
use crate::http::discovery::MetadataDocument;
use crate::http::health::Pulse;
use crate::http::jwks::JwksDocument;

/// A server that listens.
pub struct Application {
    /// Where the public surface listens.
    pub public_address: SocketAddr,
    /// Where the admin surface listens, if it does.
    pub admin_address: Option<SocketAddr>,
    /// The admin key, when it was made by this start.
    pub new_admin_key: Option<AdminKey>,
    services: Arc<Services>,
    servers: Vec<Server>,
    certificates: Option<Arc<Certificates>>,
}

/// How a stop went.
#[derive(Debug)]
pub struct Stopped {
    /// Keepers that did not finish in time.
    pub unfinished: Vec<String>,
}

impl Application {
    /// Builds the server: opens the store, starts the keepers, binds the listeners.
    ///
    /// # Errors
    /// See [`BootError`]. Nothing is left running then.
    pub async fn build(
        config: Config,
        environment: Environment,
        io: Handle,
    ) -> Result<Application, BootError> {
        // Before the first request: who counts once keeps the way to where it counts.
        let _recorder = telemetry::metrics();
        let certificates = Certificates::load(&config.server.tls)?;
        let public = listen(config.server.address, "server.address")?;
        let admin = match config.admin.enabled {
            true => Some(listen(config.admin.address, "admin.address")?),
            false => None,
        };
        let booted = boot(&config, &environment, io, Upkeep::Full).await?;
        let (access, new_admin_key) =
            AdminAccess::establish(&config, &booted.keys, &booted.secrets, &environment).await?;
        let public_address = local_address(&public, config.server.address);
        let admin_address = admin.as_ref().map(|admin| local_address(admin, config.admin.address));
        let services = Arc::new(services(config, environment, booted, access));
        let mut servers = vec![PUBLIC.serve(public, &services, certificates.as_ref())?];
        if let Some(admin) = admin {
            // What does not leave the machine needs no certificate, and has no name for one.
            let local = admin_address.is_some_and(|address| address.ip().is_loopback());
            let certificates = certificates.as_ref().filter(|_| !local);
            servers.push(ADMIN.serve(admin, &services, certificates)?);
        }
        Ok(Application {
            public_address,
            admin_address,
            new_admin_key,
            services,
            servers,
            certificates,
        })
    }

    /// What the handlers reach; for tests that look behind the surface.
    #[must_use]
    pub fn services(&self) -> Arc<Services> {
        Arc::clone(&self.services)
    }

    /// Serves until `stop` resolves, then stops in order: no new connections, the
    /// requests under way are finished, the keepers drained, the store closed.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Stopped {
        let handles: Vec<ServerHandle> = self.servers.iter().map(Server::handle).collect();
        let upkeep = actix_web::rt::spawn(telemetry::keep_metrics());
        let environment = self.services.environment.clone();
        let renewal = self.certificates.map(|it| actix_web::rt::spawn(it.keep(environment)));
        let running: Vec<_> = self.servers.into_iter().map(actix_web::rt::spawn).collect();
        stop.await;
        self.services.stopping.store(true, Ordering::Relaxed);
        tracing::info!("stopping: finishing the requests under way");
        let wait = self.services.config.server.shutdown_wait;
        let deadline = Instant::now() + wait;
        let letting_go =
            actix_web::rt::spawn(let_go(self.services.keepers.documents.clone(), wait / 2));
        // The last quarter is the keepers': what a client dawdles over must not cost the
        // time it takes to commit what others were promised.
        let finishing = join_all(handles.iter().map(|handle| handle.stop(true)));
        if tokio::time::timeout(wait * 3 / 4, finishing).await.is_err() {
            tracing::warn!("some requests were not finished in time");
            join_all(handles.iter().map(|handle| handle.stop(false))).await;
        }
        for task in running {
            task.abort();
        }
        letting_go.abort();
        upkeep.abort();
        renewal.inspect(actix_web::rt::task::JoinHandle::abort);
        let patience = deadline.duration_since(Instant::now());
        let stopped = stop_keepers(&self.services.household, &self.services.store, patience).await;
        tracing::info!(unfinished = ?stopped.unfinished, "stopped");
        stopped
    }
}

/// Tells those who wait for somebody else's server, when half of the time is over, that we stop: while
/// they can still be answered.
async fn let_go(documents: DocumentsView, after: Duration) {
    tokio::time::sleep(after).await;
    if let Err(error) = documents.stop_fetching().await {
        tracing::warn!(%error, "requests that wait for a document were not told of the stop");
    }
}

/// Drains the keepers and closes the store.
pub(crate) async fn stop_keepers(
    household: &Household,
    store: &Store,
    patience: Duration,
) -> Stopped {
    let ShutdownReport { unfinished } = household.shut_down(patience).await;
    store.close().await;
    Stopped { unfinished }
}

fn services(
    config: Config,
    environment: Environment,
    booted: Booted,
    admin: AdminAccess,
) -> Services {
    Services {
        registration: ConfiguredRegistration::new(&config.dcr),
        registration_budget: RegistrationBudget::new(&config.dcr),
        limits: Limits::new(&config, &environment),
        metadata: MetadataDocument::default(),
        jwks: JwksDocument::default(),
        config,
        keepers: booted.keepers,
        environment,
        secrets: booted.secrets,
        admin,
        store: booted.store,
        pulse: Pulse::default(),
        household: booted.household,
        stopping: AtomicBool::new(false),
    }
}

fn listen(address: SocketAddr, setting: &'static str) -> Result<TcpListener, BootError> {
    let failed = |cause| BootError::Listen { address, setting, cause };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

fn local_address(listener: &TcpListener, configured: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(configured)
}

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Application")
            .field("public_address", &self.public_address)
            .field("admin_address", &self.admin_address)
            .finish_non_exhaustive()
    }
}
