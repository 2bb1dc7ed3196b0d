//! What goes over the wire.

use protocol::ErrorCode;
use protocol::client::{ApplicationType, AuthMethod, GrantType};
use protocol::grant::token_exchange::{ACCESS_TOKEN, JWT};
use serde_json::{Value, json};

use crate::flows::authenticate_client::METHODS;
use crate::grants::GRANTS;

pub(super) fn all() -> Value {
    json!({
        "Error": error(),
        "Nothing": { "type": "object", "additionalProperties": false },
        "AuthorizationServerMetadata": metadata(),
        "ProtectedResourceMetadata": protected_resource(),
        "Jwks": jwks(),
        "TokenRequest": token_request(),
        "TokenResponse": token_response(),
        "TokenQuestion": token_question(),
        "Introspection": introspection(),
        "RegistrationRequest": registration_request(),
        "RegistrationResponse": registration_response(),
        "Liveness": object(&["status"], json!({ "status": { "const": "ok" } })),
        "Readiness": health(&["status", "time", "db", "version"]),
        "Health": health(&["status", "time", "db", "version", "keepers"]),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "a part that is made for the whole")]
fn object(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties })
}

fn texts() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}

fn grant_types() -> Vec<&'static str> {
    GRANTS.iter().map(|grant| GrantType::as_str(grant.name)).collect()
}

fn auth_methods() -> Vec<&'static str> {
    METHODS.iter().copied().map(AuthMethod::as_str).collect()
}

