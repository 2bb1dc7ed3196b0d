//! A PostgreSQL of our own: one temporary cluster for the whole test process, one fresh database for
//! each test that asks.
//!
//! The cluster starts when the first test asks and listens on a free port of 127.0.0.1 with a random
//! password. It ends with the process, however that ends: a watchdog process holds the other end of
//! a pipe, and when the pipe closes it stops the cluster by its data directory and removes it.
//!
//! `fsync` is off until a test calls [`durable`]; nothing else about commits is relaxed.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

const SUPERUSER: &str = "postgres";
const MAX_CONNECTIONS: u32 = 400;
/// Another process may take the free port between our look and the server's bind.
const START_ATTEMPTS: u32 = 5;
const DEBIAN_INSTALLS_TO: &str = "/usr/lib/postgresql";
const NOT_INSTALLED: &str = "the PostgreSQL server programs (initdb, pg_ctl) are not installed, and \
    the tests that use PostgreSQL cannot run without them. Run `bin/test`, which installs what the \
    tests need, or `apt-get install postgresql`";

/// Where a test's database is: a connection URL with the password in it.
#[derive(Clone)]
pub(crate) struct Dsn(String);

impl Dsn {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Dsn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// An empty database that nobody else uses. It is there until the test process ends.
pub(crate) async fn fresh_database() -> Dsn {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    administer(&format!("CREATE DATABASE {name} TEMPLATE template0")).await;
    cluster().dsn(&name)
}

/// From now on a commit is on the disk when it is answered, for tests that are about that. It
/// concerns the whole cluster and only makes the other tests slower.
pub(crate) async fn durable() {
    administer("ALTER SYSTEM SET fsync = on").await;
    administer("SELECT pg_reload_conf()").await;
}

/// Stops the cluster as a power cut would, for tests of what happens then. It concerns every test of
/// the process: only for a test that runs alone, which calls [`start`] when it is done.
pub(crate) fn stop() {
    cluster().pg_ctl(&["--mode=immediate", "stop"]).expect("the cluster stops");
}

/// Starts the cluster again on the same port, with what was committed before [`stop`].
pub(crate) fn start() {
    cluster().start().expect("the cluster starts again");
}

/// A cluster of one test's own, which may take it away and bring it back while the others run.
#[derive(Debug)]
pub(crate) struct PrivateCluster(Cluster);

impl PrivateCluster {
    /// Starts it. It ends with the process at the latest.
    pub(crate) fn start() -> PrivateCluster {
        PrivateCluster(Cluster::create().expect("a second PostgreSQL"))
    }

    /// A database in it, where a commit is on the disk when it is answered.
    pub(crate) async fn database(&self) -> Dsn {
        let dsn = self.0.dsn(SUPERUSER);
        for statement in
            ["ALTER SYSTEM SET fsync = on", "SELECT pg_reload_conf()", "CREATE DATABASE test"]
        {
            order(&dsn, statement).await;
        }
        self.0.dsn("test")
    }

    /// Where it listens on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.0.port
    }

    /// Stops it as a power cut would.
    pub(crate) fn go_away(&self) {
        self.0.pg_ctl(&["--mode=immediate", "stop"]).expect("the cluster stops");
    }

    /// Starts it again on the same port.
    pub(crate) fn come_back(&self) {
        self.0.start().expect("the cluster starts again");
    }
}

impl Drop for PrivateCluster {
    fn drop(&mut self) {
        // It may be down, or the watchdog faster.
        drop(self.0.pg_ctl(&["--mode=immediate", "stop"]));
    }
}

async fn administer(statement: &str) {
    order(&cluster().dsn(SUPERUSER), statement).await;
}

async fn order(dsn: &Dsn, statement: &str) {
    let mut connection = PgConnection::connect(dsn.as_str()).await.expect("the cluster answers");
    connection.execute(AssertSqlSafe(statement.to_owned())).await.expect(statement);
    connection.close().await.expect("the connection closes");
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    // Takes about two seconds, once, on whichever thread asks first; the others wait for it.
    CLUSTER.get_or_init(|| match Cluster::create() {
        Ok(cluster) => cluster,
        Err(problem) => panic!("no PostgreSQL for the tests: {problem}"),
    })
}

#[derive(Debug)]
struct Cluster {
    programs: PathBuf,
    directory: PathBuf,
    owner: Option<Owner>,
    port: u16,
    password: String,
    /// Its standard input is the pipe that closes when this process is gone.
    _watchdog: Child,
}

/// PostgreSQL refuses to run as root; then the files and processes belong to this user.
#[derive(Debug, Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

impl Cluster {
    fn create() -> io::Result<Self> {
        let programs = find_programs()?;
        let owner = Owner::unless_we_will_do()?;
        let directory =
            std::env::temp_dir().join(format!("authserver-tests-postgres-{}", random_hex(8)?));
        fs::create_dir(&directory)?;
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
        give(&directory, owner)?;
        let watchdog = watch(&programs, &directory, owner)?;
        let mut cluster = Self {
            programs,
            directory,
            owner,
            port: 0,
            password: random_hex(16)?,
            _watchdog: watchdog,
        };
        cluster.initialize()?;
        cluster.start_on_a_free_port()?;
        Ok(cluster)
    }

