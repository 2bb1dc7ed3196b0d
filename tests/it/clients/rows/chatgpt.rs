//! ChatGPT: a web application that would rather bring an URL and a key of its own, and registers
//! where it cannot.

use serde_json::{Value, json};

use super::guest::guest;
use crate::kit::scene::register;
use crate::kit::{Browser, Server, on_both_databases};

const ANSWERED_AT: &str = "https://chatgpt.com/connector_platform_oauth_redirect";

fn document() -> Value {
    json!({
        "client_name": "ChatGPT",
        "redirect_uris": [ANSWERED_AT],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
    })
}

on_both_databases! {
    async fn it_registers_where_it_cannot_bring_an_url_and_gets_in(server: Server) {
        let scene = guest(server, &document(), ANSWERED_AT).await;
        let metadata = server.get("/.well-known/oauth-authorization-server").await.json();
        assert_ne!(metadata["client_id_metadata_document_supported"], true, "it would use one");
        let tokens = scene.tokens(server, &Browser::new(), &[]).await;
        assert_eq!(scene.app.refresh(server, &tokens.member("refresh_token")).await.status, 200);
    }

    async fn a_list_of_methods_beside_the_one_it_uses_does_not_confuse_the_server(server: Server) {
        let body = register(server, &document()).await.json();
        assert_eq!(body["token_endpoint_auth_method"], "none", "{body}");
        assert_eq!(body.get("client_secret"), None, "{body}");
    }
}
