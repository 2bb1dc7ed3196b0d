//! A real server process: the program as it is shipped, with a database, a clock and signals of its
//! own. An [`Installation`] is what survives a restart; a [`ServerProcess`] is one run of it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::Duration;

use entities::{Store, StoreOptions};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;
use tokio::runtime::Handle;
use url::Url;

use super::Backend;
use super::leash::Leashed;
use super::postgres::PrivateCluster;

const PROGRAM: &str = env!("CARGO_BIN_EXE_authserver");
/// How long a server may take to come up or a command to end, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// `server.shutdown_wait` when nobody sets it.
pub(crate) const SHUTDOWN_WAIT: Duration = Duration::from_secs(10);

/// A folder, a database, settings and two ports.
#[derive(Debug, Clone)]
pub(crate) struct Installation {
    folder: Arc<TempDir>,
    settings: BTreeMap<String, String>,
    port: u16,
    admin_port: u16,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Installation {
    /// An empty database and a folder for keys.
    pub(crate) async fn new(backend: Backend) -> Installation {
        let mut new = Installation::bare();
        new.settings.extend(backend.settings(&new.folder).await);
        let keys = new.folder.path().join("keys");
        new.called("127.0.0.1").with("AUTHPLANE_SIGNING_KEY_PATH", keys.to_str().unwrap())
    }

    /// An empty folder, and no settings but addresses.
    pub(crate) fn bare() -> Installation {
        let folder = Arc::new(TempDir::new().unwrap());
        let new = Installation { folder, settings: BTreeMap::new(), port: 0, admin_port: 0 };
        // Every client of a test comes from the same address.
        new.elsewhere()
            .with("AUTHPLANE_RATE_LIMIT_RPS", "100000")
            .with("AUTHPLANE_RATE_LIMIT_BURST", "100000")
    }

    /// An empty database in a cluster of the test's own.
    pub(crate) async fn in_cluster(cluster: &PrivateCluster) -> Installation {
        let dsn = cluster.database().await;
        let new = Installation::bare().called("127.0.0.1");
        let keys = new.folder().join("keys").to_str().unwrap().to_owned();
        new.with("AUTHPLANE_SIGNING_KEY_PATH", &keys)
            .with("AUTHPLANE_STORAGE_DRIVER", "postgres")
            .with("AUTHPLANE_STORAGE_POSTGRES_DSN", dsn.as_str())
            .with("AUTHPLANE_STORAGE_MAX_CONNS", "8")
    }

    /// The same database and keys, and another setting.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Installation {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same under an issuer with this host, which has to be another name of 127.0.0.1.
    pub(crate) fn called(self, host: &str) -> Installation {
        let issuer = format!("http://{host}:{}", self.port);
        self.with("AUTHPLANE_SERVER_ISSUER", &issuer)
    }

    /// The same, with its database at this port of 127.0.0.1.
    pub(crate) fn over(self, port: u16) -> Installation {
        let mut dsn = Url::parse(&self.settings["AUTHPLANE_STORAGE_POSTGRES_DSN"]).unwrap();
        dsn.set_port(Some(port)).unwrap();
        self.with("AUTHPLANE_STORAGE_POSTGRES_DSN", dsn.as_str())
    }

    /// The same database and keys at other addresses, for a second server at the same time. The
    /// issuer stays, as it does for replicas.
    pub(crate) fn replica(&self) -> Installation {
        self.clone().elsewhere()
    }

    fn elsewhere(mut self) -> Installation {
        (self.port, self.admin_port) = (free_port(), free_port());
        let (port, admin_port) = (self.port, self.admin_port);
        self.with("AUTHPLANE_SERVER_ADDRESS", &format!("127.0.0.1:{port}"))
            .with("AUTHPLANE_ADMIN_ADDRESS", &format!("127.0.0.1:{admin_port}"))
    }

    /// The issuer.
    pub(crate) fn issuer(&self) -> &str {
        &self.settings["AUTHPLANE_SERVER_ISSUER"]
    }

    /// Where everything is that belongs to it, but a PostgreSQL database.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// An address of the public surface.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Where the public surface listens.
    pub(crate) fn address(&self) -> (Ipv4Addr, u16) {
        (Ipv4Addr::LOCALHOST, self.port)
    }

    /// An address of the admin surface.
    pub(crate) fn admin_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.admin_port)
    }

    /// Runs the server and waits until it is ready.
    pub(crate) async fn start(&self) -> ServerProcess {
        let mut server = self.launch();
        server.ready().await;
        server
    }

    /// Runs the server, and does not wait for anything.
    pub(crate) fn launch(&self) -> ServerProcess {
        let program = self.program("server", &["serve"]);
        ServerProcess { program, installation: self.clone() }
    }

    /// Begins a command that is not waited for.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Leashed {
        self.program("command", arguments)
    }

    /// Runs a command to its end, with `input` on its standard input.
    pub(crate) async fn run(&self, arguments: &[&str], input: &str) -> Ended {
        let mut program = self.program("command", arguments);
        let pipe = program.input().unwrap();
        // A command that wants no input may be gone already.
        drop(std::io::Write::write_all(&mut { pipe }, input.as_bytes()));
        let status = program.end_within(PATIENCE).await;
        Ended { status, out: program.out(), err: program.err() }
    }

    /// Runs `authserver admin …`, which has to succeed; what it printed.
    pub(crate) async fn admin(&self, arguments: &[&str], input: &str) -> String {
        let ended = self.run(&[&["admin"], arguments].concat(), input).await;
        assert!(ended.status.success(), "authserver admin {arguments:?}: {ended:?}");
        ended.out
    }

    /// Runs `authserver admin … --json`.
    pub(crate) async fn admin_json(&self, arguments: &[&str]) -> Value {
        let out = self.admin(&[arguments, &["--json"]].concat(), "").await;
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("no JSON: {out}"))
    }

    /// The database itself, for a look past the server.
    pub(crate) async fn store(&self) -> Store {
        let dsn = self.settings.get("AUTHPLANE_STORAGE_POSTGRES_DSN");
        let options = match (dsn, self.settings.get("AUTHPLANE_STORAGE_SQLITE_PATH")) {
            (Some(dsn), _) => StoreOptions::Postgres {
                dsn: dsn.clone(),
                max_connections: 2,
                min_connections: 1,
                max_lifetime: PATIENCE,
                max_idle: PATIENCE,
            },
            (None, path) => StoreOptions::Sqlite {
                path: path.expect("the installation names its database").into(),
                wal: true,
            },
        };
        Store::open(options, Handle::current()).await.unwrap()
    }

    /// Exactly how many rows a table has.
    pub(crate) async fn count(&self, table: &str) -> u64 {
        let sql = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let rows: i64 = match self.settings.get("AUTHPLANE_STORAGE_POSTGRES_DSN") {
            Some(dsn) => {
                let mut connection = PgConnection::connect(dsn).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
            }
            None => {
                let path = &self.settings["AUTHPLANE_STORAGE_SQLITE_PATH"];
                let mut connection =
                    SqliteConnection::connect(&format!("sqlite:{path}")).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
            }
        };
        u64::try_from(rows).unwrap()
    }

    /// The settings are its whole environment, its folder is where it runs.
    fn program(&self, name: &str, arguments: &[&str]) -> Leashed {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        // A write beyond the limit of `may_write` is to fail, as on a full disk, and not to end the
        // process.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", r#"trap '' XFSZ; exec "$0" "$@""#, PROGRAM]);
        command.args(arguments).env_clear().envs(&self.settings);
        command.current_dir(self.folder()).stdin(Stdio::piped());
        let name = format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Leashed::start(&name, command, self.folder())
    }
}

