//! Claude Code: a program on the person's machine, several of it at once, that keeps what it got.

use futures::future::join_all;
use serde_json::{Value, json};

use super::guest::{guest, stranger};
use crate::kit::browser::param;
use crate::kit::client::claims;
use crate::kit::scene::{EMAIL, RESOURCE};
use crate::kit::{Browser, Server, on_both_databases};

const LISTENS_AT: &str = "http://localhost:49152/callback";

/// What it registers: the address has no port, which it learns when it listens.
fn document() -> Value {
    json!({
        "client_name": "Claude Code (tools)",
        "redirect_uris": ["http://localhost/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    })
}

on_both_databases! {
    async fn it_registers_an_address_without_a_port_and_is_answered_at_any(server: Server) {
        let mut scene = guest(server, &document(), LISTENS_AT).await;
        let browser = Browser::new();
        for port in ["49152", "54545", "80", "65535"] {
            scene.redirect_uri = format!("http://localhost:{port}/callback");
            let back = browser.authorize(server, &scene.request(&[]), EMAIL).await;
            assert!(back.as_str().starts_with("http://localhost"), "{back}");
            assert_eq!(back.port_or_known_default(), port.parse().ok(), "{back}");
            scene.redeem(server, &back).await;
        }
        // `localhost` is not the address it usually stands for: another host was not registered.
        let elsewhere = scene.path(&[("redirect_uri", "http://127.0.0.1:49152/callback")]);
        browser.get(server, &elsewhere).await.is_page(400, "wrong place");
    }

    async fn it_names_the_origin_with_a_slash_and_gets_the_registered_audience(server: Server) {
        let scene = stranger(server, &document(), LISTENS_AT).await;
        server.resource("root", "https://root.example", &["read*"]).await;
        server
            .register(authserver::administration::resource::NewResource {
                slug: "deep".to_owned(),
                uri: "https://deep.example/v1/mcp".to_owned(),
                aliases: vec!["https://deep.example".to_owned()],
                scopes: vec![protocol::resource::ScopeEntry {
                    name: "read".to_owned(),
                    description: None,
                    default: true,
                }],
                ..Default::default()
            })
            .await;
        let browser = Browser::new();
        for (said, registered) in [
            ("https://root.example/", "https://root.example"),
            ("https://root.example", "https://root.example"),
            ("https://deep.example/", "https://deep.example/v1/mcp"),
            ("https://deep.example/v1/mcp", "https://deep.example/v1/mcp"),
        ] {
            let tokens = scene.tokens(server, &browser, &[("resource", said)]).await;
            let aud = claims(&tokens.member("access_token"))["aud"].clone();
            assert_eq!(aud, json!([registered]), "it said {said}");
        }
    }

    async fn it_names_neither_resource_nor_scope_and_gets_the_least_of_the_only_one(server: Server) {
        let scene = guest(server, &document(), LISTENS_AT).await;
        let browser = Browser::new();
        let tokens = scene.tokens(server, &browser, &[]).await;
        let claims = claims(&tokens.member("access_token"));
        assert_eq!((&claims["aud"], &claims["scope"]), (&json!([RESOURCE]), &json!("read")));

        server.resource("mail", "https://mail.example/mcp", &["send*"]).await;
        let back = browser.get(server, &scene.path(&[])).await.location();
        assert_eq!(param(&back, "error").as_deref(), Some("invalid_target"));
        assert_eq!(param(&back, "code"), None, "two audiences to choose from are none");
    }

    async fn eight_of_it_refresh_at_once_and_one_that_heard_nothing_asks_again(server: Server) {
        let scene = guest(server, &document(), LISTENS_AT).await;
        let first = scene.tokens(server, &Browser::new(), &[]).await.member("refresh_token");
        let mut present = first.clone();
        for round in 0..3 {
            let all = (0..8).map(|_| scene.app.refresh(server, &present));
            let answers = join_all(all).await;
            let successors: Vec<String> =
                answers.iter().map(|answer| answer.member("refresh_token")).collect();
            assert!(answers.iter().all(|answer| answer.status == 200), "{round}: {answers:?}");
            assert!(successors.iter().all(|it| *it == successors[0]), "{round}: {successors:?}");
            assert_ne!(successors[0], present, "{round}: it was not rotated");

            let again = scene.app.refresh(server, &present).await;
            assert_eq!(again.member("refresh_token"), successors[0], "{round}: a lost answer");
            present.clone_from(&successors[0]);
        }
        scene.app.refresh(server, &first).await.refused(400, "invalid_grant");
    }

    async fn it_is_told_that_its_deleted_client_is_gone_at_either_end(server: Server) {
        let scene = guest(server, &document(), LISTENS_AT).await;
        let browser = Browser::new();
        let tokens = scene.tokens(server, &browser, &[]).await;
        server.change_client(&scene.app.id, "status = 'revoked'").await;
        server.execute(&format!("DELETE FROM clients WHERE id = '{}'", scene.app.id)).await;
        let mut remade = server.replica().await;
        std::mem::swap(server, &mut remade);
        remade.stop().await;

        for path in ["/oauth/token", "/token"] {
            let form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", &tokens.member("refresh_token")),
            ];
            scene.app.post(server, path, &form).await.refused(401, "invalid_client");
        }
        let code = [("grant_type", "authorization_code"), ("code", "x"), ("code_verifier", "y")];
        scene.app.token(server, &code).await.refused(401, "invalid_client");
        let page = browser.get(server, &scene.path(&[])).await;
        page.is_page(400, &scene.app.id);
        assert!(page.words().contains("add it again"), "{}", page.words());
    }

    async fn it_refreshes_where_it_should_ask_and_keeps_all_it_was_granted(server: Server) {
        let scene = guest(server, &document(), LISTENS_AT).await;
        let browser = Browser::new();
        let tokens = scene.tokens(server, &browser, &[("scope", "read")]).await;
        let mut refresh = tokens.member("refresh_token");
        // After a 403 `insufficient_scope`: asking a refresh for more is refused and spends nothing.
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &refresh),
            ("scope", "read write"),
        ];
        scene.app.token(server, &form).await.refused(400, "invalid_scope");
        for _ in 0..2 {
            let answer = scene.app.refresh(server, &refresh).await;
            assert_eq!(answer.member("scope"), "read", "{answer:?}");
            refresh = answer.member("refresh_token");
        }
        // The upgrade is another request, for the union; the person is asked for what is new.
        let page = browser.visit(server, &scene.path(&[("scope", "read write")])).await;
        assert!(page.words().contains("What write means"), "{}", page.words());
        let back = browser.decide(server, &page, "approve").await.location();
        let upgraded = scene.redeem(server, &back).await;
        assert_eq!(upgraded.member("scope"), "read write");
        let next = scene.app.refresh(server, &upgraded.member("refresh_token")).await;
        assert_eq!(next.member("scope"), "read write");
    }
}
