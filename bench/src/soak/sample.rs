//! What is noted once a minute.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, query_scalar};

use super::acts::Act;
use crate::Outcome;
use crate::load::percentile;
use crate::program::Program;

/// Problems that are shown in full; the others are counted.
const SHOWN: usize = 3;

/// What came of the acts since the last sample.
#[derive(Debug, Default)]
pub struct Counts {
    acts: BTreeMap<Act, u64>,
    latencies: Vec<Duration>,
    errors: u64,
    problems: Vec<String>,
}

impl Counts {
    pub(super) fn add(&mut self, act: Act, took: Duration, done: Outcome<()>) {
        *self.acts.entry(act).or_default() += 1;
        self.latencies.push(took);
        if let Err(problem) = done {
            self.errors += 1;
            if self.problems.len() < SHOWN {
                self.problems.push(format!("{act:?}: {problem}"));
            }
        }
    }
}

/// The server at one time, and what was done since the time before.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Sample {
    /// Seconds since the begin.
    pub at: f64,
    /// How often each act was done.
    pub acts: BTreeMap<Act, u64>,
    /// Acts that did not end as they should.
    pub errors: u64,
    /// The first of them.
    pub problems: Vec<String>,
    /// Half of the acts took no longer, in milliseconds.
    pub p50_ms: f64,
    /// All but one in a hundred did not.
    pub p99_ms: f64,
    /// Memory of the server, in megabytes.
    pub memory_mb: f64,
    /// Its files and sockets.
    pub open_files: u64,
    /// The rows of each table.
    pub rows: BTreeMap<String, u64>,
}

impl Sample {
    pub(super) fn new(
        at: Duration,
        program: &Program,
        counts: Counts,
        rows: BTreeMap<String, u64>,
    ) -> Outcome<Sample> {
        let Counts { acts, mut latencies, errors, problems } = counts;
        latencies.sort_unstable();
        let millis = |percent| percentile(&latencies, percent).as_secs_f64() * 1000.0;
        Ok(Sample {
            at: at.as_secs_f64(),
            acts,
            errors,
            problems,
            p50_ms: millis(50),
            p99_ms: millis(99),
            memory_mb: program.memory()?,
            open_files: program.open_files()?,
            rows,
        })
    }
}

/// The tables of which a sample shows the rows; the verdict looks at all.
const SHOWN_TABLES: [&str; 8] = [
    "issuances",
    "audit_events",
    "families",
    "authorization_codes",
    "authorization_requests",
    "sessions",
    "clients",
    "attempts",
];

/// The line above the samples.
#[must_use]
pub fn heading() -> String {
    let tables = SHOWN_TABLES.map(|name| name.replace("authorization_", ""));
    let tables = tables.iter().map(|name| format!(" {name:>12}")).collect::<String>();
    format!("minute   acts errors      p50      p99  memory files{tables}")
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let acts: u64 = self.acts.values().sum();
        let Sample { errors, p50_ms, p99_ms, memory_mb, open_files, .. } = self;
        let minute = self.at / 60.0;
        write!(f, "{minute:>6.1} {acts:>6} {errors:>6} {p50_ms:>5.2} ms {p99_ms:>5.1} ms")?;
        write!(f, " {memory_mb:>4.1} MB {open_files:>5}")?;
        for name in SHOWN_TABLES {
            write!(f, " {:>12}", self.rows.get(name).copied().unwrap_or_default())?;
        }
        self.problems.iter().try_for_each(|problem| write!(f, "\n    {problem}"))
    }
}

/// A look into the database, beside the server.
pub(super) enum Tables {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Tables {
    pub(super) async fn open(dsn: Option<&str>, file: Option<&Path>) -> Outcome<Tables> {
        Ok(match (dsn, file) {
            (Some(dsn), _) => Tables::Postgres(PgConnection::connect(dsn).await?),
            (None, Some(file)) => {
                let options = SqliteConnectOptions::new().filename(file).read_only(true);
                Tables::Sqlite(SqliteConnection::connect_with(&options).await?)
            }
            (None, None) => return Err("no database to look into".into()),
        })
    }

    /// The rows of every table there is.
    pub(super) async fn count(&mut self) -> Outcome<BTreeMap<String, u64>> {
        let mut rows = BTreeMap::new();
        for name in self.names().await? {
            let count = AssertSqlSafe(format!("SELECT COUNT(*) FROM {name}"));
            let count: i64 = match self {
                Tables::Sqlite(db) => query_scalar(count).fetch_one(db).await?,
                Tables::Postgres(db) => query_scalar(count).fetch_one(db).await?,
            };
            rows.insert(name, u64::try_from(count)?);
        }
        Ok(rows)
    }

    async fn names(&mut self) -> Outcome<Vec<String>> {
        Ok(match self {
            Tables::Sqlite(db) => {
                let tables = "SELECT name FROM sqlite_master WHERE type = 'table' \
                              AND name NOT LIKE 'sqlite%'";
                query_scalar(tables).fetch_all(db).await?
            }
            Tables::Postgres(db) => {
                let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
                query_scalar(tables).fetch_all(db).await?
            }
        })
    }
}
