//! claude.ai and Claude Desktop: a web application that registers with every connection, from
//! addresses its users share, and reads the metadata as a list of what to ask for.

use authserver::administration::resource::NewResource;
use protocol::resource::ScopeEntry;
use serde_json::{Value, json};

use super::guest::{guest, stranger};
use crate::kit::browser::{param, ticked_scopes};
use crate::kit::scene::{EMAIL, RESOURCE, register};
use crate::kit::{Answer, Browser, Server, TokenClient, on_both_databases};

const ANSWERED_AT: &str = "https://claude.ai/api/mcp/auth_callback";

fn document() -> Value {
    json!({
        "client_name": "Claude",
        "redirect_uris": [ANSWERED_AT],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "scope": "offline_access notes:read notes:write",
    })
}

/// A resource that tells strangers of its scopes, or one that does not.
async fn notes(server: &Server, discoverable: bool) {
    let scope =
        |name: &str| ScopeEntry { name: name.to_owned(), description: None, default: false };
    server
        .register(NewResource {
            slug: format!("notes-{discoverable}"),
            uri: format!("https://notes-{discoverable}.example/mcp"),
            scopes: match discoverable {
                true => vec![scope("notes:read"), scope("notes:write")],
                false => vec![scope("secret:read")],
            },
            discoverable,
            ..NewResource::default()
        })
        .await;
}

on_both_databases! {
    async fn it_asks_for_every_scope_it_was_told_of_and_the_person_unticks_one(server: Server) {
        notes(server, true).await;
        notes(server, false).await;
        let scene = stranger(server, &document(), ANSWERED_AT).await;
        let metadata = server.get("/.well-known/oauth-authorization-server").await.json();
        let told: Vec<&str> =
            metadata["scopes_supported"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(told, ["offline_access", "notes:read", "notes:write"], "kept small");

        let all = told.join(" ");
        let more = [("scope", all.as_str()), ("resource", "https://notes-true.example/mcp")];
        let browser = Browser::signed_in(server, EMAIL).await;
        let page = browser.visit(server, &scene.path(&more)).await;
        assert_eq!(ticked_scopes(&page), ["notes:read", "notes:write"]);
        let kept = ["notes:read".to_owned()];
        let back = browser.decide_on(server, &page, "approve", &kept).await.location();
        let tokens = scene.redeem(server, &back).await;
        assert_eq!(tokens.member("scope"), "notes:read");
        let refreshed = scene.app.refresh(server, &tokens.member("refresh_token")).await;
        assert_eq!(refreshed.member("scope"), "notes:read", "it stays off");
    }

    async fn it_looks_for_the_metadata_in_three_places_and_finds_it_in_each(server: Server)
    with [("AUTHPLANE_SERVER_ISSUER", "http://localhost:9000/tenant")] {
        let places = [
            "/.well-known/oauth-authorization-server/tenant",
            "/.well-known/openid-configuration/tenant",
            "/tenant/.well-known/openid-configuration",
            "/tenant/.well-known/oauth-authorization-server",
        ];
        let mut found = Vec::new();
        for place in places {
            let answer = server.get(place).await;
            assert_eq!(answer.status, 200, "{place}: {answer:?}");
            assert_eq!(answer.json()["issuer"], "http://localhost:9000/tenant", "{place}");
            found.push(answer.text);
        }
        assert!(found.iter().all(|document| *document == found[0]));
    }

    async fn it_makes_up_the_endpoints_and_they_are_there(server: Server) {
        server.resource("mcp", RESOURCE, &["read*"]).await;
        server.person(EMAIL).await;
        let http = reqwest::Client::new();
        let request = http.post(server.url("/register")).json(&document());
        let registered = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(registered.status, 201, "{registered:?}");
        let app = TokenClient::new(&registered.member("client_id"), None);
        let pkce = crate::kit::Pkce::new("made up");
        let request = crate::kit::browser::AuthorizationRequest {
            client_id: &app.id,
            redirect_uri: ANSWERED_AT,
            pkce: &pkce,
            more: &[],
        };
        let short = request.path().replacen("/oauth/authorize", "/authorize", 1);

        let browser = Browser::signed_in(server, EMAIL).await;
        let page = browser.visit(server, &short).await;
        let back = browser.decide(server, &page, "approve").await.location();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &param(&back, "code").unwrap()),
            ("redirect_uri", ANSWERED_AT),
            ("code_verifier", &pkce.verifier),
        ];
        let tokens = app.post(server, "/token", &form).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
    }

    /// The budget an address has when nobody sets one holds for a burst of connections.
    async fn it_registers_with_every_connection_and_its_first_one_goes_on_working(server: Server)
    with [("AUTHPLANE_DCR_RATE_LIMIT_BURST", "20")] {
        let scene = guest(server, &document(), ANSWERED_AT).await;
        let tokens = scene.tokens(server, &Browser::new(), &[]).await;
        let mut ids = vec![scene.app.id.clone()];
        for _ in 0..19 {
            let answer = register(server, &document()).await;
            assert_eq!(answer.status, 201, "{answer:?}");
            ids.push(answer.member("client_id"));
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 20, "every connection has a client of its own");
        register(server, &document()).await.refused(429, "slow_down");

        server.wait(60 * 60 * 24 * 5);
        let refreshed = scene.app.refresh(server, &tokens.member("refresh_token")).await;
        assert_eq!(refreshed.status, 200, "a client that is in use stays: {refreshed:?}");
    }
}

/// It would use an URL as its `client_id` where the metadata has both of these. Until the server can
/// fetch such a document the one is absent, and it registers instead; the other has to be there anyway.
mod an_url_as_client_id {
    use super::*;

    on_both_databases! {
        async fn is_not_offered_and_is_refused_with_words_where_it_is_tried(server: Server) {
            let mut scene = guest(server, &document(), ANSWERED_AT).await;
            let metadata = server.get("/.well-known/oauth-authorization-server").await.json();
            let methods = metadata["token_endpoint_auth_methods_supported"].as_array().unwrap();
            assert!(methods.contains(&json!("none")), "{metadata}");
            assert_ne!(metadata["client_id_metadata_document_supported"], true);

            scene.app = TokenClient::new("https://claude.ai/oauth/client.json", None);
            let page = Browser::new().get(server, &scene.path(&[])).await;
            page.is_page(400, "https://claude.ai/oauth/client.json");
            let form = [("grant_type", "refresh_token"), ("refresh_token", "x")];
            scene.app.token(server, &form).await.refused(401, "invalid_client");
        }
    }
}
