//! Authorization requests that nobody ever answers.

use std::net::IpAddr;
use std::time::Duration;

use actors::consent::{Crowded, OpenError, OpenRequest};
use protocol::authorize::AuthorizationRequest;
use protocol::secret::BrowserToken;
use uuid::Uuid;

use crate::kit::browser::param;
use crate::kit::scene::EMAIL;
use crate::kit::server::ISSUER;
use crate::kit::store::new_request;
use crate::kit::{Answer, Backend, Browser, Scene, Server, on_both_databases};

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

/// Asserts that the app hears that its request was not kept: it and its redirect URI are good.
#[track_caller]
fn is_told_to_come_back(scene: &Scene, answer: &Answer) {
    let back = answer.location();
    assert!(back.as_str().starts_with(&scene.redirect_uri), "{answer:?}");
    assert_eq!(param(&back, "error").as_deref(), Some("temporarily_unavailable"), "{back}");
    assert_eq!(param(&back, "iss").as_deref(), Some(ISSUER), "{back}");
}

/// As many rows as are kept at most, all like the one that is there.
async fn fill(server: &Server) {
    fill_with(server, 50_000).await;
}

/// So many rows more, all like the one that is there.
async fn fill_with(server: &Server, rows: u32) {
    let id = match server.backend() {
        Backend::Sqlite => "randomblob(16)",
        Backend::Postgres => "gen_random_uuid()",
    };
    let copies = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
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
        is_told_to_come_back(&scene, &refused);

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
            if refused.header("location").starts_with(&scene.redirect_uri) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            refused = Browser::new().get(server, &scene.path(&[])).await;
        }
        is_told_to_come_back(&scene, &refused);

        let question = patient.sign_in(server, &page, EMAIL).await;
        let back = patient.decide(server, &question, "approve").await.location();
        scene.redeem(server, &back).await;
    }

    async fn a_customer_with_many_ipv6_networks_is_one_customer(server: Server) {
        let scene = Scene::set(server).await;
        server.execute("DELETE FROM budgets").await;
        assert!(open(&scene, server, "2001:db8::1").await.is_ok());
        // Of the two rows the site's is the fuller one. As if its other networks had spent it:
        let spent = "UPDATE budgets SET full_at = full_at + 600000000 \
                     WHERE full_at = (SELECT MIN(full_at) FROM budgets)";
        assert_eq!(server.execute(spent).await, 1);

        let neighbour = open(&scene, server, "2001:db8:0:ff::1").await;

        assert_eq!(neighbour, Err(Crowded::Network));
        assert!(open(&scene, server, "2001:db8:1::1").await.is_ok(), "another site");
        server.wait(2);
        assert!(open(&scene, server, "2001:db8:0:ff::1").await.is_ok(), "one more comes back");
    }

    async fn a_request_that_is_refused_does_not_count_as_waiting(server: Server) {
        let scene = Scene::set(server).await;
        assert!(open(&scene, server, "203.0.113.7").await.is_ok());
        fill_with(server, 49_990).await;
        server.execute("UPDATE budgets SET full_at = full_at + 606000000").await;
        // The keeper counts, five seconds later by the clock.
        server.wait(5);
        tokio::time::sleep(Duration::from_millis(500)).await;

        for _ in 0..20 {
            assert_eq!(open(&scene, server, "203.0.113.7").await, Err(Crowded::Network));
        }

        assert!(open(&scene, server, "203.0.113.8").await.is_ok());
    }
}
