//! Clients that registered themselves and that nobody uses go; others never do.

use std::time::{Duration, Instant};

use actors::consent::{OpenError, OpenRequest};
use actors::janitor::{Chore, Retention, Step, SweepNow, Sweeper};
use entities::client;
use futures::future::join_all;
use protocol::authorize::{AuthorizePolicy, decide};
use protocol::form::{AUTHORIZE_REPEATABLE, Parameters};
use protocol::secret::BrowserToken;

use crate::kit::scene::{EMAIL, REDIRECT, public_app};
use crate::kit::stage::{machine, public_app as operated};
use crate::kit::{Backend, Browser, Pkce, Scene, Server, TokenClient, on_both_databases};

const DAY: u64 = 24 * 3600;

async fn sweep(server: &Server) -> u64 {
    server.services.keepers.janitor.ask(SweepNow).await.unwrap().unwrap()
}

/// The version of the catalog.
async fn version(server: &Server) -> i64 {
    let read = |db| async move { entities::catalog_version::read(&db).await };
    server.services.store.read(read).await.unwrap()
}

async fn exists(server: &Server, id: &str) -> bool {
    let id = id.to_owned();
    let found = server.services.store.read(|db| async move { client::find(&db, &id).await });
    found.await.unwrap().is_some()
}

/// An authorization request of this app, not yet sent to its keeper.
async fn request_of(server: &Server, app: &TokenClient) -> OpenRequest {
    let pkce = Pkce::new("unused");
    let scene = Scene {
        app: app.clone(),
        person: uuid::Uuid::nil(),
        pkce,
        redirect_uri: REDIRECT.to_owned(),
    };
    let path = scene.path(&[]);
    let (_, query) = path.split_once('?').unwrap();
    let form = Parameters::parse_noting_repeats(query.as_bytes(), AUTHORIZE_REPEATABLE).unwrap();
    let catalog = &server.services.keepers.catalog;
    let client = catalog.client(&app.id).await.unwrap().unwrap();
    let policy = AuthorizePolicy::default();
    let request = decide(&form, &client, &catalog.resources(), &policy).unwrap();
    let browser = BrowserToken::from_random(server.services.environment.random_bytes());
    OpenRequest { request, browser, network: None }
}

/// So many clients that registered themselves at the beginning of time.
fn many_clients(backend: Backend, count: u64) -> String {
    let (json, time) = match backend {
        Backend::Sqlite => ("'[]'", "'2020-01-01T00:00:00+00:00'"),
        Backend::Postgres => ("'[]'::jsonb", "'2020-01-01 00:00:00+00'::timestamptz"),
    };
    let object = json.replace("[]", "{}");
    format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}) \
         INSERT INTO clients (id, name, redirect_uris, grant_types, response_types, \
         token_endpoint_auth_method, application_type, agent, status, source, metadata, \
         created_at, updated_at) \
         SELECT 'unused-' || n, 'Unused', {json}, {json}, {json}, 'none', 'web', false, 'active', \
         'dcr', {object}, {time}, {time} FROM numbers"
    )
}

/// How long somebody waited, each time.
#[derive(Debug, Default)]
struct Waits(Vec<Duration>);

impl Waits {
    async fn time<T>(&mut self, work: impl Future<Output = T>) -> T {
        let asked = Instant::now();
        let done = work.await;
        self.0.push(asked.elapsed());
        done
    }

    fn longest(&self) -> Duration {
        self.0.iter().copied().max().unwrap_or_default()
    }
}

impl std::fmt::Display for Waits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let middle = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        write!(f, "({}) {middle:.1?}, at the longest {:.1?}", sorted.len(), self.longest())
    }
}

/// How many unused clients a server is left with; more with this variable, to measure.
fn how_many() -> u64 {
    std::env::var("UNUSED_CLIENTS").map_or(3_000, |count| count.parse().unwrap())
}

