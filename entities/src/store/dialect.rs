//! The only place that knows which database it talks to.

use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use futures::future::join_all;
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DbBackend, DbErr, SqliteTransactionMode,
    SqlxPostgresConnector, SqlxSqliteConnector, TransactionOptions,
};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection as _, Executor as _};

use self::wire::Wire;
use super::{StoreError, StoreOptions};

pub(super) mod wire;

/// Which database a store lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Embedded, one file.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// Connections for reading and for writing; on PostgreSQL they are one pool.
pub(super) struct Connections {
    pub(super) reader: DatabaseConnection,
    pub(super) writer: DatabaseConnection,
    pub(super) backend: Backend,
    pub(super) wire: Wire,
}

/// What the connections of a process are doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionsInUse {
    /// Those that are open and somebody's.
    pub in_use: u32,
    /// Those that are open and nobody's.
    pub idle: u32,
    /// How many there may be.
    pub max: u32,
}

impl Connections {
    pub(super) fn in_use(&self) -> ConnectionsInUse {
        let counted = |size: u32, idle: usize, max: u32| {
            let idle = u32::try_from(idle).unwrap_or(u32::MAX).min(size);
            ConnectionsInUse { in_use: size - idle, idle, max }
        };
        match self.backend {
            Backend::Postgres => {
                let pool = self.writer.get_postgres_connection_pool();
                counted(pool.size(), pool.num_idle(), pool.options().get_max_connections())
            }
            Backend::Sqlite => {
                let pools = [&self.writer, &self.reader].map(|it| it.get_sqlite_connection_pool());
                let of = |pool: &sqlx::SqlitePool| {
                    counted(pool.size(), pool.num_idle(), pool.options().get_max_connections())
                };
                let [writer, reader] = pools.map(of);
                ConnectionsInUse {
                    in_use: writer.in_use + reader.in_use,
                    idle: writer.idle + reader.idle,
                    max: writer.max + reader.max,
                }
            }
        }
    }
}

/// How long a query waits for a connection before the store counts as unreachable.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(3);
/// How long SQLite waits for another process that writes.
const BUSY_FOR: Duration = Duration::from_secs(5);
/// What PostgreSQL ends by itself. A replica that dies in the middle of a transaction
/// would otherwise hold its row locks until TCP notices, and everybody else with them.
///
/// Set on each connection, not at its start: connection poolers refuse unknown startup
/// parameters.
const POSTGRES_LIMITS: &str = "SET statement_timeout = '8s'; SET lock_timeout = '4s'; \
     SET idle_in_transaction_session_timeout = '15s'";
/// For the transaction of a migration, which others wait for in line.
const MIGRATION_HAS_NO_LIMITS: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0";
/// Once it is its turn. Everybody else's statements queue up behind one that waits for a table.
const MIGRATION_WAITS_FOR_TABLES: &str = "SET LOCAL lock_timeout = '60s'";
/// How soon a connection that was lost is replaced when nobody asks for it.
const KEEP_OPEN_EVERY: Duration = Duration::from_secs(10);
/// SQLite connections that read while the one writer writes.
const SQLITE_READERS: u32 = 4;
/// Pages the SQLite connection that writes keeps in memory; a negative number is kilobytes.
const SQLITE_CACHE: &str = "-8192";
/// And each of those that read. They are asked for a few rows by key; the pages they do not
/// keep the operating system does.
const SQLITE_READER_CACHE: &str = "-2048";
/// Pages in the write-ahead log before they are copied into the database file, by the
/// commit that comes to it. What is in the log is durable; copying it seldom costs a page
/// that changes often only one copy.
const SQLITE_CHECKPOINT: &str = "4000";

/// Work that one replica does at a time. The numbers name advisory locks; any will
/// do, as long as all replicas use the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Bringing the schema up to date.
    Migration = 0x6175_7401,
    /// Sweeping expired rows.
    Sweep = 0x6175_7402,
}