    fn initialize(&self) -> io::Result<()> {
        let password_file = self.directory.join("password");
        fs::write(&password_file, &self.password)?;
        give(&password_file, self.owner)?;
        let mut initdb = self.program("initdb");
        initdb
            .args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .args(["--username", SUPERUSER])
            .arg("--pgdata")
            .arg(self.data())
            .arg("--pwfile")
            .arg(password_file);
        run(&mut initdb)
    }

    fn start_on_a_free_port(&mut self) -> io::Result<()> {
        let mut failure = None;
        for _ in 0..START_ATTEMPTS {
            self.port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            self.configure()?;
            match self.start() {
                Ok(()) => return Ok(()),
                Err(problem) => failure = Some(problem),
            }
        }
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let problem = failure.map(|problem| problem.to_string()).unwrap_or_default();
        Err(io::Error::other(format!("{problem}\nserver log:\n{log}")))
    }

    fn configure(&self) -> io::Result<()> {
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\n\
             max_connections = {MAX_CONNECTIONS}\nshared_buffers = 64MB\nfsync = off\n\
             log_min_messages = warning\n",
            self.port
        );
        let mut file = File::options().append(true).open(self.data().join("postgresql.conf"))?;
        file.write_all(settings.as_bytes())
    }

    fn start(&self) -> io::Result<()> {
        let log = self.log();
        let log = log.to_str().ok_or_else(|| io::Error::other("the temporary path is no UTF-8"))?;
        self.pg_ctl(&["--timeout=60", "--log", log, "start"])
    }

    fn pg_ctl(&self, arguments: &[&str]) -> io::Result<()> {
        let mut command = self.program("pg_ctl");
        command.arg("--wait").arg("--pgdata").arg(self.data()).args(arguments);
        run(&mut command)
    }

    fn program(&self, name: &str) -> Command {
        as_owner(Command::new(self.programs.join(name)), &self.directory, self.owner)
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    fn dsn(&self, database: &str) -> Dsn {
        let Self { password, port, .. } = self;
        Dsn(format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/{database}"))
    }
}

impl Owner {
    /// `None` when we are an ordinary user, who may run PostgreSQL.
    fn unless_we_will_do() -> io::Result<Option<Self>> {
        if id(&["-u"])? != 0 {
            return Ok(None);
        }
        let missing = |_| io::Error::other(format!("no user `{SUPERUSER}`. {NOT_INSTALLED}"));
        let user = id(&["-u", SUPERUSER]).map_err(missing)?;
        let group = id(&["-g", SUPERUSER]).map_err(missing)?;
        Ok(Some(Self { user, group }))
    }
}

/// The newest version that Debian's packages installed, else what the search path has.
fn find_programs() -> io::Result<PathBuf> {
    let has_server = |directory: &PathBuf| directory.join("initdb").exists();
    let versions: BTreeSet<(u32, PathBuf)> = fs::read_dir(DEBIAN_INSTALLS_TO)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
        })
        .collect();
    let newest = versions.into_iter().rev().map(|(_, directory)| directory).find(has_server);
    let search_path = std::env::var_os("PATH").unwrap_or_default();
    let on_the_path = || std::env::split_paths(&search_path).find(has_server);
    newest.or_else(on_the_path).ok_or_else(|| io::Error::other(NOT_INSTALLED))
}

