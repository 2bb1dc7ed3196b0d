//! The admin surface. Nothing under `/admin` is reached without the admin key: the
//! check stands in front of the routes, so that no route can forget it.

use std::future::{Ready, ready};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse, web};
use actors::keys::schedule::Entry;
use actors::keys::{KeyFileError, ListKeys, RotateError, RotateKeys};
use serde::{Deserialize, Serialize};

use super::origin::Asker;
use crate::app::Services;
use crate::failure::{Failure, internal};

/// The identity in the audit log of whoever has the configured key.
const ROOT: &str = "admin:root";

/// Who is let in, as the audit log names them.
#[derive(Debug, Clone)]
pub(crate) struct Admin(String);

impl FromRequest for Admin {
    type Error = actix_web::Error;
    type Future = Ready<Result<Admin, actix_web::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let admitted = request.extensions().get::<Admin>().cloned();
        // Only a route outside of `require_key` can get here: refuse it.
        ready(admitted.ok_or_else(|| actix_web::error::ErrorUnauthorized("no admin key")))
    }
}

/// The middleware in front of every admin route.
pub(crate) async fn require_key(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let header = request.headers().get(header::AUTHORIZATION);
    let key = header.and_then(|header| header.to_str().ok()).and_then(|header| {
        let (scheme, key) = header.split_once(' ')?;
        scheme.eq_ignore_ascii_case("Bearer").then_some(key)
    });
    let services = request.app_data::<web::Data<Services>>();
    let admitted = services.zip(key).is_some_and(|(services, key)| services.admin.admits(key));
    if !admitted {
        metrics::counter!("authserver_auth_denied_total", "reason" => "invalid_admin_key")
            .increment(1);
        let detail = "Send the admin key as Authorization: Bearer <key>.";
        let refusal = problem(StatusCode::UNAUTHORIZED, "invalid_admin_key", detail);
        return Ok(request.into_response(refusal));
    }
    request.extensions_mut().insert(Admin(ROOT.to_owned()));
    Ok(next.call(request).await?.map_into_boxed_body())
}

fn problem(status: StatusCode, error: &str, detail: &str) -> HttpResponse {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    if status == StatusCode::UNAUTHORIZED {
        answer.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"admin\""));
    }
    answer.content_type("application/problem+json").json(serde_json::json!({
        "error": error,
        "error_description": detail,
        "type": format!("https://authplane.dev/errors/{error}"),
        "title": status.canonical_reason().unwrap_or_default(),
        "detail": detail,
        "status": status.as_u16(),
    }))
}

fn json(body: impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(body)
}

/// `POST /admin/auth/verify`
pub(crate) async fn verify(_: Admin) -> HttpResponse {
    json(serde_json::json!({ "valid": true, "version": env!("CARGO_PKG_VERSION") }))
}

/// A key as the admin API shows it.
#[derive(Debug, Serialize)]
pub struct KeyView {
    kid: String,
    alg: String,
    r#use: &'static str,
    status: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes_at: Option<String>,
}

impl From<&Entry> for KeyView {
    fn from(entry: &Entry) -> KeyView {
        KeyView {
            kid: entry.kid.clone(),
            alg: entry.alg.to_string(),
            r#use: "sig",
            status: entry.state.to_string(),
            created_at: entry.created_at.to_rfc3339(),
            changes_at: entry.changes_at.map(|at| at.to_rfc3339()),
        }
    }
}

/// `GET /admin/keys`
pub(crate) async fn list_keys(
    services: web::Data<Services>,
    asker: Asker,
    _: Admin,
) -> HttpResponse {
    match services.keepers.keys.ask(ListKeys).await {
        Ok(keys) => {
            let keys: Vec<KeyView> = keys.iter().map(KeyView::from).collect();
            json(serde_json::json!({ "keys": keys }))
        }
        Err(error) => Failure::from(error).respond_to_admin(&asker),
    }
}

/// What may be said about a rotation.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rotation {
    emergency: bool,
    drop_old: bool,
}

/// `POST /admin/keys/rotate`
pub(crate) async fn rotate_keys(
    services: web::Data<Services>,
    asker: Asker,
    Admin(admin): Admin,
    body: web::Bytes,
) -> HttpResponse {
    let rotation = match body.is_empty() {
        true => Ok(Rotation::default()),
        false => serde_json::from_slice(&body),
    };
    let Rotation { emergency, drop_old } = match rotation {
        Ok(rotation) => rotation,
        Err(error) => {
            return problem(StatusCode::BAD_REQUEST, "invalid_request", &error.to_string());
        }
    };
    let order = RotateKeys { emergency, drop_old, admin, origin: asker.0.clone() };
    let failure = match services.keepers.keys.ask(order).await {
        Ok(Ok(entry)) => return json(KeyView::from(&entry)),
        Ok(Err(RotateError::Files(error @ KeyFileError::RotationUnderWay(_)))) => {
            return problem(StatusCode::CONFLICT, "rotation_under_way", &error.to_string());
        }
        Ok(Err(RotateError::Files(error))) => internal(error),
        Ok(Err(RotateError::Store(error))) => error.into(),
        Err(error) => error.into(),
    };
    failure.respond_to_admin(&asker)
}

/// `GET /admin/system/status`
pub(crate) async fn status(services: web::Data<Services>, _: Admin) -> HttpResponse {
    let reachable = services.store.ping().await.is_ok();
    json(serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "issuer": services.issuer(),
        "store": { "driver": services.store.backend().as_str(), "reachable": reachable },
        "keepers": services.household.health(),
    }))
}

/// Nothing is here.
pub(crate) async fn not_found() -> HttpResponse {
    problem(StatusCode::NOT_FOUND, "not_found", "The admin API has no such route.")
}
