//! The load tool finds every path it measures, and the table it prints says so. How fast they
//! are is no test's business.

use std::path::PathBuf;
use std::time::Duration;

use bench::measure::{self, Plan};
use bench::report::{Database, HEADING, Path, Report};
use bench::soak::{self, verdict};

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

on_both_databases! {
    async fn every_path_answers_under_load_and_has_its_row(backend: Backend) {
        let folder = tempfile::tempdir().unwrap();
        let database = match backend {
            Backend::Sqlite => Database::Sqlite,
            Backend::Postgres => Database::Postgres,
        };
        let plan = Plan {
            program: program(),
            folder: folder.path().to_owned(),
            databases: vec![(database, fresh(backend, 3).await)],
            only: Vec::new(),
            connections: 4,
            rounds: 1,
            round: Duration::from_millis(100),
            stock: 20,
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
