//! The admin surface. Every route but `/livez` and the metrics asks for the admin key.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use actors::keys::schedule::Entry;
use actors::keys::{ListKeys, RotateError, RotateKeys};
use actors::runtime::KeeperState;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::origin::{Asker, Authorization};
use crate::app::{Services, telemetry};
use crate::failure::{Failure, internal};

/// The identity in the audit log of whoever has the configured key.
const ROOT: &str = "admin:root";

/// Lets `authorization` in, or answers why not.
fn admit(services: &Services, authorization: &Authorization) -> Result<(), HttpResponse> {
    let key = authorization.0.as_deref().and_then(|header| {
        let (scheme, key) = header.split_once(' ')?;
        scheme.eq_ignore_ascii_case("Bearer").then_some(key)
    });
    if key.is_some_and(|key| services.admin.admits(key)) {
        return Ok(());
    }
    metrics::counter!("authserver_auth_denied_total", "reason" => "invalid_admin_key").increment(1);
    Err(problem(401, "invalid_admin_key", "Send the admin key as Authorization: Bearer <key>."))
}

fn problem(status: u16, error: &str, detail: &str) -> HttpResponse {
    let code = actix_web::http::StatusCode::from_u16(status)
        .unwrap_or(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = HttpResponse::build(code);
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    if status == 401 {
        answer.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"admin\""));
    }
    answer.content_type("application/problem+json").json(serde_json::json!({
        "error": error,
        "error_description": detail,
        "type": format!("https://authplane.dev/errors/{error}"),
        "title": code.canonical_reason().unwrap_or_default(),
        "detail": detail,
        "status": status,
    }))
}

fn json(body: impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(body)
}

/// `POST /admin/auth/verify`
pub(crate) async fn verify(
    services: web::Data<Services>,
    authorization: Authorization,
) -> HttpResponse {
    match admit(&services, &authorization) {
        Ok(()) => json(serde_json::json!({
            "valid": true,
            "version": env!("CARGO_PKG_VERSION"),
        })),
        Err(refused) => refused,
    }
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
    authorization: Authorization,
) -> HttpResponse {
    if let Err(refused) = admit(&services, &authorization) {
        return refused;
    }
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
    authorization: Authorization,
    body: web::Bytes,
) -> HttpResponse {
    if let Err(refused) = admit(&services, &authorization) {
        return refused;
    }
    let rotation: Rotation = match body.is_empty() {
        true => Rotation::default(),
        false => match serde_json::from_slice(&body) {
            Ok(rotation) => rotation,
            Err(error) => return problem(400, "invalid_request", &error.to_string()),
        },
    };
    let Rotation { emergency, drop_old } = rotation;
    let order = RotateKeys { emergency, drop_old, admin: ROOT.to_owned(), origin: asker.0.clone() };
    match services.keepers.keys.ask(order).await {
        Ok(Ok(entry)) => json(KeyView::from(&entry)),
        Ok(Err(RotateError::Files(error @ actors::keys::KeyFileError::RotationUnderWay(_)))) => {
            problem(409, "rotation_under_way", &error.to_string())
        }
        Ok(Err(RotateError::Files(error))) => internal(error).respond_to_admin(&asker),
        Ok(Err(RotateError::Store(error))) => Failure::from(error).respond_to_admin(&asker),
        Err(error) => Failure::from(error).respond_to_admin(&asker),
    }
}

/// `GET /admin/system/status`
pub(crate) async fn status(
    services: web::Data<Services>,
    authorization: Authorization,
) -> HttpResponse {
    if let Err(refused) = admit(&services, &authorization) {
        return refused;
    }
    let reachable = services.store.ping().await.is_ok();
    json(serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "issuer": services.issuer(),
        "store": { "driver": format!("{:?}", services.store.backend()), "reachable": reachable },
        "keepers": services.household.health(),
    }))
}

/// `GET /metrics`
pub(crate) async fn metrics(
    services: web::Data<Services>,
    authorization: Authorization,
) -> HttpResponse {
    if !may_scrape(&services, &authorization) {
        return HttpResponse::Unauthorized()
            .insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"metrics\""))
            .finish();
    }
    show_keepers(&services);
    let Some(recorder) = telemetry::metrics() else {
        return HttpResponse::ServiceUnavailable().finish();
    };
    recorder.run_upkeep();
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(recorder.render())
}

fn may_scrape(services: &Services, authorization: &Authorization) -> bool {
    let Some(required) = &services.config.observability.metrics.basic_auth else { return true };
    let header = authorization.0.as_deref().unwrap_or_default();
    let encoded = header.strip_prefix("Basic ").unwrap_or_default();
    let given = STANDARD.decode(encoded).unwrap_or_default();
    let expected = format!("{}:{}", required.username, required.password.expose());
    // Keyed hashes of equal length compare in constant time whatever was sent.
    let key = &services.secrets.csrf;
    key.verify(&given, &key.hash(expected.as_bytes()))
}

/// Gauges that are read when somebody looks, not kept up to date for nobody.
fn show_keepers(services: &Services) {
    for keeper in services.household.health() {
        let up = if keeper.state == KeeperState::Up { 1.0 } else { 0.0 };
        let depth = u32::try_from(keeper.mailbox_depth).unwrap_or(u32::MAX);
        metrics::gauge!("authserver_keeper_up", "keeper" => keeper.keeper.clone()).set(up);
        metrics::gauge!("authserver_keeper_mailbox_depth", "keeper" => keeper.keeper)
            .set(f64::from(depth));
    }
}

/// Nothing is here.
pub(crate) async fn not_found() -> HttpResponse {
    problem(404, "not_found", "The admin API has no such route.")
}
