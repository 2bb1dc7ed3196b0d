//! Cursor and VS Code: several redirect URIs at once, of which one decides whether they connect.

use serde_json::{Value, json};

use super::guest::{guest, stranger};
use crate::kit::client::claims;
use crate::kit::scene::{EMAIL, RESOURCE, register};
use crate::kit::{Browser, Server, on_both_databases};

const CURSOR: &str = "cursor://anysphere.cursor-mcp/oauth/callback";

fn cursor() -> Value {
    json!({
        "client_name": "Cursor",
        "redirect_uris": [
            CURSOR,
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "http://localhost:8787/callback",
        ],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "web",
    })
}

fn vs_code() -> Value {
    json!({
        "client_name": "Visual Studio Code",
        "client_uri": "https://code.visualstudio.com",
        "grant_types": [
            "authorization_code",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "response_types": ["code"],
        "redirect_uris": [
            "https://insiders.vscode.dev/redirect",
            "https://vscode.dev/redirect",
            "http://127.0.0.1/",
            "http://127.0.0.1:33418/",
        ],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
    })
}

on_both_databases! {
    async fn cursor_registers_three_addresses_and_is_answered_at_its_own_scheme(server: Server) {
        let mut scene = guest(server, &cursor(), CURSOR).await;
        let browser = Browser::new();
        scene.tokens(server, &browser, &[]).await;

        scene.redirect_uri = "http://localhost:51515/callback".to_owned();
        scene.tokens(server, &browser, &[]).await;
        for near in [
            "cursor://anysphere.cursor-mcp/oauth/callback/",
            "cursor://anysphere.cursor-mcp/oauth/callback?x=1",
            "cursor://anysphere.evil/oauth/callback",
            "Cursor://anysphere.cursor-mcp/oauth/callback",
            "cursor://anysphere.cursor-mcp:1/oauth/callback",
        ] {
            let path = scene.path(&[("redirect_uri", near)]);
            browser.get(server, &path).await.is_page(400, "wrong place");
        }
    }

    async fn cursor_calls_itself_a_web_application_and_is_corrected_when_it_is_none(server: Server) {
        let mut document = cursor();
        document["redirect_uris"] = json!([CURSOR, "http://localhost:8787/callback"]);
        let body = register(server, &document).await.json();
        assert_eq!(body["application_type"], "native", "{body}");
        let mixed = register(server, &cursor()).await.json();
        assert_eq!(mixed["redirect_uris"], cursor()["redirect_uris"], "all three are kept");
    }

    async fn vs_code_is_answered_at_its_port_at_a_random_one_and_on_the_web(server: Server) {
        let mut scene = guest(server, &vs_code(), "http://127.0.0.1:33418/").await;
        let browser = Browser::new();
        for address in
            ["http://127.0.0.1:33418/", "http://127.0.0.1:60123/", "https://vscode.dev/redirect"]
        {
            scene.redirect_uri = address.to_owned();
            let tokens = scene.tokens(server, &browser, &[]).await;
            assert_eq!(claims(&tokens.member("access_token"))["aud"], json!([RESOURCE]));
        }
    }

    /// It lists a grant that this server does not have yet; that is no reason to turn it away.
    async fn vs_code_lists_the_device_grant_and_is_told_which_grants_it_has(server: Server) {
        let answer = register(server, &vs_code()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let body = answer.json();
        assert_eq!(body["grant_types"], json!(["authorization_code", "refresh_token"]), "{body}");
        assert_eq!(body["application_type"], "native", "{body}");
    }

    async fn ten_addresses_of_one_editor_are_all_good(server: Server) {
        let addresses: Vec<String> =
            (0..10).map(|number| format!("https://editor-{number}.example/redirect")).collect();
        let document = json!({
            "client_name": "An editor",
            "redirect_uris": addresses,
            "token_endpoint_auth_method": "none",
        });
        let mut scene = guest(server, &document, &addresses[0]).await;
        let browser = Browser::new();
        for address in &addresses {
            scene.redirect_uri.clone_from(address);
            let back = browser.authorize(server, &scene.request(&[]), EMAIL).await;
            assert!(back.as_str().starts_with(address.as_str()), "{back}");
        }
    }

    async fn vs_code_finds_each_resource_under_its_own_path_byte_for_byte(server: Server) {
        stranger(server, &vs_code(), "http://127.0.0.1:33418/").await;
        let resources = [
            ("one", "https://mcp.example/one", "/one"),
            ("two", "https://mcp.example/one/two", "/one/two"),
            ("case", "https://mcp.example/Case/%7Ea", "/Case/%7Ea"),
        ];
        for (slug, uri, _) in resources {
            server.resource(slug, uri, &["read*"]).await;
        }
        for (slug, uri, path) in resources {
            for place in [path.to_owned(), format!("/{slug}")] {
                let place = format!("/.well-known/oauth-protected-resource{place}");
                let answer = server.get(&place).await;
                assert_eq!(answer.status, 200, "{place}: {answer:?}");
                // `one` is also the path of a resource; a path goes before a slug.
                assert_eq!(answer.json()["resource"], uri, "{place}");
            }
        }
    }
}
