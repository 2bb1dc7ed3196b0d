//! Who may register, and how often.

use serde_json::{Value, json};

use crate::kit::scene::register;
use crate::kit::{Answer, Server, on_both_databases};

fn at(uri: &str) -> Value {
    json!({ "redirect_uris": [uri], "token_endpoint_auth_method": "none" })
}

const APPROVED: &str = "https://app.example/callback,https://vscode.dev/redirect,http://127.0.0.1/";

on_both_databases! {
    async fn where_only_operators_register_nobody_else_does_and_no_document_says_so(server: Server)
    with [("AUTHPLANE_DCR_MODE", "admin_only")] {
        let answer = register(server, &at("https://app.example/callback")).await;
        answer.refused(403, "access_denied");
        assert!(answer.member("error_description").contains("operator"), "{answer:?}");
        let short = reqwest::Client::new().post(server.url("/register"));
        Answer::of(short.body("garbage").send().await.unwrap()).await.refused(403, "access_denied");

        let metadata = server.get("/.well-known/oauth-authorization-server").await.json();
        assert_eq!(metadata.get("registration_endpoint"), None, "{metadata}");
        assert!(metadata["token_endpoint"].is_string(), "{metadata}");
    }

    async fn where_addresses_are_approved_only_those_may_be_registered(server: Server)
    with [
        ("AUTHPLANE_DCR_MODE", "approved_redirects"),
        ("AUTHPLANE_DCR_APPROVED_REDIRECTS", APPROVED),
    ] {
        let metadata = server.get("/.well-known/oauth-authorization-server").await.json();
        assert!(metadata["registration_endpoint"].is_string(), "{metadata}");
        for uri in [
            "https://app.example/callback",
            "https://vscode.dev/redirect",
            "http://127.0.0.1:33418/",
        ] {
            let answer = register(server, &at(uri)).await;
            assert_eq!(answer.status, 201, "{uri}: {answer:?}");
        }
        for uri in [
            "https://app.example/callback/more",
            "https://app.example/callback?x=y",
            "https://app.example.evil.example/callback",
            "https://evil.example/callback",
            "http://127.0.0.1:33418/other",
            "http://localhost:33418/",
            "cursor://anysphere.cursor-mcp/oauth/callback",
        ] {
            let answer = register(server, &at(uri)).await;
            answer.refused(400, "invalid_redirect_uri");
            assert!(answer.member("error_description").contains(uri), "{answer:?}");
        }
        let mixed =
            json!({ "redirect_uris": ["https://app.example/callback", "https://evil.example/"] });
        register(server, &mixed).await.refused(400, "invalid_redirect_uri");
    }

    async fn a_flood_of_registrations_is_slowed_down_and_told_how_long_to_wait(server: Server)
    with [("AUTHPLANE_DCR_RATE_LIMIT", "1/h"), ("AUTHPLANE_DCR_RATE_LIMIT_BURST", "3")] {
        let app = at("https://app.example/callback");
        for _ in 0..3 {
            assert_eq!(register(server, &app).await.status, 201);
        }
        let answer = register(server, &app).await;
        answer.refused(429, "slow_down");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1, "{answer:?}");

        // Saying one comes from elsewhere does not help.
        let http = reqwest::Client::new();
        for header in ["x-forwarded-for", "forwarded", "x-real-ip"] {
            let request =
                http.post(server.url("/register")).header(header, "203.0.113.7").json(&app);
            Answer::of(request.send().await.unwrap()).await.refused(429, "slow_down");
        }
        assert_eq!(server.audited("client.registered", &[]).await, 3);
        let metadata = server.get("/.well-known/oauth-authorization-server").await;
        assert_eq!(metadata.status, 200, "only registration is slowed down");
    }
}
