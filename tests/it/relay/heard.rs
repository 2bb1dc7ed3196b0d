//! What is committed at one server shows at the other, although no clock moves.

use authserver::administration::client::NewClient;
use entities::News;
use entities::news::announce;
use protocol::client::ClientStatus;

use super::{
    RelayState, another_resource, close_registration, lets_in, listens, no_longer_acts_for_mcp,
    own_token, register, relay, set_status, soon,
};
use crate::kit::jwt::Jwks;
use crate::kit::stage::{Stage, machine};
use crate::kit::{Backend, Server, TokenClient, on_both_databases};

/// Two servers on one PostgreSQL that hear of each other.
async fn two() -> (Server, Server, Stage) {
    let server = super::server().await;
    let stage = Stage::set(&server).await;
    let replica = server.replica().await;
    listens(&server).await;
    listens(&replica).await;
    (server, replica, stage)
}

async fn ends(server: Server, replica: Server) {
    for one in [&server, &replica] {
        let status = relay(one);
        assert_eq!((status.state, status.reconnects), (RelayState::Up, 0), "{status:?}");
    }
    replica.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_client_is_refused_at_the_other_server() {
    let (server, replica, _) = two().await;
    let robot = TokenClient::of(&server.client(machine("read")).await);
    for _ in 0..20 {
        assert!(lets_in(&replica, &robot).await);
        set_status(&server, &robot.id, ClientStatus::Suspended).await;
        soon("refused", async || !lets_in(&replica, &robot).await).await;
        listens(&replica).await;
        assert!(!lets_in(&replica, &robot).await);
        set_status(&server, &robot.id, ClientStatus::Active).await;
        soon("let in", async || lets_in(&replica, &robot).await).await;
    }
    ends(server, replica).await;
}

/// By what the other server has in memory, without a question to anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resources_policies_and_the_registration_mode_change_in_the_others_memory() {
    let (server, replica, stage) = two().await;
    let catalog = &replica.services.keepers.catalog;
    assert_eq!(register(&replica).await.status, 201);

    let uri = another_resource("new.example");
    server.resource("new", &uri, &["read*"]).await;
    soon("the resource", async || catalog.resources().by_slug("new").is_some()).await;
    let robot = TokenClient::of(&server.client(machine("read")).await);
    assert_eq!(own_token(&replica, &robot, &uri).await.status, 200);

    let acts = || {
        let resources = catalog.resources();
        let policy = &resources.by_slug("mcp").unwrap().policy;
        policy.runtime.client_ids.contains(&stage.guard.id)
    };
    assert!(acts());
    no_longer_acts_for_mcp(&server, &stage.guard).await;
    soon("the policy", async || !acts()).await;

    close_registration(&server).await;
    soon("the mode", async || catalog.registration_mode().is_some()).await;
    assert_ne!(register(&replica).await.status, 201);
    ends(server, replica).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_shows_in_the_others_list_and_goes_from_it() {
    let (server, replica, _) = two().await;
    let listed = async || {
        let document = replica.get("/.well-known/jwks.json").await.json();
        document["agents"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(listed().await, 0);
    let agent = NewClient { agent: true, ..machine("read") };
    let agent = server.client(agent).await.client;
    soon("the agent", async || listed().await == 1).await;
    set_status(&server, &agent.id, ClientStatus::Suspended).await;
    soon("it is gone", async || listed().await == 0).await;
    ends(server, replica).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_are_rotated_are_published_by_the_other_server() {
    let (server, replica, _) = two().await;
    let answer = server.admin_post("/admin/keys/rotate", &serde_json::json!({})).await;
    let new = answer.member("kid");
    soon("the key", async || Jwks::of(&replica).await.kids().contains(&new)).await;
    ends(server, replica).await;
}

/// Anybody who may use the database can announce what is not so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_so_costs_a_look_and_changes_nothing() {
    let (server, replica, stage) = two().await;
    let shown = replica.services.keepers.catalog.registered();
    for number in 0..300 {
        let says =
            [format!("catalog {}", 1_000_000 + number), "catalog x".repeat(800), "keys".into()];
        for say in says {
            server.execute(&format!("NOTIFY authserver, '{say}'")).await;
        }
    }
    let access = stage.tokens(&replica).await.access;
    assert!(stage.active(&replica, &access).await);
    listens(&replica).await;
    let now = replica.services.keepers.catalog.registered();
    assert_eq!(now.resources.iter().count(), shown.resources.iter().count());
    ends(server, replica).await;
}

on_both_databases! {
    /// What this very process changed otherwise than through the keeper of the catalog.
    async fn a_server_hears_of_what_it_changed_itself(server: Server) {
        listens(server).await;
        let robot = TokenClient::of(&server.client(machine("read")).await);
        assert!(lets_in(server, &robot).await);
        let sql = format!("UPDATE clients SET status = 'suspended' WHERE id = '{}'", robot.id);
        let changed = server.services.store.write(move |transaction| {
            Box::pin(async move {
                entities::catalog_version::advance(transaction).await?;
                use entities::ConnectionTrait as _;
                Ok(transaction.execute_unprepared(&sql).await?.rows_affected())
            })
        });
        assert_eq!(changed.await.unwrap(), 1);
        soon("refused", async || !lets_in(server, &robot).await).await;
        listens(server).await;
        let state = match server.backend() {
            Backend::Sqlite => RelayState::InProcess,
            Backend::Postgres => RelayState::Up,
        };
        assert_eq!(relay(server).state, state);
    }

    async fn operators_see_how_the_relay_is(server: Server) {
        listens(server).await;
        let store = &server.services.store;
        store.write(|it| Box::pin(announce(it, News::Keys))).await.unwrap();
        let status = server.admin_get("/admin/system/status").await.json()["relay"].clone();
        assert_eq!(status["reconnects"], 0, "{status}");
        assert!(status["since"].is_string() && status.get("last_error").is_none(), "{status}");
        match server.backend() {
            Backend::Sqlite => {
                assert_eq!(status["state"], "in_process");
                assert!(status.get("lag_ms").is_none(), "{status}");
            }
            Backend::Postgres => {
                assert_eq!(status["state"], "up");
                soon("a heartbeat", async || relay(server).lag.is_some()).await;
                let shown = server.admin_get("/admin/system/status").await.json();
                assert!(shown["relay"]["lag_ms"].as_f64().unwrap() > 0.0, "{shown}");
                let metrics = reqwest::get(server.admin_url("/metrics")).await.unwrap();
                let metrics = metrics.text().await.unwrap();
                assert!(metrics.contains("authserver_relay_lag_seconds_count"), "{metrics}");
            }
        }
        let health = server.get("/health").await.json();
        let keepers = health["keepers"].as_array().unwrap();
        assert!(keepers.iter().any(|it| it["keeper"] == "relay" && it["state"] == "up"), "{health}");
    }
}
