//! MCP Inspector, and whoever sends what no form is: from a browser, as JSON, twice.

use reqwest::Method;
use serde_json::{Value, json};

use super::guest::guest;
use crate::kit::scene::register;
use crate::kit::{Answer, Browser, Server, TokenClient, on_both_databases};

const INSPECTOR: &str = "http://localhost:6274";
const ANSWERED_AT: &str = "http://localhost:6274/oauth/callback";

fn inspector() -> Value {
    json!({
        "client_name": "MCP Inspector",
        "client_uri": "https://github.com/modelcontextprotocol/inspector",
        "redirect_uris": [ANSWERED_AT, "http://localhost:6274/oauth/callback/debug"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "scope": "",
    })
}

/// What a browser sends before a script's request, and what it lets the script see after it.
async fn call(server: &Server, method: Method, path: &str) -> Answer {
    let http = reqwest::Client::new();
    let preflight = http
        .request(Method::OPTIONS, server.url(path))
        .header("origin", INSPECTOR)
        .header("access-control-request-method", method.as_str())
        .header(
            "access-control-request-headers",
            "authorization,content-type,mcp-protocol-version",
        );
    let allowed = Answer::of(preflight.send().await.unwrap()).await;
    assert_eq!(allowed.status, 204, "{path}: {allowed:?}");
    assert!(["*", INSPECTOR].contains(&allowed.header("access-control-allow-origin")), "{path}");
    let headers = allowed.header("access-control-allow-headers").to_lowercase();
    for header in ["authorization", "content-type", "mcp-protocol-version"] {
        assert!(headers.contains(header), "{path}: {headers}");
    }
    assert!(allowed.header("access-control-allow-methods").contains(method.as_str()), "{path}");
    let request = http
        .request(method, server.url(path))
        .header("origin", INSPECTOR)
        .header("mcp-protocol-version", "2025-11-25");
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert!(["*", INSPECTOR].contains(&answer.header("access-control-allow-origin")), "{path}");
    answer
}

on_both_databases! {
    async fn inspector_may_call_everything_it_needs_from_a_browser(server: Server) {
        let scene = guest(server, &inspector(), ANSWERED_AT).await;
        for path in [
            "/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration",
            "/.well-known/oauth-protected-resource/mcp",
            "/.well-known/jwks.json",
        ] {
            assert_eq!(call(server, Method::GET, path).await.status, 200, "{path}");
        }
        for path in
            ["/oauth/token", "/token", "/oauth/register", "/register", "/oauth/revoke", "/oauth/introspect"]
        {
            let answer = call(server, Method::POST, path).await;
            assert!([200, 400, 401].contains(&answer.status), "{path}: {answer:?}");
        }
        scene.tokens(server, &Browser::new(), &[]).await;
    }

    async fn inspector_reads_why_its_credentials_were_refused(server: Server) {
        let request = reqwest::Client::new()
            .post(server.url("/oauth/token"))
            .header("origin", INSPECTOR)
            .basic_auth("nobody", Some("nothing"))
            .form(&[("grant_type", "client_credentials")]);
        let answer = Answer::of(request.send().await.unwrap()).await;
        answer.refused(401, "invalid_client");
        assert!(answer.header("www-authenticate").starts_with("Basic"), "{answer:?}");
        let exposed = answer.header("access-control-expose-headers").to_lowercase();
        assert!(exposed.contains("www-authenticate"), "{exposed}");
    }

    async fn what_is_no_form_or_says_a_thing_twice_is_refused_with_the_reason(server: Server) {
        let scene = guest(server, &inspector(), ANSWERED_AT).await;
        let tokens = scene.tokens(server, &Browser::new(), &[]).await;
        let refresh = tokens.member("refresh_token");
        let id = &scene.app.id;
        let form = format!("grant_type=refresh_token&refresh_token={refresh}&client_id={id}");
        let object =
            json!({ "grant_type": "refresh_token", "refresh_token": refresh, "client_id": id });
        let attempts = [
            ("application/json", object.to_string()),
            ("text/plain", form.clone()),
            ("multipart/form-data; boundary=x", form.clone()),
            ("", form.clone()),
            ("application/x-www-form-urlencoded", format!("{form}&client_id={id}")),
            ("application/x-www-form-urlencoded", format!("{form}&grant_type=refresh_token")),
        ];
        for (media_type, body) in attempts {
            let mut request = reqwest::Client::new().post(server.url("/oauth/token")).body(body);
            if !media_type.is_empty() {
                request = request.header("content-type", media_type);
            }
            let answer = Answer::of(request.send().await.unwrap()).await;
            answer.refused(400, "invalid_request");
            let reason = answer.member("error_description");
            let says = reason.contains("application/x-www-form-urlencoded")
                || reason.contains("more than once");
            assert!(says, "{media_type}: {reason}");
        }
        // None of them spent the token.
        assert_eq!(scene.app.refresh(server, &refresh).await.status, 200);
    }

    /// The device flow is not built yet. Nothing may stand where it will: the metadata does not
    /// promise it, its grant is refused as unknown and not as a broken request, and a client that
    /// lists it gets in.
    async fn a_headless_agent_hears_that_the_device_flow_is_not_here_yet(server: Server) {
        let metadata = server.get("/.well-known/oauth-authorization-server").await.json();
        assert_eq!(metadata.get("device_authorization_endpoint"), None);
        let mut document = inspector();
        document["grant_types"] =
            json!(["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"]);
        let answer = register(server, &document).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let agent = TokenClient::new(&answer.member("client_id"), None);
        let grant = "urn:ietf:params:oauth:grant-type:device_code";
        let form = [("grant_type", grant), ("device_code", "x")];
        agent.token(server, &form).await.refused(400, "unsupported_grant_type");
    }
}
