//! The pages people go through.

use serde_json::{Value, json};

use super::{Paths, answers, page, page_refusals, redirect};
use crate::pages::stylesheet_path;

pub(super) fn paths() -> Paths {
    let request = reference();
    let on = || redirect("On to the next page, or with the answer to the client.");
    let not_own = || page("The form was not shown to this browser.");
    vec![
        (
            "/login",
            json!({
                "get": {
                    "operationId": "showSignIn",
                    "tags": ["pages"],
                    "summary": "The sign-in page",
                    "parameters": request,
                    "responses": answers([("200", page("The page.")), ("303", on())], page_refusals()),
                },
                "post": {
                    "operationId": "signIn",
                    "tags": ["pages"],
                    "summary": "Signs in",
                    "requestBody": form(&["csrf", "email", "password", "request"]),
                    "responses": answers(
                        [
                            ("303", on()),
                            ("401", page("The page again: address or password are not right.")),
                            ("403", not_own()),
                        ],
                        page_refusals(),
                    ),
                },
            }),
        ),
        (
            "/consent",
            json!({
                "get": {
                    "operationId": "showConsent",
                    "tags": ["pages"],
                    "summary": "The consent page",
                    "parameters": request,
                    "responses": answers([("200", page("The page.")), ("303", on())], page_refusals()),
                },
                "post": {
                    "operationId": "decide",
                    "tags": ["pages"],
                    "summary": "Approves or denies",
                    "requestBody": form(&["csrf", "request", "decision", "scope"]),
                    "responses": answers([("303", on()), ("403", not_own())], page_refusals()),
                },
            }),
        ),
        (
            "/logout",
            json!({ "post": {
                "operationId": "signOut",
                "tags": ["pages"],
                "summary": "Signs out",
                "requestBody": form(&["csrf", "request"]),
                "responses": answers(
                    [("200", page("Signed out.")), ("303", on()), ("403", not_own())],
                    page_refusals(),
                ),
            } }),
        ),
        (stylesheet_path(), stylesheet()),
    ]
}

/// What both pages are about.
fn reference() -> Value {
    json!([{
        "name": "request",
        "in": "query",
        "description": "The authorization request that waits for it.",
        "schema": { "type": "string" },
    }])
}

fn form(names: &[&str]) -> Value {
    let properties: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))).collect();
    let schema = json!({ "type": "object", "properties": properties });
    let content = json!({ "application/x-www-form-urlencoded": { "schema": schema } });
    json!({ "required": true, "content": content })
}

fn stylesheet() -> Value {
    let content = json!({ "text/css; charset=utf-8": { "schema": { "type": "string" } } });
    json!({ "get": {
        "operationId": "getStylesheet",
        "tags": ["pages"],
        "summary": "The style of the pages; its name changes with it",
        "responses": { "200": { "description": "It.", "content": content } },
    } })
}
