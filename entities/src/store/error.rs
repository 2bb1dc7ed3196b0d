//! What can go wrong with a store, told apart by what the caller may do about it.

use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// A failure of the store.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or has no connection to spare. Nothing was
    /// written; asking again later is safe.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
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
        let unreachable = match &error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
            DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => is_about_the_connection(cause),
            _ => false,
        };
        if unreachable { StoreError::Unreachable(text) } else { StoreError::Refused(text) }
    }
}

fn is_about_the_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // PostgreSQL: class 08 connection exceptions, 57P0x shutting down, 53xxx out
        // of resources; SQLite: 5 busy, 6 locked, 13 disk full.
        sqlx::Error::Database(database) => database.code().is_some_and(|code| {
            code.starts_with("08")
                || code.starts_with("57P")
                || code.starts_with("53")
                || matches!(code.as_ref(), "5" | "6" | "13" | "517")
        }),
        _ => false,
    }
}
