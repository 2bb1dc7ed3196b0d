//! Which resource a request means, and which of its scopes: never a token without a
//! real audience, never more than was asked for.

use authserver::administration::client::NewClient;
use authserver::administration::resource::NewResource;
use protocol::resource::ScopeEntry;
use serde_json::Value;

use super::refused;
use crate::kit::browser::param;
use crate::kit::client::claims;
use crate::kit::scene::{EMAIL, REDIRECT, RESOURCE, public_app};
use crate::kit::stage::machine;
use crate::kit::{Browser, Pkce, Scene, Server, TokenClient, on_both_databases};

fn scope(name: &str) -> ScopeEntry {
    ScopeEntry { name: name.to_owned(), description: None, default: false }
}

/// The audience in an access token, as the resource server reads it.
fn audience(access_token: &str) -> Value {
    claims(access_token)["aud"].clone()
}

/// A scene whose app is an operator's, with this ceiling and default resource.
async fn operated(server: &Server, ceiling: Option<&str>, resource: Option<&str>) -> Scene {
    let person = server.person(EMAIL).await.id;
    let created = server
        .client(NewClient {
            name: "An operator's app".to_owned(),
            redirect_uris: vec![REDIRECT.to_owned()],
            auth_method: Some("none".to_owned()),
            scope: ceiling.map(str::to_owned),
            default_resource: resource.map(str::to_owned),
            ..NewClient::default()
        })
        .await;
    let app = TokenClient::of(&created);
    Scene { app, person, pkce: Pkce::new("operated"), redirect_uri: REDIRECT.to_owned() }
}