pub(super) async fn connect(options: &StoreOptions) -> Result<Connections, StoreError> {
    match options {
        StoreOptions::Sqlite { path, wal } => connect_sqlite(path, *wal).await,
        StoreOptions::Postgres {
            dsn,
            max_connections,
            min_connections,
            max_lifetime,
            max_idle,
        } => {
            let target = PgConnectOptions::from_str(dsn)
                .map_err(|error| {
                    StoreError::Unreachable(format!("the DSN cannot be read: {error}"))
                })?
                .application_name("authserver");
            let listening = target.clone();
            // One connection beside the pool says why there is none; the pool would only
            // say that it waited.
            let first = PgConnection::connect_with(&target);
            let first = first.await.map_err(|error| StoreError::Unreachable(error.to_string()))?;
            drop(first.close().await);
            let pool = PgPoolOptions::new()
                .max_connections(*max_connections)
                // Kept by `keep_open`: the pool's own upkeep would hold its places while it waits
                // longer and longer for a database that is away, and go on when it is back.
                .min_connections(0)
                .max_lifetime(*max_lifetime)
                .idle_timeout(*max_idle)
                .acquire_timeout(ACQUIRE_WITHIN)
                // A dead connection shows as an error of its query, which is a 503
                // like any other; a ping before each query would double its cost.
                .test_before_acquire(false)
                .after_connect(|connection, _| {
                    Box::pin(async move {
                        connection.execute(POSTGRES_LIMITS).await?;
                        Ok(())
                    })
                })
                .connect_with(target)
                .await
                .map_err(|error| StoreError::Unreachable(error.to_string()))?;
            tokio::spawn(keep_open(pool.clone(), *min_connections));
            let pool = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
            let (backend, wire) = (Backend::Postgres, Wire::to(listening));
            Ok(Connections { reader: pool.clone(), writer: pool, backend, wire })
        }
    }
}

/// Sees to it that a pool has so many connections, until it is closed.
async fn keep_open(pool: PgPool, connections: u32) {
    let mut look = tokio::time::interval(KEEP_OPEN_EVERY);
    while !pool.is_closed() {
        look.tick().await;
        if pool.size() < connections {
            // All at once, or each would be given the one that is idle already.
            drop(join_all((0..connections).map(|_| pool.acquire())).await);
        }
    }
}

async fn connect_sqlite(path: &Path, wal: bool) -> Result<Connections, StoreError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| {
            StoreError::Unreachable(format!("cannot create {}: {error}", folder.display()))
        })?;
    }
    let journal = if wal { SqliteJournalMode::Wal } else { SqliteJournalMode::Delete };
    let target = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(journal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_FOR)
        .pragma("cache_size", SQLITE_CACHE)
        .pragma("wal_autocheckpoint", SQLITE_CHECKPOINT)
        // What a statement of many rows needs to be undone by itself, should one of them be
        // refused: kept in memory, it costs no file for each statement.
        .pragma("temp_store", "MEMORY");
    let pool = |size: u32, target: SqliteConnectOptions| async move {
        SqlitePoolOptions::new()
            .max_connections(size)
            .min_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(ACQUIRE_WITHIN + BUSY_FOR)
            .test_before_acquire(false)
            .after_release(|connection, _| Box::pin(is_between_transactions(connection)))
            .connect_with(target)
            .await
            .map(SqlxSqliteConnector::from_sqlx_sqlite_pool)
            .map_err(|error| {
                StoreError::Unreachable(format!("cannot open {}: {error}", path.display()))
            })
    };
    // The writer comes first: it creates the file and sets the journal mode.
    let writer = pool(1, target.clone()).await?;
    let reader = target.pragma("cache_size", SQLITE_READER_CACHE);
    let reader = pool(SQLITE_READERS, reader).await?;
    Ok(Connections { reader, writer, backend: Backend::Sqlite, wire: Wire::within() })
}

