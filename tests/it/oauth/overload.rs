//! More than the server takes on, and parts of it that are gone: said at once, nothing half done,
//! and good again afterwards.

use std::collections::BTreeSet;
use std::time::Duration;

use actors::consent::RevokeGrant;
use entities::Backend as Database;
use futures::future::join_all;

use crate::kit::browser::hidden_fields;
use crate::kit::server::PASSWORD;
use crate::kit::stage::{Stage, Tokens, machine};
use crate::kit::{Browser, Server, TokenClient, on_both_databases};

const KEEPERS: [&str; 15] = [
    "admin-keys",
    "attempts",
    "catalog",
    "consent",
    "documents",
    "families-1",
    "families-2",
    "janitor",
    "keys",
    "ledger",
    "passwords",
    "relay",
    "replay",
    "secrets",
    "users",
];

on_both_databases! {
    /// Argon2 has a bounded share of the machine; the rest of the server does not notice.
    async fn a_flood_of_sign_ins_is_turned_away_while_tokens_go_on(server: Server)
    with [("AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", "0")] {
        server.person("ada@example.com").await;
        let robot = TokenClient::of(&server.client(machine("tools")).await);
        let browser = Browser::new();
        let page = browser.get(server, "/login").await;
        let mut form = hidden_fields(&page);
        form.push(("email".to_owned(), "ada@example.com".to_owned()));
        form.push(("password".to_owned(), PASSWORD.to_owned()));
        let form: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();

        let flood = join_all((0..140).map(|_| browser.post(server, "/login", &form)));
        let tokens = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            robot.token(server, &[("grant_type", "client_credentials")]).await
        };
        let (flood, token) = tokio::join!(flood, tokens);
        assert_eq!(token.status, 200, "{token:?}");

        let (turned_away, served): (Vec<_>, Vec<_>) =
            flood.into_iter().partition(|answer| answer.status == 503);
        assert!(!turned_away.is_empty(), "the flood was too small");
        assert!(served.len() >= 64, "{} were served", served.len());
        for answer in &turned_away {
            assert_eq!(answer.header("retry-after"), "2", "{answer:?}");
        }
        for answer in &served {
            assert_eq!(answer.status, 303, "{answer:?}");
        }
        let page = browser.get(server, "/login").await;
        assert_eq!(page.status, 200);
        let answer = Browser::new();
        let page = answer.get(server, "/login").await;
        let signed_in = answer.sign_in(server, &page, "ada@example.com").await;
        assert_eq!(signed_in.status, 200, "{signed_in:?}");
    }

    async fn a_full_mailbox_answers_503_at_once_and_the_code_is_good_afterwards(server: Server) {
        let stage = Stage::set(server).await;
        let code = stage.code(server).await;
        let release = server.hold("consent_grants").await;
        let waiting: Vec<_> = (0..1024)
            .map(|_| {
                let consent = server.services.keepers.consent.clone();
                tokio::spawn(async move {
                    let id = uuid::Uuid::nil();
                    let admin = "admin:test".to_owned();
                    consent.ask(RevokeGrant { id, admin, origin: Default::default() }).await
                })
            })
            .collect();
        let full = |server: &Server| {
            let health = server.services.household.health();
            health.iter().any(|it| it.keeper == "consent" && it.mailbox_depth >= 1024)
        };
        while !full(server) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }

        let answer = stage.redeem(server, &code).await;
        answer.refused(503, "temporarily_unavailable");
        assert_eq!(answer.header("retry-after"), "2");
        assert_eq!(answer.header("content-type"), "application/json");
        let robot = [("grant_type", "client_credentials"), ("scope", "tools")];
        if server.services.store.backend() == Database::Postgres {
            let token = stage.guard.token(server, &robot).await;
            assert!(matches!(token.status, 200 | 503), "{token:?}");
        }

        release.send(()).unwrap();
        for asked in waiting {
            drop(asked.await.unwrap());
        }
        Tokens::of(&stage.redeem(server, &code).await);
        assert_eq!(stage.guard.token(server, &robot).await.status, 200);
    }

    async fn health_names_every_keeper_and_its_state(server: Server) {
        let health = server.get("/health").await;
        assert_eq!((health.status, health.header("cache-control")), (200, "no-store"));
        let body = health.json();
        assert_eq!((&body["status"], &body["db"]), (&"ok".into(), &"ok".into()));
        assert_eq!(body["time"], "2027-01-15T08:00:00.000Z");
        let keepers = body["keepers"].as_array().unwrap();
        let names: BTreeSet<&str> =
            keepers.iter().map(|keeper| keeper["keeper"].as_str().unwrap()).collect();
        assert_eq!(names, BTreeSet::from(KEEPERS));
        for keeper in keepers {
            assert_eq!(keeper["state"], "up", "{keeper}");
            assert_eq!(keeper["restarts"], 0, "{keeper}");
            assert!(keeper["mailbox_capacity"].as_u64().unwrap() > 0, "{keeper}");
        }
        let ready = server.get("/ready").await;
        assert_eq!(ready.status, 200);
        assert!(ready.json().get("keepers").is_none());
        assert_eq!(server.get("/livez").await.status, 200);
    }

    async fn without_the_store_every_answer_is_a_503_and_the_process_is_alive(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let code = stage.code(server).await;
        server.services.store.close().await;

        assert_eq!(server.get("/livez").await.status, 200);
        for path in ["/ready", "/health"] {
            let answer = server.get(path).await;
            assert_eq!((answer.status, answer.header("retry-after")), (503, "2"), "{answer:?}");
            assert_eq!(answer.json()["db"], "unreachable");
        }
        for answer in [
            stage.app.refresh(server, &tokens.refresh).await,
            stage.redeem(server, &code).await,
            stage.guard.token(server, &[("grant_type", "client_credentials")]).await,
            stage.guard.post(server, "/oauth/introspect", &[("token", &tokens.access)]).await,
            stage.app.post(server, "/oauth/revoke", &[("token", &tokens.refresh)]).await,
            TokenClient::new("not-cached", Some("x")).refresh(server, &tokens.refresh).await,
        ] {
            answer.refused(503, "temporarily_unavailable");
            assert_eq!(answer.header("retry-after"), "2");
            assert!(!answer.text.contains("pool"), "no internals: {}", answer.text);
        }
        assert_eq!(server.get("/.well-known/jwks.json").await.status, 200);
        stage.app.refresh(server, "nonsense").await.refused(400, "invalid_grant");
    }
}
