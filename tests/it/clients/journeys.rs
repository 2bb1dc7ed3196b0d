//! Who goes where. A stage is shared by the journeys on it, which come as strangers to the server:
//! each registers a client of its own and signs in afresh.

use futures::future::join_all;

use super::journey::{Sdk, travel};
use super::stage::{Scenery, Stage};
use crate::kit::{Backend, on_both_databases};

const EVERY_SCENARIO: &[(Sdk, &str)] = &[
    (Sdk::TypeScript, "full"),
    (Sdk::Python, "full"),
    (Sdk::TypeScript, "untick"),
    (Sdk::Python, "untick"),
    (Sdk::TypeScript, "deny"),
    (Sdk::Python, "deny"),
    (Sdk::TypeScript, "replay"),
    (Sdk::Python, "replay"),
    // The Python SDK sends the redirect URI it registered and no other.
    (Sdk::TypeScript, "portless"),
];

const BOTH_FULL: &[(Sdk, &str)] = &[(Sdk::TypeScript, "full"), (Sdk::Python, "full")];

/// Clients that judge what they are told.
const EVERY_JUDGE: &[(Sdk, &str)] = &[
    (Sdk::Strict, "full"),
    (Sdk::Strict, "dpop"),
    (Sdk::Rust, "full"),
    (Sdk::Conformance, "full"),
];

/// Runs the journeys side by side and tells of all that failed.
async fn all_arrive(backend: Backend, scenery: Scenery, journeys: &[(Sdk, &str)]) {
    let stage = Stage::set(backend, scenery).await;
    let travels = journeys.iter().map(|(sdk, scenario)| travel(&stage, *sdk, scenario));
    let failures: Vec<String> =
        join_all(travels).await.into_iter().filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{} failed\n{}", failures.len(), failures.join("\n\n"));
    stage.clear().await;
}

on_both_databases! {
    async fn stock_clients_get_in_are_turned_away_and_are_found_out(backend: Backend) {
        let scenery =
            Scenery { host: "127.0.0.1", introspects: false, advertises_scopes: false };
        all_arrive(backend, scenery, EVERY_SCENARIO).await;
    }

    async fn a_strict_client_the_rust_sdk_and_the_conformance_runner_find_nothing_wrong(
        backend: Backend
    ) {
        let scenery = Scenery { host: "localhost", introspects: false, advertises_scopes: false };
        all_arrive(backend, scenery, EVERY_JUDGE).await;
    }

    async fn inspector_lists_the_tools_and_its_page_may_read_us_but_not_our_pages(
        backend: Backend
    ) {
        let scenery = Scenery { host: "127.0.0.1", introspects: false, advertises_scopes: false };
        all_arrive(backend, scenery, &[(Sdk::Inspector, "full")]).await;
    }

    async fn a_revocation_shows_at_once_at_a_server_that_introspects(backend: Backend) {
        let scenery = Scenery { host: "localhost", introspects: true, advertises_scopes: false };
        all_arrive(backend, scenery, BOTH_FULL).await;
    }

    async fn clients_ask_for_the_scopes_that_a_server_advertises(backend: Backend) {
        let scenery = Scenery { host: "127.0.0.1", introspects: true, advertises_scopes: true };
        all_arrive(backend, scenery, BOTH_FULL).await;
    }
}
