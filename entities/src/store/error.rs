//! What can go wrong with a store, told apart by what the caller may do about it.

use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// A failure of the store.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or has no connection to spare. Nothing was
    /// written; asking again later is safe.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// Others held the same rows for too long, or two transactions waited for each
    /// other. Nothing was written; asking again is safe.
    #[error("the rows were held by somebody else: {0}")]
    Contended(String),
    /// The commit was sent and its outcome never heard. It may be done.
    #[error("the database went away during a commit, which may have happened: {0}")]
    CommitUnknown(String),
    /// A row with the same unique value exists.
    #[error("a row with the same value exists: {0}")]
    Duplicate(String),
    /// A stored row cannot be read as what it should be.
    #[error("a stored row of {table} is damaged: {detail}")]
    Damaged {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// Anything else the database refuses; a fault of ours or of the disk.
    #[error("the database refused: {0}")]
    Refused(String),
}

impl StoreError {
    /// A row of `table` that cannot be read.
    pub fn damaged(table: &'static str, detail: impl std::fmt::Display) -> StoreError {
        StoreError::Damaged { table, detail: detail.to_string() }
    }

    /// The same, and what it was about.
    #[must_use]
    pub fn about(self, what: &str) -> StoreError {
        let told = |detail: String| format!("{what}: {detail}");
        match self {
            StoreError::Unreachable(detail) => StoreError::Unreachable(told(detail)),
            StoreError::Contended(detail) => StoreError::Contended(told(detail)),
            StoreError::CommitUnknown(detail) => StoreError::CommitUnknown(told(detail)),
            StoreError::Duplicate(detail) => StoreError::Duplicate(told(detail)),
            StoreError::Refused(detail) => StoreError::Refused(told(detail)),
            damaged @ StoreError::Damaged { .. } => damaged,
        }
    }

    /// An error of the commit itself: unlike before it, the outcome is not known.
    pub(super) fn at_commit(error: DbErr) -> StoreError {
        match StoreError::from(error) {
            StoreError::Unreachable(detail) => StoreError::CommitUnknown(detail),
            other => other,
        }
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> StoreError {
        if let Some(SqlErr::UniqueConstraintViolation(detail)) = error.sql_err() {
            return StoreError::Duplicate(detail);
        }
        let text = error.to_string();
        match &error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => StoreError::Unreachable(text),
            DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => match fault(cause) {
                Fault::Connection => StoreError::Unreachable(text),
                Fault::Contention => StoreError::Contended(text),
                Fault::Other => StoreError::Refused(text),
            },
            _ => StoreError::Refused(text),
        }
    }
}

/// Whose fault an error of the database is.
enum Fault {
    Connection,
    Contention,
    Other,
}

fn fault(error: &sqlx::Error) -> Fault {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Fault::Connection,
        sqlx::Error::Database(database) => {
            database.code().map_or(Fault::Other, |code| match code.parse::<u32>() {
                // SQLite numbers its errors; PostgreSQL's five characters are a class
                // of two and a number, and none of those below is a number as a whole.
                Ok(number) if code.len() != 5 => sqlite_fault(number),
                _ => postgres_fault(&code),
            })
        }
        _ => Fault::Other,
    }
}

/// The low byte is the error, the rest says more about it.
fn sqlite_fault(code: u32) -> Fault {
    match code & 0xff {
        // busy, locked
        5 | 6 => Fault::Contention,
        // I/O error, disk full, cannot open
        10 | 13 | 14 => Fault::Connection,
        _ => Fault::Other,
    }
}

fn postgres_fault(code: &str) -> Fault {
    match code {
        // lock not available, query canceled (by our own time limits)
        "55P03" | "57014" => Fault::Contention,
        // 40: serialization failure, deadlock
        _ if code.starts_with("40") => Fault::Contention,
        // 08: connection, 53: out of resources, 57P: shutting down
        _ if ["08", "53", "57P"].iter().any(|class| code.starts_with(class)) => Fault::Connection,
        _ => Fault::Other,
    }
}
