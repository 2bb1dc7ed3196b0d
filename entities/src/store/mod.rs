//! The store: one place that holds the connections and runs what touches them.
//!
//! Database work runs on a runtime of its own. A connection is served by the runtime
//! it was opened on; were that a keeper's or an HTTP worker's thread, one busy thread
//! would stall everybody's queries. It also means that a caller who goes away does
//! not tear a transaction apart: once begun, it ends.

mod dialect;
mod error;
pub(crate) mod rows;

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, TransactionTrait as _,
};
use tokio::runtime::Handle;
use tokio::time::Instant;
use uuid::Uuid;

use self::dialect::wire::announcing;
use crate::table::Table;

pub(crate) use dialect::Travels;
pub(crate) use dialect::wire::announce_on;
pub use dialect::wire::{Heard, Subscription};
pub use dialect::{Backend, ConnectionsInUse, Turn};
pub use error::StoreError;

/// How long the work of one transaction, or one read, may take. Shorter than anybody
/// waits for a keeper, so that a network that swallows packets ends in an answer.
const WORK_WITHIN: Duration = Duration::from_secs(10);
/// How long a commit may take on top.
const COMMIT_WITHIN: Duration = Duration::from_secs(4);
/// How long closing the connections may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Where the rows are.
#[derive(Clone)]
pub enum StoreOptions {
    /// Embedded SQLite.
    Sqlite {
        /// The database file; its folder is created when missing.
        path: PathBuf,
        /// Write-ahead logging: readers do not wait for the writer.
        wal: bool,
    },
    /// PostgreSQL.
    Postgres {
        /// `postgres://user:password@host/database`. Holds a secret.
        dsn: String,
        /// Most connections of this process.
        max_connections: u32,
        /// Connections kept open when idle.
        min_connections: u32,
        /// A connection is replaced after this time.
        max_lifetime: Duration,
        /// An idle connection beyond the minimum is closed after this time.
        max_idle: Duration,
    },
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreOptions::Sqlite { path, .. } => write!(f, "Sqlite({})", path.display()),
            StoreOptions::Postgres { .. } => f.write_str("Postgres(…)"),
        }
    }
}

/// A handle to the database; cheap to clone.
#[derive(Clone)]
pub struct Store {
    connections: Arc<dialect::Connections>,
    runtime: Handle,
}

/// How a transaction ends whose work succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Commit,
    RollBack,
}

/// The future of a piece of work inside a transaction.
pub type Work<'t, T> = BoxFuture<'t, Result<T, StoreError>>;

impl Store {
    /// Opens the store. Database work will run on `runtime`.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`], with what to look at.
    pub async fn open(options: StoreOptions, runtime: Handle) -> Result<Store, StoreError> {
        let connect = async move { dialect::connect(&options).await };
        let connections = Arc::new(joined(runtime.spawn(connect)).await?);
        Ok(Store { connections, runtime })
    }

