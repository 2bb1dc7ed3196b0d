//! What the server says about itself, and its health.

use serde_json::{Value, json};

use super::{Paths, answers, come_again, json_answer};

pub(super) fn paths() -> Paths {
    let metadata = |id: &str| {
        readable(
            id,
            "Authorization server metadata (RFC 8414)",
            json!({ "200": json_answer("The document.", "AuthorizationServerMetadata") }),
        )
    };
    let protected = |id: &str, parameters: Value| {
        let mut path = readable(
            id,
            "Protected resource metadata (RFC 9728), by the path of the resource's URI or its slug",
            json!({
                "200": json_answer("The document.", "ProtectedResourceMetadata"),
                "404": json_answer("`resource_not_found`.", "Error"),
            }),
        );
        path["parameters"] = parameters;
        path
    };
    let reference = json!([{
        "name": "reference",
        "in": "path",
        "required": true,
        "description": "May have further segments.",
        "schema": { "type": "string" },
    }]);
    vec![
        ("/.well-known/oauth-authorization-server", metadata("getAuthorizationServerMetadata")),
        ("/.well-known/openid-configuration", metadata("getOpenidConfiguration")),
        ("/.well-known/jwks.json", jwks()),
        (
            "/.well-known/oauth-protected-resource",
            protected("getProtectedResourceMetadata", json!([])),
        ),
        (
            "/.well-known/oauth-protected-resource/{reference}",
            protected("getProtectedResourceMetadataOf", reference),
        ),
        ("/livez", health("getLiveness", "Whether the process answers", "Liveness")),
        ("/ready", health("getReadiness", "Whether to send requests here", "Readiness")),
        ("/health", health("getHealth", "The same with every keeper", "Health")),
    ]
}

/// A document that scripts of any origin may read.
#[expect(clippy::needless_pass_by_value, reason = "a part that is made for the whole")]
fn readable(id: &str, summary: &str, responses: Value) -> Value {
    json!({ "get": {
        "operationId": id,
        "tags": ["documents"],
        "summary": summary,
        "responses": responses,
    } })
}

fn jwks() -> Value {
    let mut path = readable(
        "getJwks",
        "Public signing keys (RFC 7517)",
        json!({
            "200": json_answer("The keys.", "Jwks"),
            "304": { "description": "They are what `If-None-Match` names." },
        }),
    );
    path["parameters"] =
        json!([{ "name": "If-None-Match", "in": "header", "schema": { "type": "string" } }]);
    path
}

fn health(id: &str, summary: &str, schema: &str) -> Value {
    let good = ("200", json_answer("Yes.", schema));
    let responses = match schema {
        "Liveness" => answers([good], serde_json::Map::new()),
        _ => {
            let not_now = come_again(json_answer("No; `status` says why.", schema));
            answers([good, ("503", not_now)], serde_json::Map::new())
        }
    };
    json!({ "get": {
        "operationId": id,
        "tags": ["health"],
        "summary": summary,
        "responses": responses,
    } })
}
