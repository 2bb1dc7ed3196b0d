//! Prometheus metrics (text format 0.0.4).

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use actors::relay::RelayState;
use actors::runtime::KeeperState;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::admin::{challenged, problem};
use super::origin::Authorization;
use crate::admin::Problem;
use crate::app::{Services, telemetry};
use crate::failure::unavailable;

/// `GET /metrics`, on the admin listener: refusals have its form.
pub(crate) async fn metrics(
    services: web::Data<Services>,
    authorization: Authorization,
) -> HttpResponse {
    if !may_scrape(&services, &authorization) {
        let detail = "Send the name and the password of observability.metrics.basic_auth as \
                      Authorization: Basic.";
        let status = StatusCode::UNAUTHORIZED;
        let refused = Problem::new(status, "invalid_metrics_password", detail);
        return challenged(&refused, "Basic realm=\"metrics\"");
    }
    show_keepers(&services);
    show_relay(&services);
    let Some(recorder) = telemetry::metrics() else {
        return problem(&Problem::from(unavailable("there is no metrics recorder")));
    };
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(recorder.render())
}

fn may_scrape(services: &Services, authorization: &Authorization) -> bool {
    let Some(required) = &services.config.observability.metrics.basic_auth else { return true };
    let header = authorization.0.as_deref().unwrap_or_default();
    let (scheme, encoded) = header.split_once(' ').unwrap_or_default();
    let given = STANDARD.decode(encoded).unwrap_or_default();
    let expected = format!("{}:{}", required.username, required.password.expose());
    // Keyed hashes of equal length compare in constant time whatever was sent.
    let key = &services.secrets.admin;
    scheme.eq_ignore_ascii_case("Basic") && key.verify(&given, &key.hash(expected.as_bytes()))
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

fn show_relay(services: &Services) {
    if let Some(relay) = &services.keepers.relay {
        let up = if relay.status().state == RelayState::Down { 0.0 } else { 1.0 };
        metrics::gauge!("authserver_relay_up").set(up);
    }
}
