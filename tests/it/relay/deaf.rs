//! While a server hears nothing it goes by the database, from the very next request on.

use protocol::client::ClientStatus;

use super::{
    RelayState, another_resource, close_registration, cut_the_wires, is_deaf, lets_in, listens,
    no_longer_acts_for_mcp, own_token, register, relay, set_status,
};
use crate::kit::browser::AuthorizationRequest;
use crate::kit::stage::{REDIRECT, RESOURCE, Stage, machine};
use crate::kit::{Browser, TokenClient};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_unheard_holds_at_once_and_is_loaded_when_it_listens_again() {
    let server = super::server().await;
    let stage = Stage::set(&server).await;
    let robot = TokenClient::of(&server.client(machine("read")).await);
    let replica = server.replica().await;
    listens(&replica).await;
    let access = stage.tokens(&replica).await.access;
    assert!(stage.active(&replica, &access).await && lets_in(&replica, &robot).await);
    assert_eq!(own_token(&replica, &robot, RESOURCE).await.status, 200);

    cut_the_wires(&server).await;
    is_deaf(&server).await;
    is_deaf(&replica).await;
    assert_eq!(replica.get("/ready").await.status, 200, "it serves all the same");
    let shown = replica.admin_get("/admin/system/status").await.json();
    assert_eq!(shown["relay"]["state"], "down", "{shown}");
    assert!(shown["relay"]["last_error"].is_string(), "{shown}");

    for _ in 0..5 {
        set_status(&server, &robot.id, ClientStatus::Suspended).await;
        assert!(!lets_in(&replica, &robot).await, "on the very next request");
        set_status(&server, &robot.id, ClientStatus::Active).await;
        assert!(lets_in(&replica, &robot).await);
    }
    let uri = another_resource("unheard.example");
    server.resource("unheard", &uri, &["read*"]).await;
    assert_eq!(own_token(&replica, &robot, &uri).await.status, 200);
    let request = AuthorizationRequest {
        client_id: &stage.app.id,
        redirect_uri: REDIRECT,
        pkce: &stage.pkce,
        more: &[("resource", &uri), ("scope", "read")],
    };
    server.execute("UPDATE catalog_version SET version = version + 1").await;
    server.execute("DELETE FROM resources WHERE slug = 'unheard'").await;
    let asked = Browser::new().get(&replica, &request.path()).await;
    assert!(asked.header("location").contains("error=invalid_target"), "{asked:?}");
    no_longer_acts_for_mcp(&server, &stage.guard).await;
    assert!(!stage.active(&replica, &access).await);
    assert_eq!(register(&replica).await.status, 201);
    close_registration(&server).await;
    assert_ne!(register(&replica).await.status, 201);

    set_status(&server, &robot.id, ClientStatus::Suspended).await;
    server.wait(1);
    listens(&replica).await;
    assert!(!lets_in(&replica, &robot).await);
    let catalog = &replica.services.keepers.catalog;
    assert!(catalog.registration_mode().is_some(), "its memory is loaded anew");
    let status = relay(&replica);
    assert_eq!((status.state, status.reconnects), (RelayState::Up, 1), "{status:?}");
    listens(&server).await;
    set_status(&server, &robot.id, ClientStatus::Active).await;
    super::soon("heard again", async || lets_in(&replica, &robot).await).await;
    assert!(
        reqwest::get(replica.admin_url("/metrics"))
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
            .contains("authserver_relay_reconnects_total")
    );
    replica.stop().await;
    server.stop().await;
}

/// Nobody is let in because it cannot be known that they are out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_look_at_the_version_a_deaf_server_decides_nothing() {
    let server = super::server().await;
    let stage = Stage::set(&server).await;
    let robot = TokenClient::of(&server.client(machine("read")).await);
    assert!(lets_in(&server, &robot).await);
    cut_the_wires(&server).await;
    is_deaf(&server).await;
    server.execute("ALTER TABLE catalog_version RENAME TO away").await;

    for answer in [
        robot.post(&server, "/oauth/introspect", &[("token", "none")]).await,
        own_token(&server, &robot, RESOURCE).await,
        register(&server).await,
    ] {
        assert!([500, 503].contains(&answer.status), "{answer:?}");
    }
    for path in ["/livez", "/.well-known/jwks.json", "/.well-known/oauth-authorization-server"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    server.execute("ALTER TABLE away RENAME TO catalog_version").await;
    assert!(lets_in(&server, &robot).await);
    assert!(stage.active(&server, &stage.tokens(&server).await.access).await);
    server.stop().await;
}