on_both_databases! {
    /// Whoever writes meanwhile waits for a step, not for the sweep.
    /// `docs/operations.md` has what this prints for 100,000.
    #[expect(clippy::print_stdout, reason = "a measurement is for whoever asked for it")]
    async fn thousands_of_unused_clients_go_without_holding_anybody_up(server: Server)
    with [
        ("AUTHPLANE_DCR_RATE_LIMIT", "100000/s"),
        ("AUTHPLANE_DCR_RATE_LIMIT_BURST", "100000"),
    ] {
        server.resource("mcp", crate::kit::scene::RESOURCE, &["read"]).await;
        let (backend, count) = (server.backend(), how_many());
        server.execute(&many_clients(backend, count)).await;
        let sweeping = server.services.keepers.janitor.clone();
        let begun = Instant::now();
        let sweeping = tokio::spawn(async move {
            // The question gives up long before the work is done, and the work goes on.
            drop(sweeping.ask(SweepNow).await);
        });
        let robot = TokenClient::of(&server.client(machine("tools")).await);
        let (mut registrations, mut tokens) = (Waits::default(), Waits::default());
        let (mut first_pages, mut last_pages) = (Waits::default(), Waits::default());
        let last_page = format!("/admin/clients?limit=100&offset={}", count - 100);
        // They are of the same age, so they go in the order of their names.
        let last = (1..=count).map(|number| format!("unused-{number}")).max().unwrap();
        while exists(server, &last).await {
            assert!(begun.elapsed() < Duration::from_secs(600), "{last} is left");
            registrations.time(public_app(server, &[REDIRECT])).await;
            let token = tokens.time(robot.token(server, &[("grant_type", "client_credentials")]));
            assert_eq!(token.await.status, 200);
            let page = first_pages.time(server.admin_get("/admin/clients?limit=100")).await;
            assert_eq!(page.status, 200);
            assert!(page.json()["clients"].as_array().unwrap().len() <= 100);
            assert_eq!(last_pages.time(server.admin_get(&last_page)).await.status, 200);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sweeping.await.unwrap();
        println!(
            "{backend:?}: {count} unused clients gone in {:.1?}; meanwhile registrations {registrations}, \
             tokens {tokens}, first pages {first_pages}, last pages {last_pages}",
            begun.elapsed()
        );
        for waits in [registrations, tokens, first_pages, last_pages] {
            assert!(waits.longest() < Duration::from_secs(5), "somebody waited: {waits}");
        }
    }

    async fn a_client_that_nobody_used_goes_after_its_time_and_not_before(server: Server) {
        let never = public_app(server, &[REDIRECT]).await;
        let made = server.client(operated()).await.client;
        server.wait(30 * DAY - 1);
        sweep(server).await;
        assert!(exists(server, &never.id).await);
        server.wait(2);
        let young = public_app(server, &[REDIRECT]).await;
        sweep(server).await;
        assert!(!exists(server, &never.id).await);
        assert!(exists(server, &young.id).await);
        assert!(exists(server, &made.id).await, "an operator's client is the operator's");
        assert_eq!(server.audited("client.swept", &["count=1", &never.id]).await, 1);
        let unknown = never.refresh(server, "apr_anything").await;
        unknown.refused(401, "invalid_client");
    }

    async fn a_client_that_is_used_stays_as_long_as_anything_of_it_does(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        scene.tokens(server, &browser, &[]).await;
        // Its tokens and family are gone after two years; what the person agreed to is not.
        for _ in 0..8 {
            server.wait(90 * DAY);
            sweep(server).await;
            assert!(exists(server, &scene.app.id).await);
        }
        let waiting = public_app(server, &[REDIRECT]).await;
        server.wait(30 * DAY - 60);
        let open = request_of(server, &waiting).await;
        server.services.keepers.consent.ask(open).await.unwrap().unwrap();
        server.wait(61);
        sweep(server).await;
        assert!(exists(server, &waiting.id).await, "somebody is just signing in with it");
        server.wait(DAY);
        sweep(server).await;
        sweep(server).await;
        assert!(!exists(server, &waiting.id).await, "nobody finished");
    }

    async fn a_client_that_a_policy_names_stays(server: Server) {
        server.resource("mcp", crate::kit::scene::RESOURCE, &["read"]).await;
        let guard = public_app(server, &[REDIRECT]).await;
        server.runtime_client("mcp", &guard.id).await;
        server.wait(60 * DAY);
        let before = version(server).await;
        sweep(server).await;
        assert!(exists(server, &guard.id).await);
        // Each step of the version empties the client cache of every server there is.
        assert_eq!(version(server).await, before, "nothing goes, so nothing changed");
    }

    async fn where_nothing_is_to_go_nothing_goes(server: Server)
    with [("AUTHPLANE_DCR_UNUSED_CLIENT_TTL", "3650d")] {
        let never = public_app(server, &[REDIRECT]).await;
        server.wait(3000 * DAY);
        sweep(server).await;
        assert!(exists(server, &never.id).await);
    }

    async fn hundreds_go_in_batches_whoever_stands_between_them(server: Server) {
        server.resource("mcp", crate::kit::scene::RESOURCE, &["read"]).await;
        let apps = join_all((0..350).map(|_| public_app(server, &[REDIRECT]))).await;
        server.wait(30 * DAY - 60);
        let used: Vec<&TokenClient> = apps.iter().step_by(7).collect();
        for app in &used {
            let open = request_of(server, app).await;
            server.services.keepers.consent.ask(open).await.unwrap().unwrap();
        }
        server.wait(61);
        sweep(server).await;
        for app in &apps {
            let is_used = used.iter().any(|it| it.id == app.id);
            assert_eq!(exists(server, &app.id).await, is_used);
        }
        // The janitor's own round may have had a part in it.
        let rows = server.audited("client.swept", &[]).await;
        assert!((3..=20).contains(&rows), "{rows} rows for 300 clients");
    }

    /// A flood of registrations, which would fill the disk for a month.
    async fn in_a_crowd_an_unused_client_is_kept_for_an_hour(server: Server) {
        server.resource("mcp", crate::kit::scene::RESOURCE, &["read"]).await;
        let apps = join_all((0..6).map(|_| public_app(server, &[REDIRECT]))).await;
        let (store, environment) = (&server.services.store, &server.services.environment);
        let sweeper = |crowd| {
            let unused_clients = Some(Duration::from_secs(30 * DAY));
            let retention = Retention { crowd, unused_clients, ..Retention::default() };
            Sweeper::new(store.clone(), environment.clone(), retention)
        };
        // The server sweeps as well, and may have the turn.
        let sweep_with = |crowd| async move {
            while matches!(sweeper(crowd).step(Chore::UnusedClients).await.unwrap(), Step::Taken) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let left = || async {
            let looks = apps.iter().map(|app| exists(server, &app.id));
            join_all(looks).await.into_iter().filter(|there| *there).count()
        };
        server.wait(3599);
        sweep_with(5).await;
        assert_eq!(left().await, 6, "somebody may be about to sign in with one");
        let open = request_of(server, &apps[0]).await;
        server.wait(2);
        server.services.keepers.consent.ask(open).await.unwrap().unwrap();
        sweep_with(6).await;
        assert_eq!(left().await, 6, "six are no crowd");
        sweep_with(5).await;
        assert_eq!(left().await, 1);
        assert!(exists(server, &apps[0].id).await, "it is used");
    }

    /// The mailbox of one process is no help here: two servers sweep while clients of both
    /// begin to be used. Whatever began is never without its client.
    async fn a_client_used_at_the_moment_of_the_sweep_is_there_or_was_never_used(server: Server) {
        server.resource("mcp", crate::kit::scene::RESOURCE, &["read"]).await;
        let replica = server.replica().await;
        let apps = join_all((0..150).map(|_| public_app(server, &[REDIRECT]))).await;
        let mut requests = Vec::new();
        for app in &apps {
            requests.push(request_of(server, app).await);
        }
        server.wait(31 * DAY);
        let consent = &server.services.keepers.consent;
        let uses = (0_u64..).zip(requests).map(|(number, open)| async move {
            tokio::time::sleep(Duration::from_micros(300 * number)).await;
            consent.ask(open).await.unwrap()
        });
        let (used, ..) = tokio::join!(join_all(uses), sweep(server), sweep(&replica));
        for (app, used) in apps.iter().zip(used) {
            match used {
                Ok(_) => assert!(exists(server, &app.id).await, "it was used"),
                Err(OpenError::ClientGone) => {
                    assert!(!exists(server, &app.id).await);
                }
                Err(error) => panic!("{error}"),
            }
        }
        replica.stop().await;
    }
}
