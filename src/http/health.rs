//! Is the process up, can it serve, and how is every keeper?

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use actors::runtime::{KeeperHealth, KeeperState};
use chrono::SecondsFormat;
use serde::Serialize;

use crate::app::Services;

#[derive(Serialize)]
struct Report {
    status: &'static str,
    time: String,
    db: &'static str,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    keepers: Option<Vec<KeeperHealth>>,
}

/// `GET /livez`: the process answers. Touches nothing else, so that a database that is
/// down does not get the server restarted.
pub(crate) async fn livez() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(serde_json::json!({ "status": "ok" }))
}

/// `GET /ready`: send requests here, or do not.
pub(crate) async fn ready(services: web::Data<Services>) -> HttpResponse {
    report(&services, false).await
}

/// `GET /health`: the same, with every keeper's state.
pub(crate) async fn health(services: web::Data<Services>) -> HttpResponse {
    report(&services, true).await
}

async fn report(services: &Services, with_keepers: bool) -> HttpResponse {
    let reachable = services.store.ping().await.is_ok();
    let mut keepers = services.household.health();
    // Anybody may ask here. What went wrong inside is for operators: /admin/system/status.
    keepers.iter_mut().for_each(|keeper| keeper.last_error = None);
    let stopping = services.is_stopping();
    let failed = keepers.iter().any(|keeper| keeper.state == KeeperState::Failed);
    let status = match (stopping, reachable, failed) {
        (true, _, _) => "stopping",
        (_, false, _) => "store_unreachable",
        (_, _, true) => "keeper_failed",
        _ => "ok",
    };
    let serving = status == "ok";
    let code = if serving { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut answer = HttpResponse::build(code);
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    if !serving {
        answer.insert_header((header::RETRY_AFTER, "2"));
    }
    answer.json(Report {
        status,
        time: services.environment.now().to_rfc3339_opts(SecondsFormat::Millis, true),
        db: if reachable { "ok" } else { "unreachable" },
        version: env!("CARGO_PKG_VERSION"),
        keepers: with_keepers.then_some(keepers),
    })
}
