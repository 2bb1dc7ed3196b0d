//! Authorization requests that nobody ever answers.

use std::net::IpAddr;
use std::time::Duration;

use actors::consent::{Crowded, OpenError, OpenRequest};
use protocol::authorize::AuthorizationRequest;
use protocol::secret::BrowserToken;
use uuid::Uuid;

use crate::kit::scene::EMAIL;
use crate::kit::store::new_request;
use crate::kit::{Backend, Browser, Scene, Server, on_both_databases};

/// Opens a request of the scene's app from `network` as a new browser.
async fn open(scene: &Scene, server: &Server, network: &str) -> Result<Uuid, Crowded> {
    let browser = BrowserToken::from_random(server.services.environment.random_bytes());
    let network: IpAddr = network.parse().unwrap();
    let request = AuthorizationRequest { client_id: scene.app.id.clone(), ..new_request() };
    let open = OpenRequest { request, browser, network: Some(network) };
    match server.services.keepers.consent.ask(open).await.unwrap() {
        Ok(id) => Ok(id),
        Err(OpenError::Crowded(crowded)) => Err(crowded),
        Err(other) => panic!("{other}"),
    }
}

/// As many rows as are kept at most, all like the one that is there.
async fn fill(server: &Server) {
    let id = match server.backend() {
        Backend::Sqlite => "randomblob(16)",
        Backend::Postgres => "gen_random_uuid()",
    };
    let copies = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) \
         INSERT INTO authorization_requests \
         (id, browser_hash, client_id, request, created_at, expires_at, decided_at) \
         SELECT {id}, browser_hash, client_id, request, created_at, expires_at, decided_at \
         FROM authorization_requests, n"
    );
    server.execute(&copies).await;
}

on_both_databases! {
    async fn a_network_that_opens_request_after_request_is_stopped_on_all_replicas(server: Server)
    with [("AUTHPLANE_SERVER_TRUSTED_PROXIES", "127.0.0.0/8")] {
        let scene = Scene::set(server).await;
        let patient = Browser::at("203.0.113.7");
        let page = patient.visit(server, &scene.path(&[])).await;
        let other = server.replica().await;
        let mut kept = 1;
        for number in 0..700 {
            let on = if number % 2 == 0 { &*server } else { &other };
            kept += usize::from(open(&scene, on, "203.0.113.7").await.is_ok());
        }
        assert_eq!(kept, 600);
        assert_eq!(open(&scene, server, "203.0.113.7").await, Err(Crowded::Network));
        let refused = Browser::at("203.0.113.7").get(server, &scene.path(&[])).await;
        refused.is_page(429, "Sign-ins that are open already can be finished");
        assert_eq!(refused.header("retry-after"), "60");

        // Whoever is at it already is not held up, and neither are others.
        let question = patient.sign_in(server, &page, EMAIL).await;
        let back = patient.decide(server, &question, "approve").await.location();
        scene.redeem(server, &back).await;
        Browser::at("203.0.113.8").get(server, &scene.path(&[])).await.asks_to_sign_in();
        other.stop().await;
        server.wait(2);
        assert!(open(&scene, server, "203.0.113.7").await.is_ok(), "one more every second");
    }

    async fn the_table_of_open_requests_has_an_end(server: Server) {
        let scene = Scene::set(server).await;
        let patient = Browser::new();
        let page = patient.visit(server, &scene.path(&[])).await;
        fill(server).await;
        server.wait(5);
        let mut refused = Browser::new().get(server, &scene.path(&[])).await;
        for _ in 0..200 {
            if refused.status == 503 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            refused = Browser::new().get(server, &scene.path(&[])).await;
        }
        refused.is_page(503, "Too many sign-ins are open");
        assert_eq!(refused.header("retry-after"), "60");

        let question = patient.sign_in(server, &page, EMAIL).await;
        let back = patient.decide(server, &question, "approve").await.location();
        scene.redeem(server, &back).await;
    }
}