/// Waits in a process group of its own, so that Ctrl-C at the terminal does not end it too early,
/// for this process to end; then stops the cluster and removes it.
fn watch(programs: &Path, directory: &Path, owner: Option<Owner>) -> io::Result<Child> {
    const SCRIPT: &str = r#"
        trap '' HUP INT TERM
        cat >/dev/null
        "$1/pg_ctl" --wait --mode=immediate --pgdata "$2/data" stop
        rm -rf "$2"
    "#;
    as_owner(Command::new("/bin/sh"), Path::new("/"), owner)
        .args(["-c", SCRIPT, "postgres-watchdog"])
        .arg(programs)
        .arg(directory)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

fn as_owner(mut command: Command, directory: &Path, owner: Option<Owner>) -> Command {
    if let Some(Owner { user, group }) = owner {
        command.uid(user).gid(group);
    }
    command.current_dir(directory).stdin(Stdio::null());
    command
}

fn give(path: &Path, owner: Option<Owner>) -> io::Result<()> {
    owner.map_or(Ok(()), |Owner { user, group }| chown(path, Some(user), Some(group)))
}

/// Output goes to a file, not to a pipe: the server that `pg_ctl` leaves behind would hold it open.
fn run(command: &mut Command) -> io::Result<()> {
    let mut said = tempfile::tempfile()?;
    let status = command.stdout(said.try_clone()?).stderr(said.try_clone()?).status()?;
    if status.success() {
        return Ok(());
    }
    let mut text = String::new();
    io::Seek::rewind(&mut said)?;
    said.read_to_string(&mut text)?;
    let program = command.get_program().display();
    Err(io::Error::other(format!("{program} ended with {status}:\n{text}")))
}

/// Whether this process is root's, whom some programs do not want to run as.
pub(crate) fn runs_as_root() -> bool {
    id(&["-u"]).is_ok_and(|id| id == 0)
}

fn id(arguments: &[&str]) -> io::Result<u32> {
    let output = Command::new("id").args(arguments).output()?;
    let number = String::from_utf8_lossy(&output.stdout).trim().parse();
    number.map_err(|_| io::Error::other(format!("`id {}` gave no number", arguments.join(" "))))
}

fn random_hex(bytes: usize) -> io::Result<String> {
    let mut drawn = vec![0; bytes];
    File::open("/dev/urandom")?.read_exact(&mut drawn)?;
    Ok(drawn.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpStream;
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;

    /// Set for a process that one test started to run another test alone.
    const ALONE: &str = "AUTHSERVER_TESTS_ALONE";

    /// A process that runs one test of this module, alone, with a cluster of its own.
    fn alone(test: &str) -> Command {
        let (_, module) = module_path!().split_once("::").unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "--nocapture"])
            .arg(format!("{module}::{test}"))
            .env(ALONE, "yes")
            .stdout(Stdio::piped());
        command
    }

    fn is_alone() -> bool {
        std::env::var_os(ALONE).is_some()
    }

    #[tokio::test]
    async fn two_fresh_databases_do_not_see_each_other() {
        let (one, other) = (fresh_database().await, fresh_database().await);
        let mut in_one = PgConnection::connect(one.as_str()).await.unwrap();
        let mut in_other = PgConnection::connect(other.as_str()).await.unwrap();

        in_one.execute("CREATE TABLE only_here (id int)").await.unwrap();

        in_one.execute("SELECT * FROM only_here").await.unwrap();
        let refused = in_other.execute("SELECT * FROM only_here").await.unwrap_err();
        assert!(refused.to_string().contains("does not exist"), "{refused}");
    }

    #[tokio::test]
    async fn a_wrong_password_is_refused() {
        let dsn = fresh_database().await.to_string();
        let wrong = dsn.replace(&cluster().password, "guess");
        let refused = PgConnection::connect(&wrong).await.unwrap_err();
        assert!(refused.to_string().contains("password authentication failed"), "{refused}");
    }

    /// Runs in a process of its own, because the other tests want the cluster to be up.
    #[tokio::test]
    async fn what_was_committed_is_there_after_a_stop_and_a_start() {
        if !is_alone() {
            let test = "what_was_committed_is_there_after_a_stop_and_a_start";
            let ended = alone(test).output().unwrap();
            assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
            return;
        }
        let dsn = fresh_database().await;
        durable().await;
        let mut before = PgConnection::connect(dsn.as_str()).await.unwrap();
        before.execute("CREATE TABLE kept AS SELECT 1 AS id").await.unwrap();

        stop();
        PgConnection::connect(dsn.as_str()).await.expect_err("nobody listens");
        start();

        let mut after = PgConnection::connect(dsn.as_str()).await.unwrap();
        after.execute("INSERT INTO kept VALUES (2)").await.unwrap();
        let fsync: String = sqlx::query_scalar("SHOW fsync").fetch_one(&mut after).await.unwrap();
        assert_eq!(fsync, "on", "durable() outlives a restart");
    }

    /// The process that the next test kills. As one test among others it has nothing to do.
    #[test]
    fn a_process_that_only_holds_a_cluster() {
        if is_alone() {
            let cluster = cluster();
            println!("\nHOLDING {} {}", cluster.port, cluster.directory.display());
            sleep(Duration::from_secs(60));
        }
    }

    #[test]
    fn the_cluster_goes_away_when_its_process_is_killed() {
        let mut holder = alone("a_process_that_only_holds_a_cluster").spawn().unwrap();
        let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
        let line = lines.find_map(|line| Some(line.unwrap().strip_prefix("HOLDING ")?.to_owned()));
        let line = line.expect("the holder says where its cluster is");
        let (port, directory) = line.split_once(' ').unwrap();
        let (address, directory) = (format!("127.0.0.1:{port}"), PathBuf::from(directory));
        TcpStream::connect(&address).expect("the cluster is up while its process lives");

        holder.kill().unwrap();
        holder.wait().unwrap();

        let gone = || TcpStream::connect(&address).is_err() && !directory.exists();
        let in_time = (0..200).any(|_| {
            sleep(Duration::from_millis(100));
            gone()
        });
        assert!(in_time, "{address} and {} should be gone", directory.display());
    }
}
