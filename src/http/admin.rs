//! The admin surface. Nothing under `/admin` is reached without the admin key: the
//! check stands in front of the routes, so that no route can forget it.

use std::future::{Ready, ready};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::body;
use super::origin::Asker;
use crate::administration::key::{self, KeyView};
use crate::administration::{AdminError, Desk};
use crate::app::Services;
use crate::failure::internal;

/// The identity in the audit log of whoever has the configured key.
const ROOT: &str = "admin:root";

/// Longest order, in bytes.
const MAX_ORDER: usize = 4 * 1024;

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

/// `GET /admin/keys`
pub(crate) async fn list_keys(
    services: web::Data<Services>,
    asker: Asker,
    admin: Admin,
) -> HttpResponse {
    match key::list(&desk(&services, &admin, &asker)).await {
        Ok(keys) => {
            let keys: Vec<KeyView> = keys.iter().map(KeyView::from).collect();
            json(serde_json::json!({ "keys": keys }))
        }
        Err(error) => refused(error, &asker),
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
    admin: Admin,
    body: web::Payload,
) -> HttpResponse {
    let patience = services.config.server.read_timeout;
    let body = match body::read(body, MAX_ORDER, patience).await {
        Ok(body) => body,
        Err(unread) => {
            return problem(StatusCode::BAD_REQUEST, "invalid_request", &unread.to_string());
        }
    };
    let rotation = match body.trim_ascii() {
        [] => Ok(Rotation::default()),
        // serde would take an array of the members' values too.
        [b'{', ..] => serde_json::from_slice(&body),
        _ => Err(serde::de::Error::custom("the body must be a JSON object")),
    };
    let Rotation { emergency, drop_old } = match rotation {
        Ok(rotation) => rotation,
        Err(error) => {
            return problem(StatusCode::BAD_REQUEST, "invalid_request", &error.to_string());
        }
    };
    match key::rotate(&desk(&services, &admin, &asker), emergency, drop_old).await {
        Ok(entry) => json(KeyView::from(&entry)),
        Err(error) => refused(error, &asker),
    }
}

fn desk<'a>(services: &'a Services, admin: &'a Admin, asker: &'a Asker) -> Desk<'a> {
    Desk {
        config: &services.config,
        keepers: &services.keepers,
        environment: &services.environment,
        secrets: &services.secrets,
        admin: &admin.0,
        origin: &asker.0,
    }
}

fn refused(error: AdminError, asker: &Asker) -> HttpResponse {
    let failure = match error {
        AdminError::Invalid(why) => {
            return problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", &why);
        }
        AdminError::Conflict(why) => return problem(StatusCode::CONFLICT, "conflict", &why),
        AdminError::InUse(in_use) => {
            return problem(StatusCode::CONFLICT, "conflict", &in_use.detail);
        }
        AdminError::NotFound(missing) => {
            let detail = missing.to_string();
            return problem(StatusCode::NOT_FOUND, missing.kind.error(), &detail);
        }
        AdminError::Keeper(error) => error.into(),
        AdminError::Store(error) => error.into(),
        AdminError::Keys(error) => internal(error),
        AdminError::Password(error) => internal(error),
    };
    failure.respond_to_admin(asker)
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
