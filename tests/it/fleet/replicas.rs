//! The fleet: three server processes behind a balancer, on one PostgreSQL, each with a wire of its
//! own to it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Utc};
use entities::{ConnectionTrait as _, DatabaseTransaction, StoreError};
use tokio::time::sleep;

use super::acts::World;
use super::history::Recorder;
use super::pool::Pool;
use crate::kit::Pkce;
use crate::kit::balancer::{Balancer, Place};
use crate::kit::postgres::PrivateCluster;
use crate::kit::process::{Installation, ServerProcess};
use crate::kit::stage::OTHER_RESOURCE;
use crate::kit::tenant::{App, Machine, heard};
use crate::kit::wire::Wire;
use crate::kit::wrong_clock::WrongClock;

const ADMIN_KEY: &str = "0f8e3c5a91b2d4e67f8091a2b3c4d5e6";
/// A fault that is over may be felt so long and no longer, on a machine that is busy.
const WHOLE_WITHIN: Duration = Duration::from_secs(30);
/// So long the fleet has to answer without fail to count as whole.
const STEADY: Duration = Duration::from_secs(1);

/// One server.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) installation: Installation,
    pub(super) wire: Wire,
    pub(super) clock: WrongClock,
    /// With a clock that can be set wrong.
    pub(super) astray: Installation,
    /// None while it does not run.
    pub(super) server: Option<ServerProcess>,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Fleet {
    /// The same installation past the wires: for the command line and for looks into the database.
    pub(super) shore: Installation,
    pub(super) replicas: Vec<Replica>,
    pub(super) balancer: Balancer,
    place: Place,
    http: reqwest::Client,
    pub(super) cluster: PrivateCluster,
    /// By a version that is not there yet.
    migrations: u32,
}

impl Fleet {
    /// Starts it, with all that the clients need.
    pub(super) async fn launch() -> (Fleet, Arc<World>) {
        let (cluster, place) = (PrivateCluster::start(), Place::free());
        let shore = Installation::in_cluster(&cluster)
            .await
            .with("AUTHPLANE_SERVER_ISSUER", &place.url())
            .with("AUTHPLANE_SERVER_TRUSTED_PROXIES", "127.0.0.0/8")
            .with("AUTHPLANE_SESSION_SECRET", "a secret of the fleet, of 32 bytes at least")
            .with("AUTHPLANE_ADMIN_API_KEY", ADMIN_KEY)
            // Everything comes from one address, and a token that was rotated while a replica stood
            // still is used again when that is over.
            .with("AUTHPLANE_RATE_LIMIT_ENABLED", "false")
            // Half a minute is much less than this budget takes to fill again: a clock may be wrong.
            .with("AUTHPLANE_DCR_RATE_LIMIT", "10/s")
            .with("AUTHPLANE_DCR_RATE_LIMIT_BURST", "1000")
            .with("AUTHPLANE_OAUTH_REFRESH_GRACE", "3m");
        let mut replicas = Vec::new();
        for _ in 0..3 {
            let wire = Wire::to(cluster.port()).await;
            let installation = shore.replica().over(wire.port());
            let (clock, astray) = WrongClock::of(&installation);
            let server = Some(installation.launch());
            replicas.push(Replica { installation, wire, clock, astray, server });
        }
        for replica in &mut replicas {
            replica.server.as_mut().unwrap().ready().await;
        }
        let [one, two, three] = [0, 1, 2].map(|number: usize| &replicas[number].installation);
        let balancer = Balancer::start(place, [one, two, three], shore.folder()).await;
        let http = reqwest::Client::new();
        let mut fleet = Fleet { shore, replicas, balancer, place, http, cluster, migrations: 0 };
        let world = fleet.populate().await;
        (fleet, world)
    }

    async fn populate(&mut self) -> Arc<World> {
        let first = self.replicas[0].server.as_mut().unwrap();
        let machine = Machine::create(&self.shore, first).await;
        let gateway = Machine::gateway(&self.shore).await;
        for replica in &mut self.replicas {
            let server = replica.server.as_mut().unwrap();
            server.knows("mcp").await;
            server.knows("files").await;
        }
        let issuer = self.place.url();
        let (app, _) = App::sign_in(&self.shore, &issuer, 1).await;
        let agreed = app.agree(&issuer, OTHER_RESOURCE, &Pkce::new("agreed")).await.unwrap();
        assert_eq!(agreed.status, 303, "{agreed:?}");
        let installation = |number: usize| &self.replicas[number].installation;
        let world = Arc::new(World {
            recorder: Recorder::new(),
            issuer,
            replicas: [0, 1, 2].map(|number| installation(number).url("")),
            admins: [0, 1, 2].map(|number| installation(number).admin_url("")),
            admin_key: ADMIN_KEY.to_owned(),
            machine,
            gateway,
            app,
            pool: Mutex::new(Pool::default()),
            agreed: Mutex::default(),
            left: Mutex::default(),
            families: 1.into(),
            over: false.into(),
        });
        let pkce = Pkce::new("agreed already");
        assert!(world.agree(&world.app, OTHER_RESOURCE, &pkce).await.is_success());
        world
    }

