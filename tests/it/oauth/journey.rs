//! The main job: a client that nobody knew a minute ago gets tokens for a person.

use serde_json::json;

use crate::kit::browser::{AuthorizationRequest, param};
use crate::kit::server::ISSUER;
use crate::kit::{Answer, Browser, Pkce, Server, TokenClient, on_both_databases};

const RESOURCE: &str = "https://mcp.example/mcp";
const REDIRECT: &str = "https://app.example/callback";

/// Registers a public client for [`REDIRECT`].
async fn register(server: &Server) -> TokenClient {
    let document = json!({
        "client_name": "An app",
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "none",
    });
    let http = reqwest::Client::new();
    let response = http.post(server.url("/oauth/register")).json(&document).send().await.unwrap();
    let answer = Answer::of(response).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    TokenClient::new(&answer.member("client_id"), None)
}

on_both_databases! {
    /// Register, sign in, agree, redeem, refresh, introspect, revoke.
    async fn a_person_lets_an_app_in_and_out_again(server: Server) {
        server.resource("mcp", RESOURCE, &["read*", "write"]).await;
        let person = server.person("ada@example.com").await;
        let app = register(server).await;
        let pkce = Pkce::new("first");
        let request = AuthorizationRequest {
            client_id: &app.id,
            redirect_uri: REDIRECT,
            pkce: &pkce,
            more: &[("resource", RESOURCE), ("scope", "read write offline_access")],
        };

        let back = Browser::new().authorize(server, &request, "Ada@Example.com").await;
        assert_eq!(param(&back, "state").as_deref(), Some("some state"));
        assert_eq!(param(&back, "iss").as_deref(), Some(ISSUER));
        let code = param(&back, "code").unwrap();

        let tokens = app.redeem(server, &code, REDIRECT, &pkce).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
        assert_eq!(tokens.member("scope"), "read write");
        assert_eq!(tokens.json()["expires_in"], 900);
        assert_eq!(tokens.header("cache-control"), "no-store");
        let (access, refresh) = (tokens.member("access_token"), tokens.member("refresh_token"));

        let next = app.refresh(server, &refresh).await;
        assert_eq!(next.status, 200, "{next:?}");
        let (next_access, next_refresh) = (next.member("access_token"), next.member("refresh_token"));
        assert_ne!(next_refresh, refresh);
        assert_ne!(next_access, access);

        let guard = server.client(machine("tools")).await;
        server.runtime_client("mcp", &guard.client.id).await;
        let guard = TokenClient::of(&guard);
        let seen = guard.post(server, "/oauth/introspect", &[("token", &next_access)]).await.json();
        assert_eq!(seen["active"], true);
        assert_eq!(seen["sub"], person.id.to_string());
        assert_eq!(seen["aud"], json!([RESOURCE]));
        assert_eq!(seen["scope"], "read write");
        assert!(!app.sees_active(server, &access).await, "public clients may not introspect");

        let revoked = app.post(server, "/oauth/revoke", &[("token", &next_refresh)]).await;
        assert_eq!(revoked.status, 200);
        assert!(!guard.sees_active(server, &next_access).await);
        assert!(!guard.sees_active(server, &access).await);
        app.refresh(server, &next_refresh).await.refused(400, "invalid_grant");
    }
}

fn machine(scope: &str) -> authserver::administration::client::NewClient {
    authserver::administration::client::NewClient {
        name: "A machine".to_owned(),
        grant_types: vec!["client_credentials".to_owned()],
        scope: Some(scope.to_owned()),
        ..Default::default()
    }
}
