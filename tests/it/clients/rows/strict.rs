//! Those who compare: Gemini CLI, the MCP SDKs, and whatever sits behind a proxy. Every one of them
//! gives up over one character.

use serde_json::{Value, json};

use super::guest::guest;
use crate::kit::browser::param;
use crate::kit::client::claims;
use crate::kit::scene::{EMAIL, REDIRECT};
use crate::kit::server::ISSUER;
use crate::kit::{Answer, Browser, Server, on_both_databases};

fn document() -> Value {
    json!({
        "client_name": "MCP SDK client",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    })
}

const METADATA: &str = "/.well-known/oauth-authorization-server";

/// Every address in the metadata.
fn addresses(metadata: &Value) -> Vec<String> {
    let members = metadata.as_object().unwrap().iter();
    let members = members.filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri");
    members.map(|(_, value)| value.as_str().unwrap().to_owned()).collect()
}

on_both_databases! {
    async fn gemini_finds_the_server_from_any_endpoint(server: Server) {
        let metadata = server.get(METADATA).await.json();
        let addresses = addresses(&metadata);
        assert_eq!(addresses.len(), 6, "{metadata}");
        for address in addresses {
            assert!(address.starts_with(&format!("{ISSUER}/")), "{address}");
        }
    }

    async fn gemini_finds_a_server_that_lives_under_a_path_too(server: Server)
    with [("AUTHPLANE_SERVER_ISSUER", "http://localhost:9000/tenant")] {
        let metadata = server.get("/tenant/.well-known/oauth-authorization-server").await.json();
        for address in addresses(&metadata) {
            assert!(address.starts_with("http://localhost:9000/tenant/"), "{address}");
            let path = address.trim_start_matches("http://localhost:9000");
            assert_ne!(server.get(path).await.status, 404, "{address}");
        }
    }

    async fn an_sdk_reads_one_issuer_everywhere_to_the_last_byte(server: Server) {
        let scene = guest(server, &document(), REDIRECT).await;
        let metadata = server.get(METADATA).await.json();
        assert_eq!(metadata["issuer"], ISSUER);
        assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
        let openid = server.get("/.well-known/openid-configuration").await.json();
        assert_eq!(openid["issuer"], ISSUER);
        let resource = server.get("/.well-known/oauth-protected-resource/mcp").await.json();
        assert_eq!(resource["authorization_servers"], json!([ISSUER]));

        let back = Browser::new().authorize(server, &scene.request(&[]), EMAIL).await;
        assert_eq!(param(&back, "iss").as_deref(), Some(ISSUER));
        let tokens = scene.redeem(server, &back).await;
        assert_eq!(claims(&tokens.member("access_token"))["iss"], ISSUER);
    }

    async fn behind_a_proxy_nothing_a_header_says_gets_into_the_metadata(server: Server) {
        guest(server, &document(), REDIRECT).await;
        let plain = server.get(METADATA).await.text;
        for (name, value) in [
            ("host", "poisoned.example"),
            ("x-forwarded-host", "poisoned.example"),
            ("x-forwarded-proto", "http"),
            ("forwarded", "host=poisoned.example;proto=http"),
            ("x-forwarded-prefix", "/elsewhere"),
        ] {
            for path in [METADATA, "/.well-known/oauth-protected-resource/mcp"] {
                let request = reqwest::Client::new().get(server.url(path)).header(name, value);
                let text = Answer::of(request.send().await.unwrap()).await.text;
                assert!(!text.contains("poisoned") && !text.contains("elsewhere"), "{name}: {text}");
                assert!(path != METADATA || text == plain, "{name}: {text}");
            }
        }
    }

    async fn who_never_asks_for_offline_access_refreshes_all_the_same(server: Server) {
        let scene = guest(server, &document(), REDIRECT).await;
        let browser = Browser::new();
        let tokens = scene.tokens(server, &browser, &[("scope", "read")]).await;
        let next = scene.app.refresh(server, &tokens.member("refresh_token")).await;
        assert_eq!(next.status, 200, "{next:?}");
        // And asking does not give it to who did not register for it.
        let mut only_codes = document();
        only_codes["grant_types"] = json!(["authorization_code"]);
        let answer = crate::kit::scene::register(server, &only_codes).await;
        let other = crate::kit::Scene {
            app: crate::kit::TokenClient::new(&answer.member("client_id"), None),
            ..scene
        };
        let more = [("scope", "read offline_access")];
        let tokens = other.tokens(server, &browser, &more).await.json();
        assert_eq!(tokens.get("refresh_token"), None, "{tokens}");
    }
}
