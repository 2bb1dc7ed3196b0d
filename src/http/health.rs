//! Is the process up, can it serve, and how is every keeper?

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use actors::runtime::{KeeperHealth, KeeperState};
use chrono::SecondsFormat;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::app::Services;

/// How long one look at the database is good for.
const FRESH: Duration = Duration::from_secs(1);

/// Whether the database answered, a moment ago. Anybody may ask as often as they like: the
/// database hears of it once in [`FRESH`], and those who ask meanwhile wait for its answer.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<Option<(Instant, bool)>>);

impl Pulse {
    async fn reachable<F: Future<Output = bool>>(&self, ping: impl FnOnce() -> F) -> bool {
        let mut felt = self.0.lock().await;
        if let Some((at, reachable)) = *felt
            && at.elapsed() < FRESH
        {
            return reachable;
        }
        let reachable = ping().await;
        *felt = Some((Instant::now(), reachable));
        reachable
    }
}

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
    let ping = || async { services.store.ping().await.is_ok() };
    let reachable = services.pulse.reachable(ping).await;
    let keepers = services.household.health();
    let failed = keepers.iter().any(|keeper| keeper.state == KeeperState::Failed);
    let now = services.environment.now();
    let status = match () {
        () if services.is_stopping() => "stopping",
        () if !reachable => "store_unreachable",
        () if failed => "keeper_failed",
        () if services.keepers.key_ring.is_stale(now) => "keys_stale",
        () if services.keepers.secret_ring.is_stale(now) => "secrets_stale",
        () => "ok",
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
        keepers: with_keepers.then(|| keepers.into_iter().map(for_anybody).collect()),
    })
}

/// What went wrong inside, and when somebody last signed in or was given a token, is for
/// operators, who ask `/admin/system/status`.
fn for_anybody(keeper: KeeperHealth) -> KeeperHealth {
    KeeperHealth { last_success: None, last_error: None, ..keeper }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use actors::runtime::{Environment, Mishap};
    use futures::future::join_all;

    use super::*;

    #[tokio::test]
    async fn however_many_ask_the_database_hears_of_it_once_a_second() {
        let (pulse, pings) = (Pulse::default(), Cell::new(0));
        let count = |answer| {
            let (pulse, pings) = (&pulse, &pings);
            async move {
                let ping = || async {
                    pings.set(pings.get() + 1);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    answer
                };
                pulse.reachable(ping).await
            }
        };
        let answers = join_all((0..100).map(|_| count(true))).await;
        assert!(answers.into_iter().all(|it| it));
        assert!(count(false).await, "that was a moment ago");
        assert_eq!(pings.get(), 1);

        tokio::time::sleep(FRESH).await;
        assert!(!count(false).await, "it shows within a second");
        assert_eq!(pings.get(), 2);
    }

    #[test]
    fn anybody_learns_that_a_keeper_died_and_neither_why_nor_what_it_did() {
        let now = Environment::system().now();
        let died = KeeperHealth {
            keeper: "consent".to_owned(),
            state: KeeperState::Restarting,
            mailbox_depth: 0,
            mailbox_capacity: 1,
            restarts: 1,
            last_success: Some(now),
            last_error: Some(Mishap { what: "db.internal refused".to_owned(), at: now }),
        };
        let shown = serde_json::to_value(for_anybody(died)).unwrap();
        assert_eq!(shown["restarts"], 1);
        for inside in ["last_error", "last_success"] {
            assert!(shown.get(inside).is_none(), "{shown}");
        }
    }
}
