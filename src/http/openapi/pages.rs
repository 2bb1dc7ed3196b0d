//! The pages people go through.

use serde_json::{Value, json};

use super::{Paths, answers, page, page_refusals, redirect};
use crate::flows::agreement;
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
                    "requestBody": form(&["csrf", "email", "password", "request", "ticket"]),
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
        (agreement::PATH, agreement_page()),
        (
            "/logout",
            json!({ "post": {
                "operationId": "signOut",
                "tags": ["pages"],
                "summary": "Signs out",
                "requestBody": form(&["csrf", "request", "ticket"]),
                "responses": answers(
                    [("200", page("Signed out.")), ("303", on()), ("403", not_own())],
                    page_refusals(),
                ),
            } }),
        ),
        (stylesheet_path(), stylesheet()),
    ]
}

fn agreement_page() -> Value {
    json!({
        "get": {
            "operationId": "showAgreement",
            "tags": ["pages"],
            "summary": "The page behind the consent_url of a token exchange",
            "parameters": ticket(),
            "responses": answers(
                [
                    ("200", page("The question, or that it is answered.")),
                    ("303", redirect("To the sign-in page.")),
                    ("403", page("Somebody else is asked than who is signed in.")),
                ],
                page_refusals(),
            ),
        },
        "post": {
            "operationId": "agree",
            "tags": ["pages"],
            "summary": "Lets the client exchange its tokens for the resource, or does not",
            "requestBody": form(&["csrf", "ticket", "decision", "scope"]),
            "responses": answers(
                [
                    ("200", page("What was decided; the page can be closed.")),
                    ("303", redirect("To the sign-in page.")),
                    (
                        "403",
                        page(
                            "The form was not shown to this browser, or somebody else is \
                             asked.",
                        ),
                    ),
                ],
                page_refusals(),
            ),
        },
    })
}

/// What the agreement page is about.
fn ticket() -> Value {
    json!([{
        "name": "ticket",
        "in": "query",
        "description": "What is asked, of whom and until when; as it stands in consent_url.",
        "schema": { "type": "string" },
    }])
}

/// What the sign-in and the consent page are about.
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
