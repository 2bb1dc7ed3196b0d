//! How the server says no: in members that both RFC 6749 and RFC 9457 readers know.

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::kit::{Answer, Server, TokenClient, on_both_databases};

/// Asserts an error body with the members of RFC 6749 §5.2 and of RFC 9457 §3.1.
#[track_caller]
pub(super) fn has_all_members(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json", "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    let body = answer.json();
    for member in ["error", "error_description", "title", "detail"] {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {body}");
    }
    assert_eq!(body["status"], status, "{body}");
    let kind = url::Url::parse(body["type"].as_str().unwrap()).unwrap();
    assert!(kind.path().ends_with(body["error"].as_str().unwrap()), "{body}");
}

fn post(server: &Server, path: &str) -> RequestBuilder {
    reqwest::Client::new().post(server.url(path))
}

async fn answer(request: RequestBuilder) -> Answer {
    Answer::of(request.send().await.unwrap()).await
}

const FORM_ENDPOINTS: [&str; 4] = ["/oauth/token", "/token", "/oauth/introspect", "/oauth/revoke"];

on_both_databases! {
    async fn an_error_has_every_member_either_rfc_wants(server: Server) {
        let nobody = TokenClient::new("nobody", Some("secret"));
        let form = [("grant_type", "client_credentials")];
        has_all_members(&nobody.token(server, &form).await, 401);
        has_all_members(&nobody.post(server, "/oauth/introspect", &[("token", "x")]).await, 401);
        has_all_members(&nobody.post(server, "/oauth/revoke", &[("token", "x")]).await, 401);
        has_all_members(&answer(post(server, "/oauth/register").body("{")).await, 400);
        has_all_members(&answer(post(server, "/oauth/token").form(&form)).await, 401);
        has_all_members(&answer(post(server, "/oauth/token").body("x")).await, 400);
    }

    async fn who_cannot_be_recognised_is_told_how_to_say_who_it_is(server: Server) {
        let nobody = TokenClient::new("nobody", Some("secret"));
        for path in FORM_ENDPOINTS {
            let refused = nobody.post(server, path, &[("token", "x"), ("grant_type", "x")]).await;
            refused.refused(401, "invalid_client");
            assert!(refused.header("www-authenticate").starts_with("Basic realm="), "{refused:?}");
        }
        for header in ["Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Bearer abc", "Digest x"] {
            let request = post(server, "/oauth/token").header("authorization", header);
            let refused = answer(request.form(&[("grant_type", "client_credentials")])).await;
            assert!([400, 401].contains(&refused.status), "{header}: {refused:?}");
            has_all_members(&refused, refused.status);
        }
    }

    async fn what_is_not_a_form_is_refused_with_the_reason(server: Server) {
        for path in FORM_ENDPOINTS {
            let json = post(server, path)
                .json(&json!({ "grant_type": "client_credentials", "token": "x" }));
            let bodies = [
                json,
                post(server, path).body("grant_type=client_credentials"),
                post(server, path).header("content-type", "text/plain").body("token=x"),
                post(server, path)
                    .header("content-type", "multipart/form-data; boundary=x")
                    .body("--x--"),
                post(server, path)
                    .header("content-type", "application/x-www-form-urlencodedx")
                    .body("token=x"),
                post(server, path),
            ];
            for body in bodies {
                let refused = answer(body).await;
                refused.refused(400, "invalid_request");
                assert!(refused.member("error_description").contains("x-www-form-urlencoded"));
            }
            let charset = "application/x-www-form-urlencoded; charset=UTF-8";
            let request = post(server, path).header("content-type", charset).body("client_id=x");
            assert!(!answer(request).await.text.contains("x-www-form-urlencoded"), "{path}");
        }
    }

    async fn a_huge_body_is_refused_and_does_not_stop_the_server(server: Server) {
        let mebibyte = format!("token={}", "x".repeat(1 << 20));
        for path in FORM_ENDPOINTS {
            let form = "application/x-www-form-urlencoded";
            let request = post(server, path).header("content-type", form).body(mebibyte.clone());
            answer(request).await.refused(400, "invalid_request");
        }
        answer(post(server, "/oauth/register").body(mebibyte.clone()))
            .await
            .refused(400, "invalid_client_metadata");
        for path in ["/login", "/consent", "/logout", "/oauth/authorize"] {
            let form = "application/x-www-form-urlencoded";
            let request = post(server, path).header("content-type", form).body(mebibyte.clone());
            let status = answer(request).await.status;
            assert!([400, 403].contains(&status), "{path}: {status}");
        }
        assert_eq!(server.get("/livez").await.status, 200);
    }

    async fn what_is_not_there_is_not_found_for_people_and_programs(server: Server) {
        for path in
            ["/", "/nowhere", "/oauth", "/oauth/token/x", "/admin/keys", "/metrics", "/%2e%2e/x"]
        {
            let program = server.get(path).await;
            assert_eq!(program.status, 404, "{path}: {program:?}");
            let person = crate::kit::Browser::new().get(server, path).await;
            person.is_page(404, "nothing at this address");
        }
        // Clients probe well-known places from scripts, and read what they get.
        let probed = server.get("/.well-known/oauth-authorization-server/other").await;
        has_all_members(&probed, 404);
        assert_eq!(probed.header("access-control-allow-origin"), "*");
    }

    async fn another_method_is_refused_and_changes_nothing(server: Server) {
        let http = reqwest::Client::new();
        let wrong = [
            (Method::GET, "/oauth/token", "POST"),
            (Method::PUT, "/oauth/token", "POST"),
            (Method::GET, "/oauth/register", "POST"),
            (Method::GET, "/oauth/introspect", "POST"),
            (Method::DELETE, "/oauth/revoke", "POST"),
            (Method::POST, "/.well-known/jwks.json", "GET"),
            (Method::POST, "/.well-known/oauth-authorization-server", "GET"),
            (Method::GET, "/logout", "POST"),
            (Method::PUT, "/login", "GET"),
            (Method::PUT, "/oauth/authorize", "GET"),
            (Method::POST, "/livez", "GET"),
        ];
        for (method, path, allowed) in wrong {
            let refused = answer(http.request(method.clone(), server.url(path))).await;
            assert_eq!(refused.status, 405, "{method} {path}: {refused:?}");
            // RFC 9110 §15.5.6
            assert!(refused.header("allow").contains(allowed), "{method} {path}: {refused:?}");
        }
    }

    /// RFC 9110 §9.1: a server must support GET and HEAD.
    async fn what_can_be_got_can_be_looked_at_without_its_body(server: Server) {
        let http = reqwest::Client::new();
        for path in [
            "/.well-known/oauth-authorization-server",
            "/.well-known/jwks.json",
            "/livez",
            "/ready",
            "/login",
        ] {
            let looked = answer(http.head(server.url(path))).await;
            assert_eq!((looked.status, looked.text.as_str()), (200, ""), "{path}: {looked:?}");
            let got = server.get(path).await;
            assert_eq!(looked.header("content-type"), got.header("content-type"), "{path}");
        }
    }

    async fn every_answer_has_an_id_for_the_log_and_none_says_what_software_it_is(server: Server) {
        let mut ids = std::collections::BTreeSet::new();
        for path in ["/livez", "/oauth/token", "/nowhere", "/login", "/.well-known/jwks.json"] {
            let seen = server.get(path).await;
            assert!(ids.insert(seen.header("x-request-id").to_owned()), "{path}: {seen:?}");
            assert_eq!(seen.header("x-content-type-options"), "nosniff", "{path}");
            assert!(
                !seen.headers.contains_key("server") && !seen.headers.contains_key("x-powered-by")
            );
        }
        assert!(ids.iter().all(|id| id.len() == 36), "{ids:?}");
    }
}
