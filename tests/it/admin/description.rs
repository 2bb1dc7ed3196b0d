//! The API is what its description says, both ways.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ask, operations};
use crate::kit::{Server, on_both_databases};

on_both_databases! {
    async fn every_operation_is_described_and_everything_described_answers(server: Server) {
        let answer = ask(server, "GET", "/admin/openapi.json", None).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
        let document = answer.json();
        assert_eq!(document["openapi"], "3.1.0");
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                described.insert((method.to_uppercase(), path.clone()));
                let responses = &operation["responses"];
                // What the front of the listener answers, whatever is asked.
                for status in ["400", "401", "408", "413", "414", "415", "421", "429", "431"] {
                    assert!(responses.get(status).is_some(), "{method} {path} {status}");
                }
            }
        }
        for entry in operations() {
            let key = (entry.method.clone(), entry.template.to_owned());
            assert!(described.remove(&key), "{key:?} is not described");
            let answer = ask(server, &entry.method, &entry.path(), None).await;
            let method = entry.method.to_lowercase();
            let responses = &document["paths"][entry.template][&method]["responses"];
            let status = answer.status.to_string();
            assert!(responses.get(&status).is_some(), "{key:?} answers {status}: {answer:?}");
            let is_route = answer.status < 400 || answer.member("error") != "not_found";
            assert!(is_route, "{key:?} is no route");
            assert!(responses.get(entry.success.to_string()).is_some(), "{key:?}");
        }
        assert!(described.is_empty(), "described and not there: {described:?}");
    }
}

/// Every `$ref` of `value` leads somewhere in `document`.
fn assert_refs(value: &Value, document: &Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get("$ref") {
                let pointer = target.strip_prefix('#').expect("a reference inside the document");
                assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
            }
            members.values().for_each(|member| assert_refs(member, document));
        }
        Value::Array(items) => items.iter().for_each(|item| assert_refs(item, document)),
        _ => {}
    }
}

#[test]
fn references_in_both_descriptions_lead_somewhere() {
    for document in [authserver::admin::openapi::document(), authserver::http::public_document()] {
        assert_refs(&document, &document);
    }
}

#[test]
fn operation_ids_are_unique() {
    for document in [authserver::admin::openapi::document(), authserver::http::public_document()] {
        let mut seen = BTreeSet::new();
        for methods in document["paths"].as_object().unwrap().values() {
            for operation in methods.as_object().unwrap().values() {
                let id = operation["operationId"].as_str();
                assert!(id.is_none_or(|id| seen.insert(id.to_owned())), "{id:?} is there twice");
            }
        }
    }
}

on_both_databases! {
    async fn every_public_path_that_is_described_answers_as_described(server: Server) {
        let document = authserver::http::public_document();
        for (path, methods) in document["paths"].as_object().unwrap() {
            let url = server.url(&path.replace("{reference}", "nowhere"));
            for (method, operation) in methods.as_object().unwrap() {
                if method == "parameters" {
                    continue;
                }
                let verb = reqwest::Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let client = reqwest::Client::builder();
                let client = client.redirect(reqwest::redirect::Policy::none()).build().unwrap();
                let answer = client.request(verb, &url).send().await.unwrap();
                let status = answer.status().as_u16().to_string();
                let described = &operation["responses"][&status];
                assert!(described.is_object(), "{method} {path} answers {status}");
                let sent = answer.headers().get("content-type");
                let sent = sent.map_or("", |it| it.to_str().unwrap()).to_owned();
                if let Some(content) = described["content"].as_object() {
                    assert!(content.contains_key(&sent), "{method} {path} sends {sent}");
                }
            }
        }
    }
}
