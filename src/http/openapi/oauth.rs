//! The endpoints for clients.

use serde_json::{Map, Value, json};

use super::{Paths, answers, json_answer, page_refusals, redirect, refusals, schema};

/// Parameters of an authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2).
const AUTHORIZATION: [(&str, &str); 13] = [
    ("response_type", "`code`"),
    ("client_id", "Who asks"),
    ("redirect_uri", "One of the client's; may be left out when it has one"),
    ("scope", "Space separated; the resource's default scopes when left out"),
    ("state", "Comes back as it is"),
    ("code_challenge", "RFC 7636"),
    ("code_challenge_method", "`S256`"),
    ("resource", "The resource's URI (RFC 8707); may be repeated"),
    ("prompt", "`none`, `login` or `consent`"),
    ("max_age", "Seconds since the person signed in, at most"),
    ("login_hint", "E-mail address for the sign-in page"),
    ("request", "Refused"),
    ("request_uri", "Refused"),
];

pub(super) fn paths() -> Paths {
    vec![
        ("/oauth/authorize", authorize("")),
        ("/authorize", authorize("Short")),
        ("/oauth/token", token("requestToken")),
        ("/token", token("requestTokenShort")),
        ("/oauth/register", register("registerClient")),
        ("/register", register("registerClientShort")),
        ("/oauth/introspect", introspect()),
        ("/oauth/revoke", revoke()),
    ]
}

fn authorize(which: &str) -> Value {
    let parameter = |(name, meaning): &(&str, &str)| {
        json!({
            "name": name,
            "in": "query",
            "description": meaning,
            "schema": { "type": "string" },
        })
    };
    let parameters: Vec<Value> = AUTHORIZATION.iter().map(parameter).collect();
    let properties: Map<String, Value> = AUTHORIZATION
        .iter()
        .map(|(name, meaning)| {
            let property = json!({ "type": "string", "description": meaning });
            ((*name).to_owned(), property)
        })
        .collect();
    let on = "On to the sign-in page, the consent page, or with the answer to the client.";
    let responses = answers([("303", redirect(on))], page_refusals());
    json!({
        "get": {
            "operationId": format!("authorize{which}"),
            "tags": ["oauth"],
            "summary": "Authorization endpoint (RFC 6749 section 3.1)",
            "parameters": parameters,
            "responses": responses,
        },
        "post": {
            "operationId": format!("authorizeByPost{which}"),
            "tags": ["oauth"],
            "summary": "The same with a form (RFC 6749 section 3.1)",
            "requestBody": form(json!({ "type": "object", "properties": properties })),
            "responses": responses,
        },
    })
}

fn token(id: &str) -> Value {
    let mut responses = with_client(json_answer("Tokens.", "TokenResponse"));
    for status in ["200", "400", "401"] {
        responses[status]["headers"]["DPoP-Nonce"] = json!({
            "description": "With dpop.require_nonce, in answer to a proof: the nonce of the next \
                            one (RFC 9449 section 8.2).",
            "schema": { "type": "string" },
        });
    }
    called_by_clients(json!({
        "operationId": id,
        "summary": "Token endpoint (RFC 6749 section 3.2)",
        "parameters": [{
            "name": "DPoP",
            "in": "header",
            "description": "Proof that the client holds a key, to which the tokens are bound \
                            (RFC 9449 section 4). Once at most.",
            "schema": { "type": "string" },
        }],
        "requestBody": form(schema("TokenRequest")),
        "responses": responses,
    }))
}

fn introspect() -> Value {
    called_by_clients(json!({
        "operationId": "introspectToken",
        "summary": "Introspection (RFC 7662)",
        "description": "Without credentials the answer is `{\"active\": false}`, and no error.",
        "requestBody": form(schema("TokenQuestion")),
        "responses": with_client(json_answer("What the token is worth.", "Introspection")),
    }))
}

fn revoke() -> Value {
    called_by_clients(json!({
        "operationId": "revokeToken",
        "summary": "Revocation (RFC 7009)",
        "requestBody": form(schema("TokenQuestion")),
        "responses": with_client(json_answer("It is good no more, or never was.", "Nothing")),
    }))
}

fn register(id: &str) -> Value {
    let registered = json_answer("The client.", "RegistrationResponse");
    let closed = json_answer("`access_denied`: see dcr.mode.", "Error");
    json!({ "post": {
        "operationId": id,
        "tags": ["oauth"],
        "summary": "Dynamic client registration (RFC 7591)",
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": schema("RegistrationRequest") } },
        },
        "responses": answers([("201", registered), ("403", closed)], refusals()),
    } })
}

/// An endpoint where a client may authenticate by header, by form, or not at all.
fn called_by_clients(mut post: Value) -> Value {
    post["tags"] = json!(["oauth"]);
    post["security"] = json!([{ "client_basic": [] }, {}]);
    json!({ "post": post })
}

fn with_client(success: Value) -> Map<String, Value> {
    let mut unknown = json_answer("`invalid_client`.", "Error");
    unknown["headers"] = json!({ "WWW-Authenticate": { "schema": { "type": "string" } } });
    answers([("200", success), ("401", unknown)], refusals())
}

#[expect(clippy::needless_pass_by_value, reason = "a part that is made for the whole")]
fn form(schema: Value) -> Value {
    let content = json!({ "application/x-www-form-urlencoded": { "schema": schema } });
    json!({ "required": true, "content": content })
}
