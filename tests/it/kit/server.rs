//! A server of our own in this process, with a clock that tests move.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actors::audit::Origin;
use actors::catalog::{ListChange, PolicyList};
use actors::runtime::{Environment, KeeperState, Random, SystemRandom, TestClock};
use authserver::administration::client::{CreatedClient, NewClient};
use authserver::administration::resource::NewResource;
use authserver::administration::user::NewUser;
use authserver::administration::{Desk, client, resource, user};
use authserver::app::{Application, Services};
use authserver::config::Config;
use chrono::DateTime;
use entities::audit_event;
use entities::user::Model as User;
use protocol::resource::{MintResource, ScopeEntry};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::Backend;

/// What the issuer of every test server is; the listener has another port.
pub(crate) const ISSUER: &str = "http://localhost:9000";
/// The password of [`Server::person`].
pub(crate) const PASSWORD: &str = "correct horse battery";
/// The admin key of every test server.
pub(crate) const ADMIN_KEY: &str = "test-admin-key-0123456789";

/// A running server. [`Server::stop`] it at the end: that fails on leaked keepers.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) admin_address: SocketAddr,
    pub(crate) clock: TestClock,
    pub(crate) services: Arc<Services>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    settings: BTreeMap<String, String>,
    folder: Arc<TempDir>,
}

impl Server {
    /// A server on an empty database.
    pub(crate) async fn start(backend: Backend) -> Server {
        Server::start_with(backend, &[]).await
    }

    /// A server on an empty database with settings of its own, as variables.
    pub(crate) async fn start_with(backend: Backend, settings: &[(&str, &str)]) -> Server {
        let folder = Arc::new(TempDir::new().unwrap());
        let mut all = backend.settings(&folder).await;
        let extra = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        all.extend(extra);
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        Server::launch(all, folder, TestClock::starting_at(start), Arc::new(SystemRandom)).await
    }

    /// A second server on the same database and keys, with the same clock. Stop it first.
    pub(crate) async fn replica(&self) -> Server {
        self.replica_with(&[]).await
    }

    /// [`Server::replica`] with more settings.
    pub(crate) async fn replica_with(&self, settings: &[(&str, &str)]) -> Server {
        self.replica_by_chance(settings, Arc::new(SystemRandom)).await
    }

    /// [`Server::replica_with`] with randomness of the test's choice.
    pub(crate) async fn replica_by_chance(
        &self,
        settings: &[(&str, &str)],
        random: Arc<dyn Random>,
    ) -> Server {
        let (all, folder) = (self.settings_and(settings), Arc::clone(&self.folder));
        Server::launch(all, folder, self.clock.clone(), random).await
    }

    fn settings_and(&self, settings: &[(&str, &str)]) -> BTreeMap<String, String> {
        let mut all = self.settings.clone();
        all.extend(settings.iter().map(|(name, it)| ((*name).to_owned(), (*it).to_owned())));
        all
    }

    /// What a setting is.
    pub(crate) fn setting(&self, name: &str) -> &str {
        &self.settings[name]
    }

    /// Stops the server and starts it again with more settings, on the same database and keys.
    pub(crate) async fn restart_with(&mut self, settings: &[(&str, &str)]) {
        let all = self.settings_and(settings);
        self.shut_down().await;
        let random = Arc::new(SystemRandom);
        *self = Server::launch(all, Arc::clone(&self.folder), self.clock.clone(), random).await;
    }

    /// Why a second server on the same database and keys does not start.
    pub(crate) async fn replica_fails(&self) -> String {
        self.replica_fails_with(&[]).await
    }

    /// Why a second server with more settings does not start.
    pub(crate) async fn replica_fails_with(&self, settings: &[(&str, &str)]) -> String {
        let config = Config::load(None, &self.settings_and(settings)).unwrap();
        let environment = Environment::new(Arc::new(self.clock.clone()), Arc::new(SystemRandom));
        let io = tokio::runtime::Handle::current();
        let build = move || {
            let build = Application::build(config, environment, io);
            let built = actix_rt::System::new().block_on(build);
            built.expect_err("the server does not start").to_string()
        };
        tokio::task::spawn_blocking(build).await.unwrap()
    }

