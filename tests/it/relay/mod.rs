//! What one server changes the others hear of, and what they do while they hear nothing.
//!
//! In these stories time stands still, so nobody looks for changes by the clock, and a server
//! that lost its connection stays without one until the story moves the time.

mod deaf;
mod figures;
mod half_open;
mod heard;
mod restarted;
mod unseen_key;

use std::time::{Duration, Instant};

use actors::audit::Origin;
use actors::catalog::{ListChange, PolicyList};
use actors::relay::{RelayState, RelayStatus};
use authserver::administration::{client, resource, settings};
use protocol::client::ClientStatus;
use serde_json::json;

use crate::kit::stage::RESOURCE;
use crate::kit::{Answer, Backend, Server, TokenClient};

/// How long a busy machine may take for what should take milliseconds.
const SOON: Duration = Duration::from_secs(15);

/// Anybody may register, agents are listed, and no number of refusals locks a client out.
const SETTINGS: [(&str, &str); 3] = [
    ("AUTHPLANE_DCR_MODE", "open"),
    ("AUTHPLANE_AGENTS_ENABLE_JWKS_LISTING", "true"),
    ("AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", "0"),
];

/// A server on PostgreSQL.
async fn server() -> Server {
    Server::start_with(Backend::Postgres, &SETTINGS).await
}

/// Waits for something to be so.
async fn soon(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < SOON, "not so: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn relay(server: &Server) -> RelayStatus {
    RelayStatus::clone(&server.services.keepers.relay.as_ref().expect("a server listens").status())
}

/// Waits until the server goes by its memory, which is as new as what it heard.
async fn listens(server: &Server) {
    let catalog = &server.services.keepers.catalog;
    soon("it listens", async || catalog.is_trusted()).await;
    assert_ne!(relay(server).state, RelayState::Down);
}

/// Waits until the server knows that it hears nothing.
async fn is_deaf(server: &Server) {
    soon("it is deaf", async || relay(server).state == RelayState::Down).await;
    assert!(!server.services.keepers.catalog.is_trusted());
}

/// Ends the connections on which the servers of this database listen.
async fn cut_the_wires(server: &Server) {
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND application_name = 'authserver relay'";
    assert!(server.execute(cut).await > 0);
}

async fn set_status(server: &Server, id: &str, status: ClientStatus) {
    client::set_status(&server.desk(&Origin::local()), id, status).await.unwrap();
}

async fn close_registration(server: &Server) {
    let config = &server.services.config;
    settings::set(&server.desk(&Origin::local()), &config.dcr, Some("admin_only")).await.unwrap();
}

async fn no_longer_acts_for_mcp(server: &Server, client: &TokenClient) {
    let origin = Origin::local();
    let (desk, list) = (server.desk(&origin), PolicyList::RuntimeClients);
    resource::policy::change(&desk, "mcp", list, &client.id, ListChange::Remove).await.unwrap();
}

async fn register(server: &Server) -> Answer {
    let document =
        json!({ "client_name": "A stranger", "redirect_uris": ["https://a.example/cb"] });
    let asked = reqwest::Client::new().post(server.url("/oauth/register")).json(&document);
    Answer::of(asked.send().await.unwrap()).await
}

/// A token for a machine itself, at this resource.
async fn own_token(server: &Server, robot: &TokenClient, resource: &str) -> Answer {
    let form = [("grant_type", "client_credentials"), ("resource", resource), ("scope", "read")];
    robot.token(server, &form).await
}

/// Whether the server lets the client in at all.
async fn lets_in(server: &Server, client: &TokenClient) -> bool {
    let answer = client.post(server, "/oauth/introspect", &[("token", "none")]).await;
    assert!([200, 401].contains(&answer.status), "{answer:?}");
    answer.status == 200
}

/// The last part of `RESOURCE` renamed, so that a resource of another name is another one.
fn another_resource(name: &str) -> String {
    RESOURCE.replace("mcp.example", name)
}