    /// Which database this is.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.connections.backend
    }

    /// Brings the schema up to date, one process at a time. `migrate` gets the
    /// transaction's connection; the store does not know the migrations. The answer is what
    /// `migrate` found.
    ///
    /// None of the limits of a request hold here: an index over a table that has grown for
    /// years takes its time, and whoever boots meanwhile waits for it.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn migrate<T, F>(&self, migrate: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> Work<'t, T> + Send + 'static,
    {
        let connections = Arc::clone(&self.connections);
        let migrated = joined(self.runtime.spawn(async move {
            let backend = connections.backend;
            let transaction = loop {
                match connections.writer.begin_with_options(backend.writing()).await {
                    Ok(transaction) => break transaction,
                    Err(error) => match StoreError::from(error) {
                        StoreError::Contended(_) => {
                            tracing::info!("waiting for another process, which is at the schema");
                        }
                        error => return Err(error),
                    },
                }
            };
            let work = async {
                backend.lock_migrations(&transaction).await?;
                migrate(&transaction).await
            };
            match work.await {
                Ok(found) => {
                    transaction.commit().await.map_err(StoreError::at_commit)?;
                    Ok(found)
                }
                Err(error) => {
                    drop(transaction.rollback().await);
                    Err(error)
                }
            }
        }));
        timed("migrate", migrated).await
    }

    /// Runs queries that write nothing, outside a transaction.
    ///
    /// # Errors
    /// Whatever `queries` returns.
    pub async fn read<T, F, W>(&self, queries: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(DatabaseConnection) -> W,
        W: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let queries = queries(self.connections.reader.clone());
        let limited = async move {
            let late = |_| StoreError::Unreachable("no answer in time".to_owned());
            tokio::time::timeout(WORK_WITHIN, queries).await.map_err(late)?
        };
        timed("read", joined(self.runtime.spawn(limited))).await
    }

    /// Runs `work` in one writing transaction: committed when it returns `Ok`, rolled
    /// back otherwise. The answer comes after the commit.
    ///
    /// # Errors
    /// Whatever `work` returns, or the failure to begin or commit;
    /// [`StoreError::CommitUnknown`] when it may have happened all the same.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> Work<'t, T> + Send + 'static,
    {
        self.transact(End::Commit, work).await
    }

    /// Runs `work` as [`Store::write`] does, and takes all of it back: the answer is what would
    /// come of it at this moment, and nothing has.
    ///
    /// # Errors
    /// Whatever `work` returns, or the failure to begin.
    pub async fn rehearse<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> Work<'t, T> + Send + 'static,
    {
        self.transact(End::RollBack, work).await
    }

    async fn transact<T, F>(&self, end: End, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> Work<'t, T> + Send + 'static,
    {
        let connections = Arc::clone(&self.connections);
        let committed = joined(self.runtime.spawn(announcing(async move {
            let late = |_| StoreError::Unreachable("no answer in time".to_owned());
            let worked = tokio::time::timeout(WORK_WITHIN, async {
                let begin = connections.writer.begin_with_options(connections.backend.writing());
                let transaction = begin.await?;
                match work(&transaction).await {
                    Ok(value) => Ok((transaction, value)),
                    Err(error) => {
                        // The error at hand is the one to report; a failed rollback means
                        // the connection is gone, and with it the transaction.
                        drop(transaction.rollback().await);
                        Err(error)
                    }
                }
            });
            let (transaction, value) = worked.await.map_err(late)??;
            if end == End::RollBack {
                drop(transaction.rollback().await);
                return Ok(value);
            }
            let unheard = |_| StoreError::CommitUnknown("no answer in time".to_owned());
            let commit = tokio::time::timeout(COMMIT_WITHIN, transaction.commit());
            let committed = commit.await.map_err(unheard);
            let committed = committed.and_then(|done| done.map_err(StoreError::at_commit));
            if matches!(committed, Ok(()) | Err(StoreError::CommitUnknown(_))) {
                connections.wire.committed();
            }
            committed.map(|()| value)
        })));
        timed("write", committed).await
    }

    /// What is announced on this database from now on ([`crate::news`]). `name` is one that
    /// nobody else subscribes by.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`], with what stands in the way.
    pub async fn subscribe(&self, name: Uuid) -> Result<Subscription, StoreError> {
        let connections = Arc::clone(&self.connections);
        joined(self.runtime.spawn(async move { connections.wire.subscribe(name).await })).await
    }

    /// Whether this process is the one to do a piece of work that one replica does at
    /// a time. Held until `transaction` ends.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn claim_turn(
        &self,
        transaction: &DatabaseTransaction,
        turn: Turn,
    ) -> Result<bool, StoreError> {
        Ok(self.backend().claim_turn(transaction, turn).await?)
    }

    /// About how many rows a table has.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn count_rows(&self, table: Table) -> Result<i64, StoreError> {
        let count = self.backend().row_count(table.as_str());
        self.read(|db| async move {
            let row = db.query_one_raw(count).await?;
            row.map_or(Ok(0), |row| Ok(row.try_get("", "rows")?))
        })
        .await
    }

    /// One trivial query, for `/ready`.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] when there is no answer.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read(|db| async move { Ok(db.ping().await?) }).await
    }

    /// How the connections of this process are used at this moment.
    #[must_use]
    pub fn connections(&self) -> ConnectionsInUse {
        self.connections.in_use()
    }

    /// Closes all connections, after which every query fails. A database that does not
    /// answer is not waited for: what was committed is committed.
    pub async fn close(&self) {
        let connections = Arc::clone(&self.connections);
        let closing = self.runtime.spawn(async move {
            let both = async {
                drop(connections.writer.clone().close().await);
                drop(connections.reader.clone().close().await);
            };
            drop(tokio::time::timeout(CLOSE_WITHIN, both).await);
        });
        drop(closing.await);
    }
}

/// Measures what the caller waits for: a place in line, the queries, the commit.
async fn timed<T>(
    op: &'static str,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let begun = Instant::now();
    let outcome = work.await;
    metrics::histogram!("authserver_db_operation_duration_seconds", "op" => op)
        .record(begun.elapsed());
    outcome
}

/// The outcome of a task on the store's runtime. A panic in it is the caller's panic.
async fn joined<T>(task: tokio::task::JoinHandle<Result<T, StoreError>>) -> Result<T, StoreError> {
    match task.await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(StoreError::Unreachable("the store is shutting down".to_owned())),
        },
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("backend", &self.connections.backend).finish_non_exhaustive()
    }
}