/// A server that runs, or has run.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    installation: Installation,
    program: Leashed,
}

impl ServerProcess {
    /// Waits until `/ready` says so.
    pub(crate) async fn ready(&mut self) {
        self.answers("/ready").await;
    }

    /// Waits until the server has noticed a resource that a command registered: what another
    /// process changes shows within a second.
    pub(crate) async fn knows(&mut self, slug: &str) {
        self.answers(&format!("/.well-known/oauth-protected-resource/{slug}")).await;
    }

    async fn answers(&mut self, path: &str) {
        let url = self.installation.url(path);
        let http = reqwest::Client::new();
        let succeeds = async |_: &Leashed| {
            let answer = http.get(&url).timeout(Duration::from_secs(5)).send().await.ok()?;
            answer.status().is_success().then_some(())
        };
        self.program.until(PATIENCE, succeeds).await;
    }

    /// An address of the public surface.
    pub(crate) fn url(&self, path: &str) -> String {
        self.installation.url(path)
    }

    /// Asks the server to stop, as a service manager does. Does not wait.
    pub(crate) fn terminate(&self) {
        self.program.signal("TERM");
    }

    /// Asks the server to read again what it reads, as a service manager does.
    pub(crate) fn hang_up(&self) {
        self.program.signal("HUP");
    }

    /// How much memory it has, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.program.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Stops the server, which has to end well and in time; all it printed.
    pub(crate) async fn stop(mut self) -> String {
        self.terminate();
        self.ended_well().await
    }

    /// Waits for a server that was asked to stop; all it printed.
    pub(crate) async fn ended_well(&mut self) -> String {
        let status = self.program.end_within(SHUTDOWN_WAIT).await;
        assert!(status.success(), "the server ended with {status}\n{}", self.tail());
        self.program.out()
    }

    /// Lets the server write to files, or has the system refuse it, as a full disk would. Reading,
    /// and overwriting nothing, go on.
    pub(crate) fn may_write(&self, allowed: bool) {
        let limit = if allowed { "unlimited" } else { "0" };
        let status = Command::new("prlimit")
            .arg(format!("--pid={}", self.program.id()))
            .arg(format!("--fsize={limit}:unlimited"))
            .status();
        assert!(status.expect("prlimit, of util-linux, is installed").success());
    }

    /// Has the process do nothing at all, and notice nothing of it, until [`ServerProcess::thaw`].
    pub(crate) fn freeze(&self) {
        self.program.signal("STOP");
    }

    /// Lets the process go on where it was.
    pub(crate) fn thaw(&self) {
        self.program.signal("CONT");
    }

    /// Takes the process away without a word, as a power cut would.
    pub(crate) fn kill(mut self) {
        self.program.kill();
    }

    /// Waits for a server that ends by itself.
    pub(crate) async fn end(mut self) -> Ended {
        let status = self.program.end_within(PATIENCE).await;
        Ended { status, out: self.program.out(), err: self.program.err() }
    }

    /// What it printed to standard output so far: the greeting and the log.
    pub(crate) fn out(&self) -> String {
        self.program.out()
    }

    /// The end of what it printed, for the message of a failure.
    pub(crate) fn tail(&self) -> String {
        self.program.tail()
    }
}

/// A port that nobody listens on. Below the range from which the system takes ports for outgoing
/// connections, so that it is still free when the server comes to it, also after a restart.
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test processes that run side by side start at different places.
    let start = std::process::id().wrapping_mul(64) % u32::from(COUNT);
    let start = u16::try_from(start).unwrap();
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let next = || FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
    (0..COUNT).map(|_| next()).find(free).expect("a free port")
}
