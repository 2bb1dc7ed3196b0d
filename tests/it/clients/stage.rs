//! What a journey finds: a server set up with the command line, and an MCP server that trusts it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::kit::Backend;
use crate::kit::leash::Leashed;
use crate::kit::process::{Installation, ServerProcess, free_port};

/// The person.
pub(super) const EMAIL: &str = "ada@example.com";
/// And what they sign in with.
pub(super) const PASSWORD: &str = "correct horse battery";
/// How long the MCP server may take to import its libraries and fetch our metadata.
const PATIENCE: Duration = Duration::from_secs(60);
/// The grant of who exchanges tokens.
pub(super) const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// What `tests/clients/setup` makes.
const MADE_BY_SETUP: [&str; 6] = [
    ".venv/bin/python",
    "node_modules/.package-lock.json",
    "node_modules/.bin/node",
    "build/typescript/journey.js",
    "build/strict/journey.js",
    "rust/target/debug/rust-client",
];

/// What differs between stages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scenery {
    /// The host in the issuer.
    pub(super) host: &'static str,
    /// Whether the MCP server asks us about every token, or checks signatures only.
    pub(super) introspects: bool,
    /// Whether the MCP server's metadata lists its scopes.
    pub(super) advertises_scopes: bool,
}

/// Everything that runs during journeys.
#[derive(Debug)]
pub(super) struct Stage {
    installation: Installation,
    server: ServerProcess,
    mcp_servers: Vec<Leashed>,
    environment: Environment,
}

/// What a program of `tests/clients` is told.
pub(super) type Environment = Vec<(&'static str, String)>;

/// `tests/clients`, which has to be set up. These tests fail without, they are never skipped.
pub(super) fn clients() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let missing: Vec<&str> =
        MADE_BY_SETUP.into_iter().filter(|path| !folder.join(path).exists()).collect();
    assert!(
        missing.is_empty(),
        "the third-party clients are not set up: tests/clients lacks {}. Run `bin/test`, which \
         installs what the tests need, or `tests/clients/setup`",
        missing.join(", ")
    );
    folder
}

impl Stage {
    /// Sets the server up and starts it, then the MCP server.
    pub(super) async fn set(backend: Backend, scenery: Scenery) -> Stage {
        clients();
        // Only a client that sends proofs notices.
        let nonces = ("AUTHPLANE_DPOP_REQUIRE_NONCE", "true");
        let installation =
            Installation::new(backend).await.called(scenery.host).with(nonces.0, nonces.1);
        let resource = format!("http://127.0.0.1:{}/mcp", free_port());
        let (id, secret) = set_up(&installation, &resource).await;
        let server = installation.start().await;
        let environment = vec![
            ("ISSUER", installation.issuer().to_owned()),
            ("RESOURCE_URL", resource),
            ("USER_EMAIL", EMAIL.to_owned()),
            ("USER_PASSWORD", PASSWORD.to_owned()),
            ("INTROSPECTION_CLIENT_ID", id),
            ("INTROSPECTION_CLIENT_SECRET", secret),
            ("SERVER_INTROSPECTS", switch(scenery.introspects)),
            ("ADVERTISE_SCOPES", switch(scenery.advertises_scopes)),
        ];
        let mcp_server = environment.clone();
        Stage::open(installation, server, environment, vec![mcp_server]).await
    }

    /// Starts an MCP server with each of these environments, beside a server that is set up.
    pub(super) async fn open(
        installation: Installation,
        server: ServerProcess,
        environment: Environment,
        mcp_servers: Vec<Environment>,
    ) -> Stage {
        let folder = installation.folder();
        let start = |(number, its)| start_mcp_server(&format!("mcp-server-{number}"), its, folder);
        let mut mcp_servers: Vec<Leashed> = mcp_servers.iter().enumerate().map(start).collect();
        for mcp_server in &mut mcp_servers {
            mcp_server.until(PATIENCE, listens).await;
        }
        Stage { installation, server, mcp_servers, environment }
    }

    /// A program of `tests/clients` that plays on this stage; its output goes to `name.out`.
    pub(super) fn run(&self, name: &str, program: &[&str], more: &[(&str, &str)]) -> Leashed {
        let mut command = program_of(&clients(), program, &self.environment);
        command.envs(more.iter().copied()).stdin(Stdio::null());
        Leashed::start(name, command, self.installation.folder())
    }

    /// Stops everything; the server has to end well.
    pub(super) async fn clear(mut self) {
        for mcp_server in &mut self.mcp_servers {
            drop(mcp_server.input());
        }
        for mcp_server in &mut self.mcp_servers {
            let status = mcp_server.end_within(PATIENCE).await;
            assert!(status.success(), "{status}\n{}", mcp_server.tail());
        }
        self.server.stop().await;
    }

    /// What the servers said last, for the message of a failure.
    pub(super) fn tail(&self) -> String {
        let mut text: String = self.mcp_servers.iter().map(Leashed::tail).collect();
        write!(text, "{}", self.server.tail()).unwrap();
        text
    }
}

/// Registers what the README of `tests/clients` asks for; the runtime client's id and secret.
async fn set_up(installation: &Installation, resource: &str) -> (String, String) {
    let create = ["resource", "create", "--slug", "tools", "--uri", resource];
    let scopes = ["--scopes", "tools:read||Look around", "--scopes", "tools:write||Change things"];
    installation.admin(&[&create[..], &scopes].concat(), "").await;
    let user = ["user", "create", "--email", EMAIL, "--password-stdin"];
    installation.admin(&user, PASSWORD).await;
    let create = ["client", "create", "--name", "The MCP server", "--scope", "tools:read"];
    let grants = format!("client_credentials,{EXCHANGE}");
    let grants = ["--grant-types", &grants];
    let client = installation.admin_json(&[&create[..], &grants].concat()).await;
    let member = |name: &str| client[name].as_str().unwrap().to_owned();
    let (id, secret) = (member("client_id"), member("client_secret"));
    installation.admin(&["resource", "runtime-client", "add", "tools", &id], "").await;
    (id, secret)
}

/// How a switch is set in an environment.
pub(super) fn switch(on: bool) -> String {
    if on { "1" } else { "0" }.to_owned()
}

fn start_mcp_server(name: &str, environment: &Environment, folder: &Path) -> Leashed {
    let program = [".venv/bin/python", "mcp_server/server.py", "--until-stdin-closes"];
    let mut command = program_of(&clients(), &program, environment);
    command.stdin(Stdio::piped());
    Leashed::start(name, command, folder)
}

/// Whether an MCP server has said so.
async fn listens(server: &Leashed) -> Option<()> {
    server.out().contains("\"ready\": true").then_some(())
}

/// A program by its path below `tests/clients`, or by its name when it has no path.
pub(super) fn program_of(
    clients: &Path,
    program: &[&str],
    environment: &[(&str, String)],
) -> Command {
    let (first, arguments) = program.split_first().unwrap();
    let mut command = match first.contains('/') {
        true => Command::new(clients.join(first)),
        false => Command::new(first),
    };
    command.args(arguments).current_dir(clients);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command
}
