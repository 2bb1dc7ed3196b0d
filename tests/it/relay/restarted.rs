//! The keeper itself dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actors::runtime::{Random, SystemRandom};
use protocol::client::ClientStatus;

use super::{RelayState, cut_the_wires, lets_in, listens, relay, set_status, soon};
use crate::kit::TokenClient;
use crate::kit::stage::machine;

/// Randomness that is out of order once, when two bytes of it are wanted: only the relay
/// wants so few, for the pause before it connects again.
#[derive(Debug, Default)]
struct OutOfOrder(AtomicBool);

impl Random for OutOfOrder {
    fn fill(&self, bytes: &mut [u8]) {
        assert!(bytes.len() != 2 || !self.0.swap(false, Ordering::SeqCst), "out of order");
        SystemRandom.fill(bytes);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_dies_is_built_again_and_nothing_is_missed() {
    let server = super::server().await;
    let robot = TokenClient::of(&server.client(machine("read")).await);
    let random = Arc::new(OutOfOrder::default());
    let replica = server.replica_by_chance(&[], Arc::clone(&random) as Arc<dyn Random>).await;
    listens(&replica).await;
    assert!(lets_in(&replica, &robot).await);

    random.0.store(true, Ordering::SeqCst);
    cut_the_wires(&server).await;
    let restarts = || {
        let keepers = replica.services.household.health();
        keepers.into_iter().find(|it| it.keeper == "relay").unwrap().restarts
    };
    soon("it died", async || restarts() == 1).await;
    set_status(&server, &robot.id, ClientStatus::Suspended).await;
    assert!(!lets_in(&replica, &robot).await, "whether it listens again or not");

    listens(&replica).await;
    assert_eq!(relay(&replica).state, RelayState::Up);
    set_status(&server, &robot.id, ClientStatus::Active).await;
    soon("heard by the new one", async || lets_in(&replica, &robot).await).await;
    listens(&replica).await;
    set_status(&server, &robot.id, ClientStatus::Suspended).await;
    soon("heard by the new one", async || !lets_in(&replica, &robot).await).await;
    server.until_audited("keeper.restarted", &["relay"], 1).await;
    replica.stop().await;
    server.stop().await;
}