    /// The server of a replica that runs.
    pub(super) fn server(&mut self, number: usize) -> &mut ServerProcess {
        self.replicas[number].server.as_mut().expect("it runs")
    }

    /// Starts a replica, as it is or with the clock that can be set, and does not wait for it.
    pub(super) fn start(&mut self, number: usize, astray: bool) {
        let replica = &mut self.replicas[number];
        let installation = if astray { &replica.astray } else { &replica.installation };
        replica.server = Some(installation.launch());
    }

    /// Stops a replica as a service manager does.
    pub(super) async fn stop(&mut self, number: usize) {
        let server = self.replicas[number].server.take().expect("it runs");
        server.stop().await;
    }

    /// Takes a replica away without a word.
    pub(super) fn kill(&mut self, number: usize) {
        self.replicas[number].server.take().expect("it runs").kill();
    }

    /// Waits until the clock of a replica is as wrong as it should be.
    pub(super) async fn is_astray(&self, number: usize, seconds: i32) {
        let url = self.replicas[number].installation.url("/ready");
        let begun = Instant::now();
        while begun.elapsed() < WHOLE_WITHIN {
            if let Some(answer) = heard(self.http.get(&url)).await {
                let told = answer.member("time").parse::<DateTime<Utc>>().unwrap();
                let ahead = told - DateTime::<Utc>::from(SystemTime::now());
                if (ahead.num_seconds() - i64::from(seconds)).abs() <= 3 {
                    return;
                }
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("the clock is not {seconds} s ahead\n{}", self.tails());
    }

    /// Changes the schema as the next version might: an old version can do without it.
    pub(super) async fn migrate_ahead(&mut self) {
        self.migrations += 1;
        let number = self.migrations;
        let store = self.shore.store().await;
        loop {
            let migrated = store.migrate(move |transaction| {
                Box::pin(async move { change_the_schema(transaction, number).await })
            });
            match migrated.await {
                Ok(()) => break,
                // It and a request waited for each other: nothing was changed. A server would have
                // ended at its start, and been started again.
                Err(StoreError::Contended(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        store.close().await;
    }

    /// Waits until every replica says that it is ready, and the balancer lets requests through
    /// without fail; how long that took.
    pub(super) async fn whole_again(&self, world: &World) -> Duration {
        let begun = Instant::now();
        let mut since: Option<Instant> = None;
        loop {
            let good = self.is_whole(world).await;
            since = if good { since.or(Some(Instant::now())) } else { None };
            if let Some(steady) = since.filter(|it| it.elapsed() >= STEADY) {
                return steady.duration_since(begun);
            }
            assert!(begun.elapsed() < WHOLE_WITHIN, "still in pieces\n{}", self.tails());
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn is_whole(&self, world: &World) -> bool {
        for server in &world.replicas {
            let asked = self.http.get(format!("{server}/ready")).timeout(Duration::from_secs(2));
            if !asked.send().await.is_ok_and(|answer| answer.status().is_success()) {
                return false;
            }
        }
        world.issue(None).await.is_success()
    }

    /// What all of them printed last, for the message of a failure.
    pub(super) fn tails(&self) -> String {
        let servers = self.replicas.iter().filter_map(|replica| replica.server.as_ref());
        let servers: String = servers.map(ServerProcess::tail).collect();
        servers + &self.balancer.tail()
    }

    /// Stops everything in order.
    pub(super) async fn land(mut self) {
        for number in 0..self.replicas.len() {
            self.stop(number).await;
        }
    }
}

async fn change_the_schema(
    transaction: &DatabaseTransaction,
    number: u32,
) -> Result<(), StoreError> {
    for table in ["families", "issuances", "clients"] {
        let change = format!("ALTER TABLE {table} ADD COLUMN of_next_{number} text");
        transaction.execute_unprepared(&change).await?;
    }
    let note = format!(
        "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9{number:03}_next', 0)"
    );
    transaction.execute_unprepared(&note).await?;
    Ok(())
}
