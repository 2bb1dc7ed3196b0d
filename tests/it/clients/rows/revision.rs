//! MCP authorization, revision 2026-07-28: what it asks beyond 2025-11-25.

use actors::audit::Origin;
use authserver::administration::resource::{self, NewResource};
use protocol::resource::ScopeEntry;
use serde_json::json;

use super::guest::guest;
use crate::kit::browser::param;
use crate::kit::scene::{EMAIL, REDIRECT, RESOURCE, register};
use crate::kit::server::ISSUER;
use crate::kit::{Answer, Browser, Server, on_both_databases};

fn web() -> serde_json::Value {
    json!({
        "client_name": "A client",
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "none",
    })
}

/// The issuer in an answer of the authorization endpoint (RFC 9207).
fn issuer(answer: &Answer) -> Option<String> {
    param(&answer.location(), "iss")
}

on_both_databases! {
    async fn every_authorization_response_names_the_issuer(server: Server) {
        let scene = guest(server, &web(), REDIRECT).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        for mistake in [
            ("code_challenge", "-"),
            ("scope", "unheard-of"),
            ("resource", "https://elsewhere.example"),
            ("response_type", "token"),
            ("prompt", "none"),
        ] {
            let answer = browser.get(server, &scene.path(&[mistake])).await;
            assert!(param(&answer.location(), "error").is_some(), "{mistake:?}");
            assert_eq!(issuer(&answer).as_deref(), Some(ISSUER), "{mistake:?}");
        }
        for decision in ["deny", "approve"] {
            let page = browser.visit(server, &scene.path(&[])).await;
            let answer = browser.decide(server, &page, decision).await;
            assert_eq!(issuer(&answer).as_deref(), Some(ISSUER), "{decision}");
        }
        let silent = browser.get(server, &scene.path(&[("prompt", "none")])).await;
        assert!(param(&silent.location(), "code").is_some(), "without any page");
        assert_eq!(issuer(&silent).as_deref(), Some(ISSUER));
    }

    async fn a_registration_says_what_kind_of_application_it_is_and_is_told(server: Server) {
        let local = json!(["http://127.0.0.1:1/"]);
        for (said, uris, is) in [
            (json!("native"), json!(["http://127.0.0.1:1/"]), "native"),
            (json!("web"), json!([REDIRECT]), "web"),
            (json!("web"), local.clone(), "native"),
            (json!(null), local, "native"),
            (json!(null), json!([REDIRECT]), "web"),
        ] {
            let mut document = web();
            document["redirect_uris"] = uris;
            if !said.is_null() {
                document["application_type"] = said.clone();
            }
            let body = register(server, &document).await.json();
            assert_eq!(body["application_type"], is, "said {said}: {body}");
        }
        let mut document = web();
        document["application_type"] = json!("toaster");
        register(server, &document).await.refused(400, "invalid_client_metadata");
    }

    async fn a_public_client_never_keeps_a_refresh_token(server: Server) {
        let scene = guest(server, &web(), REDIRECT).await;
        let tokens = scene.tokens(server, &Browser::new(), &[]).await;
        let first = tokens.member("refresh_token");
        let second = scene.app.refresh(server, &first).await.member("refresh_token");
        let third = scene.app.refresh(server, &second).await.member("refresh_token");
        assert!(first != second && second != third && first != third);
        scene.app.refresh(server, &first).await.refused(400, "invalid_grant");
        // Somebody used an old one, so nobody goes on.
        scene.app.refresh(server, &third).await.refused(400, "invalid_grant");
    }

    async fn the_person_reads_where_the_approval_goes_and_is_warned_of_this_machine(server: Server) {
        let web = guest(server, &web(), REDIRECT).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        let words = browser.visit(server, &web.path(&[])).await.words();
        assert!(words.contains("Your approval will be sent to app.example"), "{words}");
        assert!(!words.contains("Any program on this computer"), "{words}");

        for (uri, host) in [
            ("http://127.0.0.1:4711/cb", "127.0.0.1:4711"),
            ("http://localhost:4711/cb", "localhost:4711"),
            ("http://[::1]:4711/cb", "[::1]:4711"),
        ] {
            let document = json!({ "client_name": "Local", "redirect_uris": [uri] });
            let answer = register(server, &document).await;
            let local = crate::kit::Scene {
                app: crate::kit::TokenClient::new(&answer.member("client_id"), None),
                person: web.person,
                pkce: web.pkce.clone(),
                redirect_uri: uri.to_owned(),
            };
            let words = browser.visit(server, &local.path(&[])).await.words();
            assert!(words.contains(host), "{words}");
            assert!(words.contains("Any program on this computer can listen"), "{words}");
        }
    }

    async fn offline_access_is_the_servers_to_offer_and_no_resources(server: Server) {
        guest(server, &web(), REDIRECT).await;
        let metadata = server.get("/.well-known/oauth-authorization-server").await.json();
        let offered = metadata["scopes_supported"].as_array().unwrap();
        assert!(offered.contains(&json!("offline_access")), "{metadata}");
        let document = server.get("/.well-known/oauth-protected-resource/mcp").await.json();
        assert_eq!(document["resource"], RESOURCE);
        assert_eq!(document["scopes_supported"], json!(["read", "write"]), "{document}");

        let new = NewResource {
            slug: "greedy".to_owned(),
            uri: "https://greedy.example/".to_owned(),
            scopes: vec![ScopeEntry {
                name: "offline_access".to_owned(),
                description: None,
                default: true,
            }],
            ..NewResource::default()
        };
        let origin = Origin::local();
        let refused = resource::create(&server.desk(&origin), new).await.unwrap_err();
        assert!(refused.to_string().contains("offline_access"), "{refused}");
    }
}
