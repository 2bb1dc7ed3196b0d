//! The admin API described: OpenAPI 3.1, from the declarations of the operations.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::schema::Schema;
use utoipa::{IntoParams as _, ToSchema};

use super::operation::is_nothing;
use super::{Operation, Problem, Registrar, every_operation};

/// The whole document.
#[must_use]
pub fn document() -> Value {
    let mut pages = Pages::default();
    every_operation(&mut pages);
    let mut schemas = pages.schemas;
    schemas.add::<Problem>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "AuthPlane admin API",
            "description": ABOUT,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "http://localhost:9001", "description": "admin.address" }],
        "security": [{ "admin_key": [] }],
        "paths": pages.paths,
        "components": {
            "schemas": schemas.0,
            "securitySchemes": {
                "admin_key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An admin key: the configured one, or one with fewer rights.",
                },
            },
        },
    })
}

const ABOUT: &str = "What operators do: clients, users, resources, keys, tokens. Served on the \
    admin listener. Bodies are JSON objects; a member that is not described here is refused. \
    Times are RFC 3339 in UTC. Whatever is refused here, by whatever stands in front of an operation \
    too, is a problem (RFC 9457).";

/// Schemas by name, for `#/components/schemas`.
#[derive(Debug, Default)]
pub(crate) struct Schemas(pub(crate) BTreeMap<String, Value>);

impl Schemas {
    /// Adds the schema of `T` and all it refers to; a reference to it.
    pub(crate) fn add<T: ToSchema>(&mut self) -> Value {
        let mut found: Vec<(String, RefOr<Schema>)> = Vec::new();
        T::schemas(&mut found);
        found.push((T::name().into_owned(), T::schema()));
        for (name, schema) in found {
            self.0.entry(name).or_insert_with(|| json!(schema));
        }
        json!({ "$ref": format!("#/components/schemas/{}", T::name()) })
    }
}

/// The document under construction.
#[derive(Debug, Default)]
struct Pages {
    paths: BTreeMap<&'static str, Map<String, Value>>,
    schemas: Schemas,
}

impl Registrar for Pages {
    fn enter<O: Operation>(&mut self) {
        let operation = describe::<O>(&mut self.schemas);
        let method = O::METHOD.as_str().to_ascii_lowercase();
        self.paths.entry(O::PATH).or_default().insert(method, operation);
    }
}

fn describe<O: Operation>(schemas: &mut Schemas) -> Value {
    let (summary, more) = O::ABOUT.split_once('\n').unwrap_or((O::ABOUT, ""));
    let lines: Vec<&str> = more.trim().lines().map(str::trim).collect();
    let right = match O::RIGHT {
        Some(right) => format!("Needs the right `{right}`."),
        None => "Any valid key may.".to_owned(),
    };
    let mut parameters: Vec<Value> = Vec::new();
    parameters.extend(O::Path::into_params(|| Some(ParameterIn::Path)).iter().map(|it| json!(it)));
    let query = O::Query::into_params(|| Some(ParameterIn::Query));
    parameters.extend(query.iter().map(|it| json!(it)));
    let mut operation = json!({
        "operationId": O::NAME,
        "tags": [O::PATH.split('/').nth(2).unwrap_or_default()],
        "summary": summary.trim().trim_end_matches('.'),
        "description": format!("{}\n\n{right}", lines.join("\n")).trim(),
        "responses": responses::<O>(schemas),
    });
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    if !is_nothing::<O::Body>() {
        operation["requestBody"] = json!({
            "required": serde_json::from_str::<O::Body>("{}").is_err(),
            "content": { "application/json": { "schema": schemas.add::<O::Body>() } },
        });
    }
    operation
}

fn responses<O: Operation>(schemas: &mut Schemas) -> Map<String, Value> {
    let mut responses = Map::new();
    let mut success = json!({ "description": O::SUCCESS.canonical_reason().unwrap_or_default() });
    if !is_nothing::<O::Answer>() {
        let content = json!({ "application/json": { "schema": schemas.add::<O::Answer>() } });
        success["content"] = content;
    }
    responses.insert(O::SUCCESS.as_u16().to_string(), success);
    for (status, meanings) in faults::<O>() {
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        let problem = json!({
            "description": meanings.join("; "),
            "content": { "application/problem+json": { "schema": schema } },
        });
        let waits = matches!(status, 429 | 503);
        let problem = if waits { come_again(problem) } else { problem };
        responses.insert(status.to_string(), problem);
    }
    responses
}

/// A response that says when to come again.
pub(crate) fn come_again(mut answer: Value) -> Value {
    let seconds = json!({ "schema": { "type": "integer", "minimum": 1 } });
    answer["headers"] = json!({ "Retry-After": seconds });
    answer
}

/// Every way to fail, by status: those of the declaration and those of every operation.
fn faults<O: Operation>() -> BTreeMap<u16, Vec<String>> {
    let mut faults: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    let mut add = |status: StatusCode, meaning: String| {
        faults.entry(status.as_u16()).or_default().push(meaning);
    };
    let all = [
        (StatusCode::BAD_REQUEST, "`invalid_request`: it cannot be read; `member` is at fault"),
        (StatusCode::UNAUTHORIZED, "`invalid_admin_key`: no valid admin key was sent"),
        (StatusCode::REQUEST_TIMEOUT, "`invalid_request`: the body did not arrive in time"),
        (StatusCode::PAYLOAD_TOO_LARGE, "`invalid_request`: the body is too long"),
        (StatusCode::URI_TOO_LONG, "`invalid_request`: path and query are too long"),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "`invalid_request`: the body is not JSON"),
        (StatusCode::MISDIRECTED_REQUEST, "`unknown_host`: see `admin.allowed_hosts`"),
        (
            StatusCode::TOO_MANY_REQUESTS,
            "`slow_down`: too many requests, or wrong admin keys, came \
            from this address; see `Retry-After`",
        ),
        (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "`invalid_request`: the header fields are too long or too many",
        ),
        (StatusCode::INTERNAL_SERVER_ERROR, "`server_error`: a fault of the server"),
        (StatusCode::SERVICE_UNAVAILABLE, "`temporarily_unavailable`: see `Retry-After`"),
    ];
    for (status, meaning) in all {
        add(status, meaning.to_owned());
    }
    if let Some(right) = O::RIGHT {
        let meaning = format!("`insufficient_rights`: the key does not have `{right}`");
        add(StatusCode::FORBIDDEN, meaning);
    }
    for fault in O::FAULTS {
        add(fault.status(), fault.to_string());
    }
    faults
}
