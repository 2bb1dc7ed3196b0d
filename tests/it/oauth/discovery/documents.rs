//! Metadata of the server and of its resources, and its keys.

use authserver::administration::resource::NewResource;
use protocol::resource::ScopeEntry;
use serde_json::{Value, json};

use super::errors::has_all_members;
use crate::kit::server::ISSUER;
use crate::kit::{Answer, Server, on_both_databases};

const SERVER: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";
const JWKS: &str = "/.well-known/jwks.json";
const RESOURCE: &str = "/.well-known/oauth-protected-resource";

/// `GET` with one more header.
async fn get_with(server: &Server, path: &str, name: &str, value: &str) -> Answer {
    let request = reqwest::Client::new().get(server.url(path)).header(name, value);
    Answer::of(request.send().await.unwrap()).await
}

/// A resource whose scopes everybody may learn, or not.
fn resource(slug: &str, uri: &str, scope: &str, discoverable: bool) -> NewResource {
    let scope = ScopeEntry { name: scope.to_owned(), description: None, default: false };
    NewResource {
        slug: slug.to_owned(),
        uri: uri.to_owned(),
        scopes: vec![scope],
        discoverable,
        ..NewResource::default()
    }
}

#[track_caller]
fn is_public_json(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    assert!(!answer.headers.contains_key("set-cookie"), "{answer:?}");
    answer.json()
}

