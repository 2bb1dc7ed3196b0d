//! The load tool finds every path it measures, and the table it prints says so. How fast they
//! are is no test's business.

use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bench::measure::{self, Plan};
use bench::report::{Database, HEADING, Path, Report};
use bench::soak::{self, verdict};
use bench::stop::{Stopped, until_told};
use tokio::time::{Instant, sleep};

use crate::kit::{Backend, on_both_databases, postgres};

/// The program of this build.
fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_authserver"))
}

/// So many empty databases; none for SQLite, which makes its own.
async fn fresh(backend: Backend, count: usize) -> Vec<String> {
    let mut databases = Vec::new();
    if backend == Backend::Postgres {
        for _ in 0..count {
            databases.push(postgres::fresh_database().await.to_string());
        }
    }
    databases
}

fn named(backend: Backend) -> Database {
    match backend {
        Backend::Sqlite => Database::Sqlite,
        Backend::Postgres => Database::Postgres,
    }
}

/// Set for the process that is ended by a signal; says on which database it measures.
const ALONE: &str = "AUTHSERVER_TESTS_MEASURE_ALONE";
/// How long anything may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// The process that tests below end. As one test among others it has nothing to do.
#[tokio::test]
async fn a_process_that_measures_until_it_is_told_to_stop() {
    let Some(database) = std::env::var_os(ALONE) else { return };
    let backend = if database == "sqlite" { Backend::Sqlite } else { Backend::Postgres };
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan {
        program: program(),
        folder: folder.path().to_owned(),
        databases: vec![(named(backend), fresh(backend, 3).await)],
        only: vec![Path::Es256],
        connections: 1,
        rounds: 1,
        round: PATIENCE,
        stock: 20,
        replicas: 1,
        peer: None,
    };
    let ended = until_told(measure::carry_out(plan, None, |_| {})).await;
    ended.unwrap_err().downcast::<Stopped>().expect("it was told to stop");
}

/// The programs that the process with this id started and that run, with their arguments.
fn children_of(parent: u32) -> Vec<(u32, String)> {
    let is_child = |id: &u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let after_the_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let mut fields = after_the_name.split_whitespace();
        let (state, its_parent) = (fields.next(), fields.next());
        state.is_some_and(|state| state != "Z") && its_parent == Some(&parent.to_string())
    };
    let ids =
        fs::read_dir("/proc").unwrap().filter_map(|it| it.ok()?.file_name().to_str()?.parse().ok());
    let arguments = |id: u32| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        (id, String::from_utf8_lossy(&line).replace('\0', " ").trim().to_owned())
    };
    ids.filter(is_child).map(arguments).collect()
}

/// Looks until there is something to be seen.
async fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "nothing to be seen");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Has a process of its own measure, and ends it with `signal` while the server is under load.
async fn nothing_is_left_after(signal: &str, backend: Backend) {
    let (_, module) = module_path!().split_once("::").unwrap();
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .arg("--exact")
        .arg(format!("{module}::a_process_that_measures_until_it_is_told_to_stop"))
        .env(ALONE, if backend == Backend::Sqlite { "sqlite" } else { "postgres" })
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let started = |what: &str| {
        let children = children_of(holder.id());
        children.into_iter().find(|(_, arguments)| arguments.contains(what))
    };
    let (server, _) = until(|| started("authserver serve")).await;
    let cluster = started("postgres-watchdog")
        .map(|(_, arguments)| PathBuf::from(arguments.rsplit_once(' ').unwrap().1));
    assert_eq!(cluster.is_some(), backend == Backend::Postgres);

    let sent = Command::new("/bin/sh")
        .args(["-c", r#"kill "-$1" "$2""#, "kill", signal, &holder.id().to_string()])
        .status();
    assert!(sent.unwrap().success());

    let status = until(|| holder.try_wait().unwrap()).await;
    assert!(status.success(), "{signal}: {status}");
    assert!(!FilePath::new(&format!("/proc/{server}")).exists(), "{signal}: the server runs on");
    until(|| cluster.as_ref().is_none_or(|folder| !folder.exists()).then_some(())).await;
}

on_both_databases! {
    async fn a_measurement_that_is_told_to_stop_leaves_no_program_running(backend: Backend) {
        for signal in ["TERM", "INT", "HUP"] {
            nothing_is_left_after(signal, backend).await;
        }
    }

    async fn every_path_answers_under_load_and_has_its_row(backend: Backend) {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan {
            program: program(),
            folder: folder.path().to_owned(),
            databases: vec![(named(backend), fresh(backend, 3).await)],
            only: Vec::new(),
            connections: 4,
            rounds: 1,
            round: Duration::from_millis(100),
            stock: 20,
            replicas: 2,
            peer: None,
        };
        let mut told = 0;

        let report: Report = measure::carry_out(plan, None, |_| told += 1).await.unwrap();

        assert_eq!(told, Path::ALL.len());
        let width = HEADING.find("req/s").unwrap();
        for (row, path) in report.rows.iter().zip(Path::ALL) {
            assert!(row.rate() > 0.0, "{row}");
            assert!(row.to_string().starts_with(path.name()), "{row}");
            assert!(row.to_string().chars().count() > width, "{row}");
            assert_eq!(row.to_string().contains("×2"), backend == Backend::Postgres, "{row}");
        }
        let process = report.processes.first().unwrap().to_string();
        assert!(process.contains("start to first answer") && process.contains("memory, idle"));
    }

    async fn a_soak_does_everything_and_nothing_goes_wrong(backend: Backend) {
        let folder = tempfile::tempdir().unwrap();
        let plan = soak::Plan {
            program: program(),
            folder: folder.path().to_owned(),
            dsn: fresh(backend, 1).await.pop(),
            rate: 50,
            time: Duration::from_secs(4),
            every: Duration::from_secs(2),
        };

        let samples = soak::carry_out(plan, |_| {}).await.unwrap();

        let problems: Vec<&String> = samples.iter().flat_map(|it| &it.problems).collect();
        assert_eq!(problems, Vec::<&String>::new());
        for act in soak::acts::Act::all() {
            assert!(samples.iter().any(|it| it.acts.contains_key(&act)), "{act:?} was not done");
        }
        assert!(samples.last().unwrap().rows["issuances"] > 0, "the tables were looked at");
        assert!(verdict::of(&samples).iter().any(|it| it.to_string().starts_with("errors")));
    }
}
