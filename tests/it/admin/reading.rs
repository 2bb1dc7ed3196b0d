//! Requests are read strictly: nothing is ignored, overridden or taken for something else.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{NOBODY, ask, operations};
use crate::kit::server::ADMIN_KEY;
use crate::kit::{Answer, Server, on_both_databases};

async fn post_text(server: &Server, path: &str, media_type: &str, text: &str) -> Answer {
    let request = reqwest::Client::new().post(server.admin_url(path)).bearer_auth(ADMIN_KEY);
    let request = request.header("content-type", media_type).body(text.to_owned());
    Answer::of(request.send().await.unwrap()).await
}

async fn refused(server: &Server, text: &str, named: &str) {
    let answer = post_text(server, "/admin/clients", "application/json", text).await;
    answer.refused(400, "invalid_request");
    assert!(answer.member("detail").contains(named), "{named}: {answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json");
}

/// The members that the body of an operation may have.
fn members(document: &Value, operation: &Value) -> BTreeSet<String> {
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    let Some(reference) = body["$ref"].as_str() else { return BTreeSet::new() };
    let schema = document.pointer(reference.trim_start_matches('#')).unwrap();
    let properties = schema["properties"].as_object();
    properties.map(|it| it.keys().cloned().collect()).unwrap_or_default()
}

/// The parameters that its query must have, and may have.
fn parameters(operation: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let of_the_query = parameters.iter().filter(|it| it["in"] == "query");
    let (required, optional): (Vec<&Value>, Vec<&Value>) =
        of_the_query.partition(|it| it["required"] == true);
    let names = |them: Vec<&Value>| {
        them.into_iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    };
    (names(required), names(optional))
}

#[track_caller]
fn is_named(answer: &Answer, stranger: &str, place: &str) {
    assert_eq!(answer.status, 400, "{place} {stranger}: {answer:?}");
    answer.refused(400, "invalid_request");
    assert!(answer.member("detail").contains(stranger), "{place} {stranger}: {answer:?}");
}

on_both_databases! {
    async fn what_a_body_must_not_be_is_refused_and_named(server: Server) {
        refused(server, r#"{"client_name": "x", "colour": "red"}"#, "colour").await;
        refused(server, r#"{"client_name": "x", "client_name": "y"}"#, "client_name").await;
        refused(server, r#"{"client_name": 7}"#, "client_name").await;
        refused(server, r#"["x"]"#, "").await;
        refused(server, r#"{"client_name": "x\u0000"}"#, "U+0000").await;
        refused(server, "{", "").await;
        let form = "application/x-www-form-urlencoded";
        let answer = post_text(server, "/admin/clients", form, "client_name=x").await;
        answer.refused(415, "invalid_request");
        let long = format!("{{\"client_name\": \"{}\"}}", "x".repeat(300_000));
        let answer = post_text(server, "/admin/clients", "application/json", &long).await;
        answer.refused(413, "invalid_request");
        let clients = ask(server, "GET", "/admin/clients", None).await.json();
        assert_eq!(clients["total"], 0, "nothing was made of any of these");
    }

    /// Ids, sources, statuses and secrets are the server's to say.
    async fn members_that_are_not_the_callers_to_set_are_refused(server: Server) {
        let made = json!({
            "client_name": "x", "grant_types": ["client_credentials"], "scope": "a",
        });
        for stolen in ["id", "client_id", "client_secret", "secret_hash", "status", "source",
            "registration_source", "issued_at"]
        {
            let mut body = made.clone();
            body[stolen] = json!("mine");
            let answer = ask(server, "POST", "/admin/clients", Some(&body)).await;
            answer.refused(400, "invalid_request");
            assert!(answer.member("detail").contains(stolen), "{answer:?}");
        }
        let client = ask(server, "POST", "/admin/clients", Some(&made)).await;
        let path = format!("/admin/clients/{}", client.member("client_id"));
        let other = json!({ "client_id": NOBODY, "client_name": "renamed" });
        ask(server, "PATCH", &path, Some(&other)).await.refused(400, "invalid_request");
        assert_eq!(ask(server, "GET", &path, None).await.member("name"), "x");
    }

    async fn queries_are_read_as_strictly_as_bodies(server: Server) {
        for query in ["colour=red", "limit=x", "limit=1&limit=2", "limit=-1", "status=odd",
            "key=secret"]
        {
            let path = format!("/admin/clients?{query}");
            ask(server, "GET", &path, None).await.refused(400, "invalid_request");
        }
        let far = "/admin/clients?limit=1001";
        ask(server, "GET", far, None).await.refused(422, "invalid_value");
        let nul = "/admin/audit?action=%00";
        ask(server, "GET", nul, None).await.refused(400, "invalid_request");
    }

    /// Also what other operations have, and what would name something else than the path does.
    async fn no_operation_ignores_a_member_or_a_parameter_it_does_not_have(server: Server) {
        let document = ask(server, "GET", "/admin/openapi.json", None).await.json();
        for entry in operations() {
            let (name, method) = (entry.name, entry.method.to_lowercase());
            let described = &document["paths"][entry.template][&method];
            let members = members(&document, described);
            let (required, optional) = parameters(described);
            let needed = required.iter().map(|parameter| format!("{parameter}=x&"));
            let path = format!("{}?{}", entry.path(), needed.collect::<String>());
            for stranger in ["colour", "id", "client_id", "user_id", "kid", "key", "__proto__"] {
                if !members.contains(stranger) {
                    let body = json!({ stranger: NOBODY });
                    let answer = ask(server, &entry.method, &path, Some(&body)).await;
                    is_named(&answer, stranger, &format!("{name}, body"));
                }
                if !required.contains(stranger) && !optional.contains(stranger) {
                    let path = format!("{path}{stranger}={NOBODY}");
                    let answer = ask(server, &entry.method, &path, None).await;
                    is_named(&answer, stranger, &format!("{name}, query"));
                }
            }
        }
        let clients = ask(server, "GET", "/admin/clients", None).await.json();
        assert_eq!(clients["total"], 0, "nothing was made of any of these");
    }

    /// Whatever is sent in place of an id, it is the id of nothing and never a fault.
    async fn the_tokens_of_a_person_are_not_asked_for_by_another(server: Server) {
        server.person("ada@example.com").await;
        let path = "/admin/users/ada@example.com/tokens";
        assert_eq!(ask(server, "GET", path, None).await.status, 200);
        let other = ask(server, "GET", &format!("{path}?user=bob@example.com"), None).await;
        other.refused(400, "invalid_request");
        assert!(other.text.contains("user"), "{other:?}");
    }

    async fn a_path_that_names_nothing_is_not_found(server: Server) {
        for odd in ["%00", "..%2f..", "%ff", "a%0ab", "%F0%9F%98%80", "x;y", "'", "%25"] {
            for entry in operations().iter().filter(|entry| entry.template.contains('{')) {
                let path = entry.template.split('/').map(|part| {
                    if part.starts_with('{') { odd } else { part }
                });
                let path = path.collect::<Vec<_>>().join("/");
                let answer = ask(server, &entry.method, &path, None).await;
                let fine = answer.status < 300 || [400, 404, 422].contains(&answer.status);
                assert!(fine, "{} {path}: {answer:?}", entry.method);
            }
        }
    }
}
