//! The public surface described: OpenAPI 3.1 for the endpoints of OAuth, the documents
//! and the pages. The admin surface has a description of its own, [`crate::admin::openapi`].
//!
//! These endpoints are what RFCs say they are and read forms, which no type of ours is;
//! so this description is written by hand, next to the routes it describes
//! (`super::routes`), and a test compares the two.

mod documents;
mod oauth;
mod pages;
mod schemas;

use serde_json::{Map, Value, json};

use crate::admin::openapi::come_again;

/// The whole document, with paths as they are under an issuer without a path.
#[must_use]
pub fn public_document() -> Value {
    let mut paths = Map::new();
    for (path, methods) in
        [documents::paths(), oauth::paths(), pages::paths()].into_iter().flatten()
    {
        paths.insert(path.to_owned(), methods);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "AuthPlane",
            "description": ABOUT,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "http://localhost:9000", "description": "server.issuer" }],
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "securitySchemes": {
                "client_basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "client_secret_basic: id and secret, each form-encoded \
                                    (RFC 6749 section 2.3.1).",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "authserver_session",
                    "description": "The signed-in browser; session.cookie_name.",
                },
            },
        },
    })
}

const ABOUT: &str = "The public surface of an OAuth 2.1 authorization server for MCP. Forms are \
    application/x-www-form-urlencoded; no parameter twice, except `resource` and `audience`. A \
    parameter without a value counts as not sent (RFC 6749 section 3.1); what is not known is \
    ignored.";

/// Paths with what their methods do.
type Paths = Vec<(&'static str, Value)>;

/// A reference to a schema.
fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A response with a JSON body.
fn json_answer(description: &str, schema_name: &str) -> Value {
    let content = json!({ "application/json": { "schema": schema(schema_name) } });
    json!({ "description": description, "content": content })
}

/// A response with a page.
fn page(description: &str) -> Value {
    let content = json!({ "text/html; charset=utf-8": { "schema": { "type": "string" } } });
    json!({ "description": description, "content": content })
}

/// A response with a `Location`.
fn redirect(description: &str) -> Value {
    let location = json!({ "required": true, "schema": { "type": "string" } });
    json!({ "description": description, "headers": { "Location": location } })
}

/// The refusals that any endpoint for clients may answer.
fn refusals() -> Map<String, Value> {
    let refusal = |description| json_answer(description, "Error");
    let all = [
        ("400", refusal("The request is refused; `error` says why.")),
        ("429", come_again(refusal("`slow_down`: too many requests."))),
        ("500", refusal("`server_error`: a fault of the server.")),
        ("503", come_again(refusal("`temporarily_unavailable`."))),
    ];
    all.into_iter().map(|(status, answer)| (status.to_owned(), answer)).collect()
}

/// The pages that any page may turn out to be.
fn page_refusals() -> Map<String, Value> {
    let all = [
        ("400", page("The request is malformed, or is no longer there.")),
        ("429", come_again(page("Too many requests."))),
        ("500", page("A fault of the server.")),
        ("503", come_again(page("The server cannot do this now."))),
    ];
    all.into_iter().map(|(status, answer)| (status.to_owned(), answer)).collect()
}

/// These answers beside `others`.
fn answers<const N: usize>(
    own: [(&str, Value); N],
    mut others: Map<String, Value>,
) -> Map<String, Value> {
    others.extend(own.into_iter().map(|(status, answer)| (status.to_owned(), answer)));
    others
}
