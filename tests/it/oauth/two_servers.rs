//! A person, an app and two servers on one database, between which a balancer throws dice.

use serde_json::json;

use crate::kit::browser::{AuthorizationRequest, hidden_fields, param};
use crate::kit::scene::EMAIL;
use crate::kit::server::PASSWORD;
use crate::kit::stage::{REDIRECT, RESOURCE, Tokens, public_app};
use crate::kit::{Answer, Browser, Pkce, Server, TokenClient, on_both_databases};

const PROXY: (&str, &str) = ("AUTHPLANE_SERVER_TRUSTED_PROXIES", "127.0.0.1");

async fn is_signed_in(server: &Server, browser: &Browser) -> bool {
    browser.get(server, "/login").await.text.contains("You are signed in")
}

async fn attempt(server: &Server, browser: &Browser, password: &str) -> Answer {
    let page = browser.get(server, "/login").await;
    browser.type_in(server, &page, EMAIL, password).await
}

on_both_databases! {
    /// Each step of a sign-in is made at another server than the one before.
    async fn a_sign_in_goes_from_server_to_server(server: Server) {
        server.resource("mcp", RESOURCE, &["read*", "write"]).await;
        server.person(EMAIL).await;
        let app = TokenClient::of(&server.client(public_app()).await);
        let other = server.replica().await;
        let (pkce, browser) = (Pkce::new("to and fro"), Browser::new());
        let more = [("resource", RESOURCE), ("scope", "read write")];
        let request =
            AuthorizationRequest { client_id: &app.id, redirect_uri: REDIRECT, pkce: &pkce, more: &more };

        let asked = browser.get(server, &request.path()).await;
        asked.asks_to_sign_in();
        let form = browser.get(&other, asked.header("location")).await;
        let signed_in = browser.type_in(server, &form, EMAIL, PASSWORD).await;
        assert_eq!(signed_in.status, 303, "{signed_in:?}");
        let question = browser.get(&other, signed_in.header("location")).await;
        question.is_page(200, "name=\"decision\"");
        let decided = browser.decide(server, &question, "approve").await;
        let code = param(&decided.location(), "code").unwrap();
        let first = Tokens::of(&app.redeem(&other, &code, REDIRECT, &pkce).await);
        let second = Tokens::of(&app.refresh(server, &first.refresh).await);
        Tokens::of(&app.refresh(&other, &second.refresh).await);
        app.redeem(server, &code, REDIRECT, &pkce).await.refused(400, "invalid_grant");
        app.refresh(&other, &second.refresh).await.refused(400, "invalid_grant");

        // What was agreed to at one is not asked for again at the other.
        let again = Pkce::new("again");
        let request = AuthorizationRequest { pkce: &again, ..request };
        let answer = browser.get(&other, &request.path()).await;
        assert!(!answer.text.contains("name=\"password\""), "{answer:?}");
        other.stop().await;
    }

    async fn who_is_signed_in_or_out_at_one_server_is_at_the_other(server: Server) {
        let person = server.person(EMAIL).await;
        let other = server.replica().await;
        for (here, there) in [(&*server, &other), (&other, &*server)] {
            let (browser, elsewhere) =
                (Browser::signed_in(here, EMAIL).await, Browser::signed_in(there, EMAIL).await);
            assert!(is_signed_in(there, &browser).await && is_signed_in(here, &elsewhere).await);
            let page = browser.get(there, "/login").await;
            browser.send(here, "/logout", &hidden_fields(&page)).await;
            assert!(!is_signed_in(there, &browser).await);
            assert!(is_signed_in(here, &elsewhere).await, "it was one browser's");

            // Signed out everywhere, by whatever ends sessions, from the next request on.
            let path = format!("/admin/users/{}", person.id);
            for what in ["force-logout", "disable"] {
                let browsers =
                    [Browser::signed_in(here, EMAIL).await, Browser::signed_in(there, EMAIL).await];
                let done = here.admin_patch(&format!("{path}/{what}"), &json!({})).await;
                assert!(done.status < 300, "{what}: {done:?}");
                for on in [here, there] {
                    for browser in &browsers {
                        assert!(!is_signed_in(on, browser).await, "{what}");
                    }
                }
                if what == "disable" {
                    attempt(there, &Browser::new(), PASSWORD).await.is_page(401, "not right");
                    let done = there.admin_patch(&format!("{path}/enable"), &json!({})).await;
                    assert!(done.status < 300, "{done:?}");
                }
            }
            let browser = Browser::signed_in(there, EMAIL).await;
            let changed = json!({ "password": PASSWORD });
            assert_eq!(here.admin_patch(&path, &changed).await.status, 200);
            assert!(!is_signed_in(there, &browser).await, "another password");
        }
        other.stop().await;
    }

    /// The mark of one server keeps its browser apart from those who guess, at the other.
    async fn a_browser_that_one_server_knows_the_other_knows(server: Server)
    with [("AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", "2"), PROXY] {
        server.person(EMAIL).await;
        let other = server.replica().await;
        let own = Browser::at("198.51.100.7");
        assert_eq!(attempt(server, &own, PASSWORD).await.status, 303);
        for network in 0..20 {
            let on = if network % 2 == 0 { &*server } else { &other };
            let guesser = Browser::at(&format!("203.0.113.{network}"));
            attempt(on, &guesser, "a wrong guess").await.is_page(401, "not right");
        }
        for on in [&*server, &other] {
            let stranger = Browser::at("203.0.113.99");
            assert_eq!(attempt(on, &stranger, PASSWORD).await.status, 429, "the address is locked");
            assert_eq!(attempt(on, &own, PASSWORD).await.status, 303);
        }
        other.stop().await;
    }
}
