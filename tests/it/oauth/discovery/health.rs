//! Is it up, can it serve, and how is every keeper?

use serde_json::json;

use crate::kit::browser::param;
use crate::kit::scene::{EMAIL, REDIRECT, public_app, register};
use crate::kit::server::ISSUER;
use crate::kit::{Browser, Scene, Server, on_both_databases};

on_both_databases! {
    async fn a_healthy_server_says_so_to_anybody(server: Server) {
        let up = server.get("/livez").await;
        assert_eq!((up.status, up.member("status").as_str()), (200, "ok"));
        let ready = server.get("/ready").await;
        assert_eq!((ready.status, ready.member("status").as_str()), (200, "ok"));
        assert_eq!(ready.member("db"), "ok");
        assert_eq!(ready.member("time"), "2027-01-15T08:00:00.000Z");
        assert_eq!(ready.json().get("keepers"), None);
        assert_eq!(ready.header("cache-control"), "no-store");
    }

    async fn health_names_every_keeper_and_its_state(server: Server) {
        let health = server.get("/health").await;
        assert_eq!(health.status, 200, "{health:?}");
        let body = health.json();
        let keepers = body["keepers"].as_array().unwrap();
        let names: Vec<&str> = keepers.iter().map(|it| it["keeper"].as_str().unwrap()).collect();
        for name in ["keys", "consent", "ledger", "catalog", "users", "passwords", "janitor"] {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
        assert!(names.iter().any(|name| name.starts_with("families")), "{names:?}");
        assert!(keepers.iter().all(|it| it["state"] == "up"), "{body}");
    }

    async fn a_server_without_its_store_is_up_but_not_ready(server: Server) {
        server.services.store.close().await;
        assert_eq!(server.get("/livez").await.status, 200);
        for path in ["/ready", "/health"] {
            let answer = server.get(path).await;
            assert_eq!(answer.status, 503, "{path}: {answer:?}");
            assert_eq!(answer.member("status"), "store_unreachable");
            assert_eq!(answer.member("db"), "unreachable");
            assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
        }
        assert_eq!(server.get("/.well-known/jwks.json").await.status, 200);
    }

    async fn without_its_store_the_server_says_try_again_and_no_more(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        browser.get(server, &scene.path(&[])).await.asks_for_consent();
        let never_seen = public_app(server, &[REDIRECT]).await;
        server.services.store.close().await;

        let back = browser.get(server, &scene.path(&[])).await.location();
        assert_eq!(param(&back, "error").as_deref(), Some("temporarily_unavailable"));
        assert_eq!(param(&back, "state").as_deref(), Some("some state"));
        assert_eq!(param(&back, "iss").as_deref(), Some(ISSUER));
        let page = browser.get(server, &scene.path(&[("client_id", &never_seen.id)])).await;
        page.is_page(503, "Not available for the moment");
        assert!(page.headers.contains_key("retry-after"), "{page:?}");
        let answer = register(server, &json!({ "redirect_uris": [REDIRECT] })).await;
        answer.refused(503, "temporarily_unavailable");
        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
        for text in [back.as_str(), &page.text, &answer.text] {
            for inside in ["sql", "pool", "postgres", "Connection", "Unreachable"] {
                assert!(!text.contains(inside), "{inside} in {text}");
            }
        }
    }
}
