//! Scripts of any origin may call what has no cookies (Fetch §3.2); MCP Inspector does.

use reqwest::Method;

use crate::kit::{Answer, Server, on_both_databases};

const CALLED_BY_SCRIPTS: [&str; 10] = [
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "/.well-known/jwks.json",
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/v1/mcp",
    "/oauth/token",
    "/token",
    "/oauth/register",
    "/oauth/introspect",
    "/oauth/revoke",
];

async fn from(server: &Server, method: Method, path: &str, origin: &str) -> Answer {
    let request = reqwest::Client::new().request(method, server.url(path)).header("origin", origin);
    let request = request
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization, mcp-protocol-version");
    Answer::of(request.send().await.unwrap()).await
}

on_both_databases! {
    async fn a_preflight_is_answered_without_asking_who_it_is(server: Server) {
        for path in CALLED_BY_SCRIPTS {
            let answer = from(server, Method::OPTIONS, path, "https://inspector.example").await;
            assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{path}: {answer:?}");
            assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
            assert!(!answer.headers.contains_key("access-control-allow-credentials"), "{path}");
            let allowed = answer.header("access-control-allow-headers").to_lowercase();
            for header in ["authorization", "content-type", "dpop", "mcp-protocol-version"] {
                assert!(allowed.split(", ").any(|name| name == header), "{path}: {allowed}");
            }
            let methods = answer.header("access-control-allow-methods");
            assert!(methods.contains("GET") && methods.contains("POST"), "{path}: {methods}");
        }
    }

    async fn scripts_can_read_answers_and_errors_and_the_headers_they_need(server: Server) {
        for (method, path) in [
            (Method::GET, "/.well-known/oauth-authorization-server"),
            (Method::GET, "/.well-known/jwks.json"),
            (Method::GET, "/.well-known/oauth-protected-resource/unknown"),
            (Method::POST, "/oauth/token"),
            (Method::POST, "/oauth/register"),
            (Method::POST, "/oauth/introspect"),
            (Method::POST, "/oauth/revoke"),
        ] {
            let answer = from(server, method, path, "https://inspector.example").await;
            assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}: {answer:?}");
            let exposed = answer.header("access-control-expose-headers");
            assert!(
                exposed.contains("WWW-Authenticate") && exposed.contains("DPoP-Nonce"),
                "{path}"
            );
            assert!(!answer.headers.contains_key("access-control-allow-credentials"), "{path}");
        }
    }

    async fn only_the_configured_origins_are_let_in(server: Server)
    with [("AUTHPLANE_SERVER_ALLOWED_ORIGINS", "https://good.example,http://localhost:6274")] {
        for path in CALLED_BY_SCRIPTS {
            for origin in ["https://good.example", "http://localhost:6274"] {
                let answer = from(server, Method::OPTIONS, path, origin).await;
                assert_eq!(answer.header("access-control-allow-origin"), origin, "{path}");
                assert!(answer.header("vary").to_lowercase().contains("origin"), "{path}");
            }
            for origin in [
                "https://evil.example",
                "https://good.example.evil.example",
                "null",
                "http://good.example",
                "https://good.example:444",
                "https://sub.good.example",
            ] {
                let answer = from(server, Method::OPTIONS, path, origin).await;
                assert_eq!(answer.status, 204, "{path}");
                assert!(
                    !answer.headers.contains_key("access-control-allow-origin"),
                    "{path}: {origin}"
                );
                assert!(answer.header("vary").to_lowercase().contains("origin"), "{path}");
            }
        }
    }

    /// Pages have cookies: no script of another origin may read them.
    async fn pages_are_for_no_script(server: Server) {
        for path in ["/login", "/consent", "/logout", "/oauth/authorize", "/authorize"] {
            for method in [Method::OPTIONS, Method::GET, Method::POST] {
                let answer = from(server, method, path, "https://evil.example").await;
                assert!(
                    !answer.headers.contains_key("access-control-allow-origin"),
                    "{path}: {answer:?}"
                );
            }
        }
    }
}