on_both_databases! {
    async fn a_resource_in_any_permitted_spelling_is_the_registered_one(server: Server) {
        server.resource("origin", "https://Origin.example/", &["read"]).await;
        server
            .register(NewResource {
                slug: "aliased".to_owned(),
                uri: "https://mcp.example/v1/mcp".to_owned(),
                aliases: vec!["https://mcp.example".to_owned(), "urn:example:mcp".to_owned()],
                scopes: vec![scope("read")],
                ..NewResource::default()
            })
            .await;
        let scene = operated(server, None, None).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        let spellings = [
            ("https://Origin.example/", "https://Origin.example/"),
            ("https://origin.example", "https://Origin.example/"),
            ("HTTPS://ORIGIN.EXAMPLE/", "https://Origin.example/"),
            ("https://mcp.example/v1/mcp", "https://mcp.example/v1/mcp"),
            ("https://MCP.example/v1/mcp", "https://mcp.example/v1/mcp"),
            ("https://mcp.example", "https://mcp.example/v1/mcp"),
            ("https://mcp.example/", "https://mcp.example/v1/mcp"),
            ("urn:example:mcp", "https://mcp.example/v1/mcp"),
        ];

        for (asked, registered) in spellings {
            let tokens = scene.tokens(server, &browser, &[("resource", asked)]).await;
            let aud = audience(&tokens.member("access_token"));
            assert_eq!(aud, serde_json::json!([registered]), "{asked}");
        }
    }

    /// What a client knows by another name stays one resource, wherever it is named.
    async fn an_alias_is_as_good_as_the_name_from_code_to_introspection(server: Server) {
        let (uri, alias) = ("https://mcp.example/v1/mcp", "https://mcp.example");
        server
            .register(NewResource {
                slug: "aliased".to_owned(),
                uri: uri.to_owned(),
                aliases: vec![alias.to_owned()],
                scopes: vec![scope("read")],
                ..NewResource::default()
            })
            .await;
        server.resource("other", "https://other.example/mcp", &["read"]).await;
        let guard = TokenClient::of(&server.client(machine("tools")).await);
        server.runtime_client("aliased", &guard.id).await;
        let scene = operated(server, None, None).await;
        let browser = Browser::signed_in(server, EMAIL).await;

        for (asked, redeemed, refreshed) in [(uri, alias, uri), (alias, uri, "https://mcp.example/")] {
            let back = browser.authorize(server, &scene.request(&[("resource", asked)]), EMAIL).await;
            let code = param(&back, "code").unwrap();
            let form = [
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", REDIRECT),
                ("code_verifier", &scene.pkce.verifier),
            ];
            let with = |resource| [&form[..], &[("resource", resource)]].concat();
            let elsewhere = scene.app.token(server, &with("https://other.example/mcp")).await;
            elsewhere.refused(400, "invalid_target");
            let tokens = scene.app.token(server, &with(redeemed)).await;
            assert_eq!(tokens.status, 200, "{tokens:?}");
            let refresh = tokens.member("refresh_token");
            let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
            let next = scene.app.token(server, &[&form[..], &[("resource", refreshed)]].concat()).await;
            assert_eq!(next.status, 200, "{next:?}");
            for answer in [&tokens, &next] {
                let access = answer.member("access_token");
                assert_eq!(audience(&access), serde_json::json!([uri]));
                let seen = guard.post(server, "/oauth/introspect", &[("token", &access)]).await;
                assert_eq!(seen.json()["active"], true, "{seen:?}");
                assert_eq!(seen.json()["aud"], serde_json::json!([uri]));
            }
        }
        // One document, under the registered name: `resource` is compared byte for byte.
        for place in ["/v1/mcp", "/aliased"] {
            let described = server.get(&format!("/.well-known/oauth-protected-resource{place}")).await;
            assert_eq!(described.json()["resource"], uri, "{place}");
        }
    }

    async fn a_resource_that_is_nearly_right_is_refused(server: Server) {
        let scene = Scene::set(server).await;
        let near = [
            "https://mcp.example/mcp/",
            "https://mcp.example/MCP",
            "https://mcp.example/%6dcp",
            "https://mcp.example/mcp?x=y",
            "https://mcp.example/mcp#x",
            "https://mcp.example/mcp/tools",
            "https://mcp.example/",
            "https://mcp.example",
            "https://mcp.example:443/mcp",
            "https://mcp.example./mcp",
            "https://user@mcp.example/mcp",
            "http://mcp.example/mcp",
            "https://evil.example/mcp",
            "//mcp.example/mcp",
            "mcp",
        ];

        for resource in near {
            let answer = Browser::new().get(server, &scene.path(&[("resource", resource)])).await;
            refused(&answer, REDIRECT, "invalid_target");
        }
    }

    async fn no_resource_named_means_the_only_one(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        for more in [[("resource", "-")], [("resource", "")]] {
            let tokens = scene.tokens(server, &browser, &more).await;
            assert_eq!(audience(&tokens.member("access_token")), serde_json::json!([RESOURCE]));
        }
    }

    async fn no_resource_named_is_refused_when_there_are_none_or_several(server: Server) {
        let app = public_app(server, &[REDIRECT]).await;
        let pkce = Pkce::new("none");
        let scene =
            Scene { app, person: uuid::Uuid::nil(), pkce, redirect_uri: REDIRECT.to_owned() };
        let ask = || async { Browser::new().get(server, &scene.path(&[])).await };

        refused(&ask().await, REDIRECT, "invalid_target");
        server.resource("mcp", RESOURCE, &["read"]).await;
        ask().await.asks_to_sign_in();
        server.resource("mail", "https://mail.example/mcp", &["read"]).await;
        refused(&ask().await, REDIRECT, "invalid_target");
    }

    async fn no_resource_named_means_the_clients_default_before_anything_else(server: Server) {
        server.resource("mcp", RESOURCE, &["read"]).await;
        server.resource("mail", "https://mail.example/mcp", &["send"]).await;
        let scene = operated(server, None, Some("mail")).await;
        let browser = Browser::signed_in(server, EMAIL).await;

        let tokens = scene.tokens(server, &browser, &[]).await;
        let aud = audience(&tokens.member("access_token"));
        assert_eq!(aud, serde_json::json!(["https://mail.example/mcp"]));
        let tokens = scene.tokens(server, &browser, &[("resource", RESOURCE)]).await;
        assert_eq!(audience(&tokens.member("access_token")), serde_json::json!([RESOURCE]));
    }

    async fn several_resources_are_all_in_the_token_and_all_known(server: Server) {
        let scene = Scene::set(server).await;
        server.resource("mail", "https://mail.example/mcp", &["send"]).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        let path = |query: &str| format!("{}&{query}", scene.path(&[("scope", "read send")]));
        let both = path("resource=https://mcp.example/mcp&resource=https://mail.example/mcp");

        let page = browser.visit(server, &both).await;
        assert!(page.text.contains(RESOURCE) && page.text.contains("https://mail.example/mcp"));
        let back = browser.decide(server, &page, "approve").await.location();
        let tokens = scene.redeem(server, &back).await;
        let aud = audience(&tokens.member("access_token"));
        assert_eq!(aud, serde_json::json!([RESOURCE, "https://mail.example/mcp"]));
        assert_eq!(tokens.member("scope"), "read send");

        let one_unknown = path("resource=https://mcp.example/mcp&resource=https://evil.example");
        refused(&browser.get(server, &one_unknown).await, REDIRECT, "invalid_target");
        let many = path(&["resource=https://mcp.example/mcp"; 17].join("&"));
        refused(&browser.get(server, &many).await, REDIRECT, "invalid_target");
    }

    async fn a_request_that_names_no_scope_gets_the_default_ones_and_no_more(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        for scope in ["-", "", " ", "offline_access", " offline_access "] {
            let tokens = scene.tokens(server, &browser, &[("scope", scope)]).await;
            assert_eq!(tokens.member("scope"), "read", "asked for {scope:?}");
            let claims = claims(&tokens.member("access_token"));
            assert_eq!(claims["scope"], "read", "asked for {scope:?}");
        }
    }

    async fn a_resource_that_marks_no_scope_as_default_gives_all_of_them(server: Server) {
        server.resource("mcp", RESOURCE, &["read", "write"]).await;
        let scene = operated(server, None, None).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        assert_eq!(scene.tokens(server, &browser, &[]).await.member("scope"), "read write");
    }

    async fn a_scope_the_resource_does_not_have_is_refused(server: Server) {
        let scene = Scene::set(server).await;
        server.resource("mail", "https://mail.example/mcp", &["send"]).await;
        let many: String = (0..3000).map(|index| format!("s{index} ")).collect();
        let wrong = [
            "unheard-of",
            "read unheard-of",
            "send",
            "READ",
            "read,write",
            "re\"ad",
            "*",
            "openid",
            &many,
        ];

        for scope in wrong {
            let more = [("resource", RESOURCE), ("scope", scope)];
            let answer = Browser::new().get(server, &scene.path(&more)).await;
            if answer.status == 414 {
                answer.is_page(414, "too long");
            } else {
                refused(&answer, REDIRECT, "invalid_scope");
            }
        }
    }

    async fn nobody_gets_more_than_the_ceiling_of_the_client(server: Server) {
        server.resource("mcp", RESOURCE, &["read*", "write*", "admin"]).await;
        let scene = operated(server, Some("read admin"), None).await;
        let browser = Browser::signed_in(server, EMAIL).await;

        assert_eq!(scene.tokens(server, &browser, &[]).await.member("scope"), "read");
        let tokens = scene.tokens(server, &browser, &[("scope", "admin read")]).await;
        let mut got: Vec<String> = tokens.member("scope").split(' ').map(str::to_owned).collect();
        got.sort();
        assert_eq!(got, ["admin", "read"]);
        for scope in ["write", "read write"] {
            let answer = browser.get(server, &scene.path(&[("scope", scope)])).await;
            refused(&answer, REDIRECT, "invalid_scope");
        }
    }

    async fn a_ceiling_that_leaves_no_default_scope_is_an_error_and_no_empty_token(server: Server) {
        server.resource("mcp", RESOURCE, &["read*", "admin"]).await;
        let scene = operated(server, Some("admin"), None).await;
        refused(&Browser::new().get(server, &scene.path(&[])).await, REDIRECT, "invalid_scope");
    }

    async fn apps_that_register_themselves_stay_under_the_configured_ceiling(server: Server)
    with [("AUTHPLANE_OAUTH_DEFAULT_CLIENT_SCOPE", "read")] {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        assert_eq!(scene.tokens(server, &browser, &[]).await.member("scope"), "read");
        let answer = browser.get(server, &scene.path(&[("scope", "read write")])).await;
        refused(&answer, REDIRECT, "invalid_scope");
    }

    async fn where_a_scope_is_required_a_request_without_one_is_refused(server: Server)
    with [("AUTHPLANE_OAUTH_REQUIRE_SCOPE", "true")] {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        for scope in ["-", "", "offline_access"] {
            let answer = browser.get(server, &scene.path(&[("scope", scope)])).await;
            refused(&answer, REDIRECT, "invalid_scope");
        }
        let tokens = scene.tokens(server, &browser, &[("scope", "read")]).await;
        assert_eq!(tokens.member("scope"), "read");
    }
}