    async fn launch(
        mut settings: BTreeMap<String, String>,
        folder: Arc<TempDir>,
        clock: TestClock,
        random: Arc<dyn Random>,
    ) -> Server {
        let keys = folder.path().join("keys").to_str().unwrap().to_owned();
        for (name, value) in [
            ("AUTHPLANE_SERVER_ISSUER", ISSUER),
            ("AUTHPLANE_SERVER_ADDRESS", "127.0.0.1:0"),
            ("AUTHPLANE_ADMIN_ADDRESS", "127.0.0.2:0"),
            ("AUTHPLANE_ADMIN_API_KEY", ADMIN_KEY),
            ("AUTHPLANE_SIGNING_KEY_PATH", &keys),
            ("AUTHPLANE_DCR_RATE_LIMIT_BURST", "500"),
            // Everybody comes from 127.0.0.1. Limits are on, and reached by those who set them.
            ("AUTHPLANE_RATE_LIMIT_RPS", "100000"),
            ("AUTHPLANE_RATE_LIMIT_BURST", "100000"),
            ("AUTHPLANE_OBSERVABILITY_LOGGING_LEVEL", "error"),
        ] {
            settings.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
        let config = Config::load(None, &settings).unwrap_or_else(|errors| panic!("{errors}"));
        let environment = Environment::new(Arc::new(clock.clone()), random);
        let (ready, started) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let io = tokio::runtime::Handle::current();
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let application = Application::build(config, environment, io).await.unwrap();
                let addresses = (application.public_address, application.admin_address.unwrap());
                let services = application.services();
                assert!(ready.send((addresses, services)).is_ok());
                let stop = async move { drop(stopped.await) };
                let stopped = application.run_until(stop).await;
                assert!(stopped.unfinished.is_empty(), "keepers leaked: {stopped:?}");
            });
        });
        let ((address, admin_address), services) = started.await.expect("the server starts");
        Server {
            address,
            admin_address,
            clock,
            services,
            stop: Some(stop),
            thread: Some(thread),
            settings,
            folder,
        }
    }

    /// Stops the server and fails if a keeper is left over.
    pub(crate) async fn stop(mut self) {
        self.shut_down().await;
    }

    async fn shut_down(&mut self) {
        let household = Arc::clone(&self.services.household);
        drop(self.stop.take());
        let thread = self.thread.take().unwrap();
        tokio::task::spawn_blocking(move || thread.join())
            .await
            .unwrap()
            .expect("it stops cleanly");
        for keeper in household.health() {
            assert_eq!(keeper.state, KeeperState::Stopped, "{} leaked", keeper.keeper);
        }
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Sets the clock back, as a correction does.
    pub(crate) fn set_back(&self, seconds: u64) {
        self.clock.step_back(Duration::from_secs(seconds));
    }

    /// The folder with the signing keys.
    pub(crate) fn key_folder(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    /// An address of the public surface.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// An address of the admin surface.
    pub(crate) fn admin_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.admin_address)
    }

    /// Where operators make changes, as the command line and the admin API do.
    pub(crate) fn desk<'a>(&'a self, origin: &'a Origin) -> Desk<'a> {
        Desk {
            config: &self.services.config,
            store: &self.services.store,
            household: &self.services.household,
            keepers: &self.services.keepers,
            environment: &self.services.environment,
            secrets: &self.services.secrets,
            admin: "admin:test",
            powers: authserver::app::Powers::all(),
            origin,
        }
    }

    /// Registers a resource with these scopes; a name with `*` is a default scope.
    pub(crate) async fn resource(&self, slug: &str, uri: &str, scopes: &[&str]) -> MintResource {
        let entry = |scope: &&str| ScopeEntry {
            name: scope.trim_end_matches('*').to_owned(),
            description: Some(format!("What {scope} means")),
            default: scope.ends_with('*'),
        };
        let new = NewResource {
            slug: slug.to_owned(),
            uri: uri.to_owned(),
            scopes: scopes.iter().map(entry).collect(),
            ..NewResource::default()
        };
        self.register(new).await
    }

    /// Registers a resource.
    pub(crate) async fn register(&self, new: NewResource) -> MintResource {
        resource::create(&self.desk(&Origin::local()), new).await.unwrap()
    }

    /// Registers a client as an operator does.
    pub(crate) async fn client(&self, new: NewClient) -> CreatedClient {
        client::create(&self.desk(&Origin::local()), new).await.unwrap()
    }

    /// Lets a client act as a resource.
    pub(crate) async fn runtime_client(&self, slug: &str, client_id: &str) {
        let add = ListChange::Add;
        let origin = Origin::local();
        let (desk, list) = (self.desk(&origin), PolicyList::RuntimeClients);
        resource::policy::change(&desk, slug, list, client_id, add).await.unwrap();
    }

    /// Makes an account with [`PASSWORD`].
    pub(crate) async fn person(&self, email: &str) -> User {
        let new = NewUser {
            email: email.to_owned(),
            name: Some("Ada Example".to_owned()),
            password: PASSWORD.to_owned().into(),
            role: "user".to_owned(),
        };
        user::create(&self.desk(&Origin::local()), new).await.unwrap()
    }

    /// The audit log, oldest first, as `action detail`.
    pub(crate) async fn audit(&self) -> Vec<String> {
        let store = self.services.store.clone();
        let events = store.read(|db| async move { audit_event::newest(&db, 1000).await });
        let events = events.await.unwrap();
        events.iter().rev().map(|event| format!("{} {}", event.action, event.detail)).collect()
    }
}

impl Drop for Server {
    /// A test that failed half way still must not leave a server behind.
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}