on_both_databases! {
    async fn the_server_says_what_it_can_do_and_nothing_more(server: Server) {
        let document = is_public_json(&server.get(SERVER).await);
        let confidential = json!(["client_secret_basic", "client_secret_post", "private_key_jwt"]);
        let any = json!(["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]);
        let algorithms = json!(["ES256", "ES384", "RS256", "PS256", "EdDSA"]);
        let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
        let own = ["authorization_code", "refresh_token", "client_credentials"];
        let grants = json!([own[0], own[1], own[2], exchange]);
        assert_eq!(
            document,
            json!({
                "issuer": ISSUER,
                "authorization_endpoint": format!("{ISSUER}/oauth/authorize"),
                "token_endpoint": format!("{ISSUER}/oauth/token"),
                "registration_endpoint": format!("{ISSUER}/oauth/register"),
                "revocation_endpoint": format!("{ISSUER}/oauth/revoke"),
                "introspection_endpoint": format!("{ISSUER}/oauth/introspect"),
                "jwks_uri": format!("{ISSUER}/.well-known/jwks.json"),
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": grants,
                "code_challenge_methods_supported": ["S256"],
                "scopes_supported": ["offline_access"],
                "token_endpoint_auth_methods_supported": any,
                "revocation_endpoint_auth_methods_supported": any,
                "introspection_endpoint_auth_methods_supported": confidential,
                "token_endpoint_auth_signing_alg_values_supported": algorithms,
                "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
                "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
                "authorization_response_iss_parameter_supported": true,
                "resource_indicators_supported": true,
                "client_id_metadata_document_supported": false,
                "dpop_signing_alg_values_supported": algorithms,
                "authplane_agent_identity_supported": true,
            })
        );
        assert_eq!(server.get(OPENID).await.text, server.get(SERVER).await.text);
    }

    async fn a_grant_that_is_switched_off_is_not_named(server: Server)
    with [
        ("AUTHPLANE_CLIENT_CREDENTIALS_ENABLED", "false"),
        ("AUTHPLANE_TOKEN_EXCHANGE_ENABLED", "false"),
    ] {
        let document = server.get(SERVER).await.json();
        assert_eq!(
            document["grant_types_supported"],
            json!(["authorization_code", "refresh_token"])
        );
    }

    /// Real clients ask for every scope they read here.
    async fn only_scopes_of_discoverable_resources_are_listed(server: Server) {
        server.get(SERVER).await;
        server.register(resource("quiet", "https://quiet.example/", "secret", false)).await;
        server.register(resource("loud", "https://loud.example/", "open", true)).await;
        let document = server.get(SERVER).await.json();
        assert_eq!(document["scopes_supported"], json!(["offline_access", "open"]));
    }

    async fn an_issuer_with_a_path_answers_at_every_place_clients_look(server: Server)
    with [("AUTHPLANE_SERVER_ISSUER", "http://localhost:9000/tenant")] {
        let issuer = "http://localhost:9000/tenant";
        let mut documents = Vec::new();
        for name in [SERVER, OPENID] {
            for path in [name.to_owned(), format!("{name}/tenant"), format!("/tenant{name}")] {
                let answer = server.get(&path).await;
                let document = is_public_json(&answer);
                assert_eq!(document["issuer"], issuer, "{path}");
                assert_eq!(document["token_endpoint"], format!("{issuer}/oauth/token"), "{path}");
                documents.push(answer.text);
            }
        }
        assert!(documents.iter().all(|document| *document == documents[0]));
        assert_eq!(server.get(&format!("{SERVER}/other")).await.status, 404);

        is_public_json(&server.get("/tenant/.well-known/jwks.json").await);
        server.register(resource("mcp", "https://mcp.example/v1/mcp", "read", false)).await;
        for path in [format!("{RESOURCE}/v1/mcp"), format!("/tenant{RESOURCE}/v1/mcp")] {
            let document = is_public_json(&server.get(&path).await);
            assert_eq!(document["authorization_servers"], json!([issuer]), "{path}");
        }
        assert_eq!(server.get("/tenant/login").await.status, 200);
        for path in ["/livez", "/ready", "/health"] {
            assert_eq!(server.get(path).await.status, 200, "{path}");
        }
    }

    async fn no_header_changes_what_the_server_calls_itself(server: Server) {
        server.register(resource("mcp", "https://mcp.example/mcp", "read", false)).await;
        let paths = [SERVER, OPENID, JWKS, "/.well-known/oauth-protected-resource/mcp"];
        let headers = [
            ("host", "evil.example"),
            ("host", "localhost:9000@evil.example"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-port", "1"),
            ("x-forwarded-prefix", "/evil"),
            ("x-forwarded-server", "evil.example"),
            ("x-original-host", "evil.example"),
            ("x-original-url", "/evil"),
            ("x-rewrite-url", "/evil"),
            ("x_forwarded_host", "evil.example"),
            ("forwarded", "for=1.2.3.4;host=evil.example;proto=https"),
            ("origin", "https://evil.example"),
        ];
        for path in paths {
            let plain = server.get(path).await;
            for (name, value) in headers {
                let answer = get_with(server, path, name, value).await;
                assert_eq!(answer.text, plain.text, "{name}: {value} at {path}");
                let says_it = |value: &reqwest::header::HeaderValue| {
                    String::from_utf8_lossy(value.as_bytes()).contains("evil.example")
                };
                assert!(!answer.headers.values().any(says_it), "{answer:?}");
            }
        }
    }

    async fn a_redirect_to_the_sign_in_page_names_no_host(server: Server) {
        let scene = crate::kit::Scene::set(server).await;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let request = http.build().unwrap().get(server.url(&scene.path(&[])));
        let request =
            request.header("host", "evil.example").header("x-forwarded-host", "evil.example");
        let answer = Answer::of(request.send().await.unwrap()).await;
        answer.asks_to_sign_in();
    }

    async fn keys_are_public_cacheable_and_not_sent_twice(server: Server) {
        let answer = server.get(JWKS).await;
        let keys = is_public_json(&answer)["keys"].as_array().unwrap().clone();
        assert_eq!(keys.len(), 1);
        for member in ["kty", "kid", "alg", "use", "crv", "x", "y"] {
            assert!(keys[0][member].is_string(), "{member} in {}", keys[0]);
        }
        assert_eq!(keys[0].get("d"), None, "a private key is published");

        let etag = answer.header("etag").to_owned();
        assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 10, "{etag}");
        let weak = format!("W/{etag}");
        let list = format!("\"other\", {etag}");
        for known in [etag.as_str(), &weak, &list, "*"] {
            let answer = get_with(server, JWKS, "if-none-match", known).await;
            assert_eq!((answer.status, answer.text.as_str()), (304, ""), "{known}");
            assert_eq!(answer.header("etag"), etag);
            assert_eq!(answer.header("cache-control"), "public, max-age=300");
            assert_eq!(answer.header("access-control-allow-origin"), "*");
        }
        for other in ["\"other\"", "", "garbage", etag.trim_matches('"')] {
            assert_eq!(get_with(server, JWKS, "if-none-match", other).await.status, 200, "{other}");
        }
    }

    async fn a_rotation_changes_the_tag_of_the_keys(server: Server) {
        let before = server.get(JWKS).await.header("etag").to_owned();
        let rotated = server.admin_post("/admin/keys/rotate", &json!({})).await;
        assert_eq!(rotated.status, 200, "{rotated:?}");
        let answer = get_with(server, JWKS, "if-none-match", &before).await;
        assert_eq!(answer.status, 200);
        assert_ne!(answer.header("etag"), before);
        assert_eq!(answer.json()["keys"].as_array().unwrap().len(), 2);
    }

    async fn a_resource_is_described_at_its_path_and_under_its_slug(server: Server) {
        server.register(resource("deep", "https://MCP.example/v1/team/mcp", "read", false)).await;
        server.register(resource("root", "https://root.example/", "write", true)).await;
        let deep = json!({
            "resource": "https://MCP.example/v1/team/mcp",
            "authorization_servers": [ISSUER],
            "scopes_supported": ["read"],
            "bearer_methods_supported": ["header"],
        });
        for reference in ["v1/team/mcp", "deep"] {
            let answer = server.get(&format!("{RESOURCE}/{reference}")).await;
            assert_eq!(is_public_json(&answer), deep, "{reference}");
        }
        for path in ["", "/", "/root"].map(|end| format!("{RESOURCE}{end}")) {
            let document = is_public_json(&server.get(&path).await);
            assert_eq!(document["resource"], "https://root.example/", "{path}");
        }
    }

    async fn a_resource_nobody_knows_is_not_found(server: Server) {
        server.register(resource("deep", "https://mcp.example/v1/mcp", "read", false)).await;
        server.register(resource("other", "https://other.example/x", "read", false)).await;
        for reference in
            ["", "/", "/v1", "/v1/mcp/", "/v1/MCP", "/mcp", "/v1%2Fmcp2", "/deep/x", "/%00"]
        {
            let answer = server.get(&format!("{RESOURCE}{reference}")).await;
            assert_eq!(answer.status, 404, "{reference}: {answer:?}");
            assert_eq!(answer.header("access-control-allow-origin"), "*", "{reference}");
            has_all_members(&answer, 404);
        }
    }
}
