//! Agents that ask agents, seen from outside: several MCP servers under the published SDK, each a client
//! that exchanges the token it was asked with for one to ask the next with (`python/delegation.py`).

use std::time::Duration;

use serde_json::{Value, json};

use super::journey::{Sdk, travel};
use super::stage::{EMAIL, EXCHANGE, Environment, PASSWORD, Stage, clients, switch};
use crate::kit::process::{Installation, free_port};
use crate::kit::{Backend, on_both_databases};

const ADMIN_KEY: &str = "an-admin-key-for-whoever-delegates";
/// How long exchanged tokens are good: time enough to come with one after it was revoked, and not too
/// long to wait for its end.
const TOKEN_LIFE: Duration = Duration::from_secs(12);

/// An MCP server that is to be, and the client that it is.
#[derive(Debug, Clone, Copy)]
struct Role {
    slug: &'static str,
    name: &'static str,
    scopes: &'static [&'static str],
    introspects: bool,
}

/// Each has a scope more or less than the one before it.
const CHAIN: [Role; 3] = [
    Role {
        slug: "orchestrator",
        name: "The orchestrator",
        scopes: &["tools:read", "tools:write"],
        introspects: true,
    },
    Role {
        slug: "planner",
        name: "The planner",
        scopes: &["tools:read", "tools:write", "tools:admin"],
        introspects: false,
    },
    Role {
        slug: "executor",
        name: "The executor",
        scopes: &["tools:read", "tools:admin"],
        introspects: true,
    },
];

/// They have no scope in common.
const FRONTED: [Role; 2] = [
    Role {
        slug: "gateway",
        name: "The gateway",
        scopes: &["tools:read", "tools:write"],
        introspects: true,
    },
    Role {
        slug: "files",
        name: "The files",
        scopes: &["files:list", "files:put"],
        introspects: true,
    },
];

/// An MCP server that is registered.
#[derive(Debug)]
struct Hop {
    role: Role,
    url: String,
    client: (String, String),
}

/// Registers a client; its id and its secret.
async fn register(installation: &Installation, options: &[&str]) -> (String, String) {
    let client = installation.admin_json(&[&["client", "create"], options].concat()).await;
    let member = |name: &str| client[name].as_str().unwrap().to_owned();
    (member("client_id"), member("client_secret"))
}

/// Registers a resource, and the agent that acts as it.
async fn hop(installation: &Installation, role: Role) -> Hop {
    let url = format!("http://127.0.0.1:{}/mcp", free_port());
    let mut create = vec!["resource", "create", "--slug", role.slug, "--uri", &url];
    create.extend(role.scopes.iter().flat_map(|scope| ["--scopes", *scope]));
    installation.admin(&create, "").await;
    // Agents that only act for others.
    let agent = ["--agent", "--name", role.name, "--grant-types", EXCHANGE];
    let client = register(installation, &agent).await;
    let add = ["resource", "runtime-client", "add", role.slug, &client.0];
    installation.admin(&add, "").await;
    Hop { role, url, client }
}

/// What the MCP server of a hop is told.
fn environment_of(hop: &Hop, next: Option<&Hop>, issuer: &str) -> Environment {
    vec![
        ("ISSUER", issuer.to_owned()),
        ("RESOURCE_URL", hop.url.clone()),
        ("SCOPES", hop.role.scopes.join(" ")),
        ("INTROSPECTION_CLIENT_ID", hop.client.0.clone()),
        ("INTROSPECTION_CLIENT_SECRET", hop.client.1.clone()),
        ("SERVER_INTROSPECTS", switch(hop.role.introspects)),
        ("AGENT", switch(true)),
        ("NEXT_SERVER", next.map(|next| next.url.clone()).unwrap_or_default()),
    ]
}

/// What a journey is told of a hop.
fn told(hop: &Hop) -> Value {
    json!({
        "slug": hop.role.slug,
        "url": hop.url,
        "client_id": hop.client.0,
        "client_name": hop.role.name,
    })
}

/// A server and MCP servers, each of which asks the next.
async fn stage(backend: Backend, roles: &[Role]) -> Stage {
    clients();
    let life = format!("{}s", TOKEN_LIFE.as_secs());
    let installation = Installation::new(backend)
        .await
        .with("AUTHPLANE_ADMIN_API_KEY", ADMIN_KEY)
        .with("AUTHPLANE_TOKEN_EXCHANGE_TOKEN_EXPIRY", &life);
    let mut hops = Vec::new();
    for role in roles {
        hops.push(hop(&installation, *role).await);
    }
    let user = ["user", "create", "--email", EMAIL, "--password-stdin"];
    installation.admin(&user, PASSWORD).await;
    let machine = ["--name", "A machine", "--grant-types", "client_credentials"];
    let machine = [&machine[..], &["--scope", "tools:read"]].concat();
    let machine = register(&installation, &machine).await;
    let scene = json!({
        "admin_url": installation.admin_url(""),
        "admin_key": ADMIN_KEY,
        "machine": [machine.0, machine.1],
        "hops": hops.iter().map(told).collect::<Vec<_>>(),
    });
    let issuer = installation.issuer();
    let mcp_servers = hops
        .iter()
        .enumerate()
        .map(|(at, hop)| environment_of(hop, hops.get(at + 1), issuer))
        .collect();
    let environment = vec![
        ("ISSUER", issuer.to_owned()),
        ("RESOURCE_URL", hops[0].url.clone()),
        ("SCOPES", hops[0].role.scopes.join(" ")),
        ("USER_EMAIL", EMAIL.to_owned()),
        ("USER_PASSWORD", PASSWORD.to_owned()),
        ("INTROSPECTION_CLIENT_ID", hops[0].client.0.clone()),
        ("INTROSPECTION_CLIENT_SECRET", hops[0].client.1.clone()),
        ("DELEGATION", scene.to_string()),
    ];
    let server = installation.start().await;
    Stage::open(installation, server, environment, mcp_servers).await
}

async fn arrives(backend: Backend, roles: &[Role], scenario: &str) {
    let stage = stage(backend, roles).await;
    travel(&stage, Sdk::Python, scenario).await.unwrap_or_else(|why| panic!("{why}"));
    stage.clear().await;
}

on_both_databases! {
    /// An orchestrator, a planner that checks signatures only, and an executor: for a machine, and for a
    /// person who agrees to each hop, until an operator cuts it off at the root.
    async fn three_agents_act_one_for_the_other_until_the_root_is_cut(backend: Backend) {
        arrives(backend, &CHAIN, "delegation").await;
    }

    /// The link maps scopes and stands in for the person's consent.
    async fn a_gateway_reaches_files_by_a_link_and_only_while_there_is_one(backend: Backend) {
        arrives(backend, &FRONTED, "gateway").await;
    }
}