fn error() -> Value {
    let mut codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    codes.extend(["not_found", "resource_not_found"]);
    let members = ["error", "error_description", "type", "title", "detail", "status"];
    object(
        &members,
        json!({
            "error": { "type": "string", "enum": codes },
            "error_description": { "type": "string" },
            "type": { "type": "string", "format": "uri" },
            "title": { "type": "string" },
            "detail": { "type": "string" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "trace_id": { "type": "string", "description": "With `server_error`." },
            "cause": {
                "type": "string",
                "enum": ["consent_missing", "scope_insufficient"],
                "description": "With `consent_required` at the token endpoint, as the next two.",
            },
            "service_id": {
                "type": "string",
                "description": "Slug of the resource that the user has to agree about.",
            },
            "consent_url": {
                "type": "string",
                "format": "uri",
                "description": "Where the user can agree.",
            },
        }),
    )
}

fn metadata() -> Value {
    let uri = || json!({ "type": "string", "format": "uri" });
    let required = [
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "scopes_supported",
        "response_types_supported",
        "response_modes_supported",
        "grant_types_supported",
        "token_endpoint_auth_methods_supported",
        "revocation_endpoint",
        "introspection_endpoint",
        "code_challenge_methods_supported",
        "authorization_response_iss_parameter_supported",
    ];
    object(
        &required,
        json!({
            "issuer": uri(),
            "authorization_endpoint": uri(),
            "token_endpoint": uri(),
            "jwks_uri": uri(),
            "registration_endpoint": uri(),
            "revocation_endpoint": uri(),
            "introspection_endpoint": uri(),
            "scopes_supported": texts(),
            "response_types_supported": { "type": "array", "items": { "const": "code" } },
            "response_modes_supported": { "type": "array", "items": { "const": "query" } },
            "grant_types_supported": texts(),
            "token_endpoint_auth_methods_supported": texts(),
            "code_challenge_methods_supported": { "type": "array", "items": { "const": "S256" } },
            "authorization_response_iss_parameter_supported": { "const": true },
        }),
    )
}

fn protected_resource() -> Value {
    object(
        &["resource", "authorization_servers", "scopes_supported", "bearer_methods_supported"],
        json!({
            "resource": { "type": "string", "format": "uri" },
            "authorization_servers": texts(),
            "scopes_supported": texts(),
            "bearer_methods_supported": { "type": "array", "items": { "const": "header" } },
            "dpop_bound_access_tokens_required": { "type": "boolean" },
        }),
    )
}

fn jwks() -> Value {
    let text = json!({ "type": "string" });
    let key = object(
        &["kid", "kty", "alg", "use"],
        json!({ "kid": text, "kty": text, "alg": text, "use": { "const": "sig" } }),
    );
    let mut agent = object(
        &["agent_id", "client_name", "registration_source"],
        json!({
            "agent_id": text,
            "client_name": text,
            "agent_description": text,
            "registration_source": text,
        }),
    );
    agent["description"] = json!("An active agent.");
    let agents = json!({
        "type": "array",
        "items": agent,
        "description": "With agents.enable_jwks_listing only.",
    });
    object(&["keys"], json!({ "keys": { "type": "array", "items": key }, "agents": agents }))
}

fn token_request() -> Value {
    let text = json!({ "type": "string" });
    object(
        &["grant_type"],
        json!({
            "grant_type": { "type": "string", "enum": grant_types() },
            "client_id": text,
            "client_secret": text,
            "code": text,
            "redirect_uri": text,
            "code_verifier": text,
            "refresh_token": text,
            "scope": text,
            "resource": text,
            "audience": text,
            "subject_token": text,
            "subject_token_type": { "type": "string", "enum": [ACCESS_TOKEN, JWT] },
            "actor_token": text,
            "actor_token_type": { "type": "string", "enum": [ACCESS_TOKEN, JWT] },
            "requested_token_type": { "const": ACCESS_TOKEN },
        }),
    )
}

fn token_response() -> Value {
    object(
        &["access_token", "token_type", "expires_in", "scope"],
        json!({
            "access_token": { "type": "string" },
            "token_type": { "type": "string", "enum": ["Bearer", "DPoP"] },
            "expires_in": { "type": "integer", "minimum": 1 },
            "scope": { "type": "string" },
            "refresh_token": { "type": "string" },
            "issued_token_type": {
                "const": ACCESS_TOKEN,
                "description": "With token exchange (RFC 8693 section 2.2.1).",
            },
        }),
    )
}

fn token_question() -> Value {
    let text = json!({ "type": "string" });
    object(
        &["token"],
        json!({
            "token": text,
            "token_type_hint": text,
            "client_id": text,
            "client_secret": text,
        }),
    )
}

fn introspection() -> Value {
    let number = json!({ "type": "integer" });
    let text = json!({ "type": "string" });
    object(
        &["active"],
        json!({
            "active": { "type": "boolean" },
            "scope": text,
            "client_id": text,
            "sub": text,
            "aud": texts(),
            "iss": text,
            "exp": number,
            "iat": number,
            "jti": text,
            "token_type": { "type": "string", "enum": ["Bearer", "DPoP"] },
            "cnf": { "type": "object" },
            "agent_id": text,
            "act": { "type": "object", "description": "Who acts (RFC 8693 section 4.1)." },
            "agent_chain": texts(),
        }),
    )
}

/// The members that are read; others are ignored. `null` counts as not sent.
fn registration_request() -> Value {
    let text = json!({ "type": ["string", "null"] });
    let list = json!({ "type": ["array", "null"], "items": { "type": "string" } });
    let mut redirect_uris = texts();
    redirect_uris["minItems"] = json!(1);
    redirect_uris["maxItems"] = json!(100);
    object(
        &["redirect_uris"],
        json!({
            "redirect_uris": redirect_uris,
            "client_name": text,
            "grant_types": list,
            "response_types": list,
            "token_endpoint_auth_method": text,
            "application_type": text,
            "agent": { "type": ["boolean", "null"] },
            "agent_description": text,
            "client_uri": text,
            "logo_uri": text,
            "tos_uri": text,
            "policy_uri": text,
            "contacts": list,
            "software_id": text,
            "software_version": text,
            "jwks": { "type": ["object", "null"] },
            "jwks_uri": text,
        }),
    )
}

fn registration_response() -> Value {
    let types: Vec<&str> = ApplicationType::ALL.iter().map(|it| it.as_str()).collect();
    let required = [
        "client_id",
        "client_id_issued_at",
        "client_name",
        "redirect_uris",
        "grant_types",
        "response_types",
        "token_endpoint_auth_method",
        "application_type",
        "agent",
    ];
    object(
        &required,
        json!({
            "client_id": { "type": "string" },
            "client_secret": { "type": "string" },
            "client_secret_expires_at": { "const": 0 },
            "client_id_issued_at": { "type": "integer" },
            "client_name": { "type": "string" },
            "redirect_uris": texts(),
            "grant_types": { "type": "array", "items": { "enum": grant_types() } },
            "response_types": texts(),
            "token_endpoint_auth_method": { "type": "string", "enum": auth_methods() },
            "application_type": { "type": "string", "enum": types },
            "scope": { "type": "string" },
            "agent": { "type": "boolean" },
            "agent_description": { "type": "string" },
        }),
    )
}

fn health(required: &[&str]) -> Value {
    let states =
        ["ok", "stopping", "store_unreachable", "keeper_failed", "keys_stale", "secrets_stale"];
    object(
        required,
        json!({
            "status": { "type": "string", "enum": states },
            "time": { "type": "string", "format": "date-time" },
            "db": { "type": "string", "enum": ["ok", "unreachable"] },
            "version": { "type": "string" },
            "keepers": { "type": "array", "items": { "type": "object" } },
        }),
    )
}