/// Whether a connection may be used again.
///
/// A COMMIT that fails for want of room ends the transaction in SQLite but not in the
/// driver's book-keeping. From then on the driver would open savepoints instead of
/// transactions, and what it calls committed would be on no disk.
async fn is_between_transactions(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // The answer comes after the rollback that may be under way.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

impl Backend {
    /// The word of `storage.driver`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Backend::Sqlite => "sqlite",
            Backend::Postgres => "postgres",
        }
    }

    /// How a writing transaction begins. SQLite takes its write lock at once: a
    /// transaction that reads first and writes later would fail, not wait, when
    /// another process wrote in between.
    pub(super) fn writing(self) -> TransactionOptions {
        let mode = (self == Backend::Sqlite).then_some(SqliteTransactionMode::Immediate);
        TransactionOptions { sqlite_transaction_mode: mode, ..TransactionOptions::default() }
    }

    /// One migration at a time, however many replicas boot at once; the others wait for it,
    /// whatever it takes. The tables it changes it waits for as long as a replica that still
    /// serves may need for its requests, and then says so instead of standing in their way.
    pub(super) async fn lock_migrations(
        self,
        transaction: &sea_orm::DatabaseTransaction,
    ) -> Result<(), DbErr> {
        if self == Backend::Postgres {
            transaction.execute_unprepared(MIGRATION_HAS_NO_LIMITS).await?;
            let lock = format!("SELECT pg_advisory_xact_lock({})", Turn::Migration as i64);
            transaction.execute_unprepared(&lock).await?;
            transaction.execute_unprepared(MIGRATION_WAITS_FOR_TABLES).await?;
        }
        Ok(())
    }

    /// How a table's rows are counted. PostgreSQL would read the whole table, so where
    /// that is large its own estimate has to do; SQLite has none.
    pub(super) fn row_count(self, table: &str) -> sea_orm::Statement {
        let count = format!("SELECT COUNT(*) AS rows FROM {table}");
        match self {
            Backend::Sqlite => sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, count),
            Backend::Postgres => sea_orm::Statement::from_string(
                sea_orm::DbBackend::Postgres,
                format!(
                    "SELECT CASE WHEN reltuples < 10000 THEN ({count}) \
                     ELSE reltuples::bigint END AS rows \
                     FROM pg_class WHERE oid = '{table}'::regclass"
                ),
            ),
        }
    }

    /// SQLite has one writer, so whoever writes has the turn.
    pub(super) async fn claim_turn(
        self,
        transaction: &sea_orm::DatabaseTransaction,
        turn: Turn,
    ) -> Result<bool, DbErr> {
        if self == Backend::Sqlite {
            return Ok(true);
        }
        let claim = format!("SELECT pg_try_advisory_xact_lock({}) AS mine", turn as i64);
        let claim = sea_orm::Statement::from_string(DbBackend::Postgres, claim);
        let row = transaction.query_one_raw(claim).await?;
        row.map_or(Ok(false), |row| row.try_get("", "mine"))
    }
}

/// How a value of a column travels in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Travels {
    /// A string.
    Text,
    /// A whole number.
    Number,
    /// A UUID, as a string of 32 hexadecimal digits.
    Uuid,
    /// A moment, as a string in the form both databases read (see [`super::rows`]).
    Moment,
    /// Bytes, as a string of hexadecimal digits.
    Bytes,
    /// JSON, as it is.
    Json,
}

/// A query whose rows are the objects of the JSON array in the parameter `$1`: many rows
/// for the price of one parameter, and one text for however many there are, which each
/// connection prepares once.
pub(crate) fn select_given(backend: DbBackend, columns: &[(&str, Travels)]) -> String {
    let each = |form: fn(&str, Travels) -> String| {
        columns.iter().map(|(name, travels)| form(name, *travels)).collect::<Vec<_>>().join(", ")
    };
    if backend == DbBackend::Postgres {
        let chosen = each(|name, travels| match travels {
            Travels::Bytes => format!("decode({name}, 'hex') AS {name}"),
            _ => name.to_owned(),
        });
        let declared = each(|name, travels| {
            let kind = match travels {
                Travels::Text | Travels::Bytes => "text",
                Travels::Number => "bigint",
                Travels::Uuid => "uuid",
                Travels::Moment => "timestamptz",
                Travels::Json => "jsonb",
            };
            format!("{name} {kind}")
        });
        return format!("SELECT {chosen} FROM json_to_recordset($1::json) AS rows({declared})");
    }
    let chosen = each(|name, travels| match travels {
        Travels::Uuid | Travels::Bytes => format!("unhex(value->>'{name}') AS {name}"),
        _ => format!("value->>'{name}' AS {name}"),
    });
    // Not json_each: that would write each object out as text, to be read again for each of
    // its columns.
    format!("SELECT {chosen} FROM jsonb_each($1)")
}
