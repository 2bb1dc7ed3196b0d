//! Where state is kept.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::section::section;
use crate::config::types::{Secret, StorageDriver};

section! {
    /// Where state is kept.
    Storage at "storage." {
        /// SQLite needs nothing and serves one process; PostgreSQL serves several.
        driver: StorageDriver = "sqlite",
        /// The most connections to the database.
        max_conns: u32 = "25",
        /// Connections kept open even when idle.
        min_conns: u32 = "5",
        /// A connection older than this is replaced.
        max_conn_lifetime: Duration = "1h",
        /// A connection idle for longer than this is closed.
        max_conn_idle_time: Duration = "30m",
    } with {
        /// The embedded database.
        sqlite: Sqlite,
        /// The database server.
        postgres: Postgres,
    }
}

section! {
    /// How long rows are kept that only people look at.
    Retention at "retention." {
        /// Audit rows are kept this long. `""` keeps them for ever.
        audit: Option<Duration> = "365d",
        /// Issuances are kept this long after their token expired.
        issuances: Duration = "30d",
        /// Admin keys are kept this long after they expired, consent grants after they were taken
        /// back.
        ended: Duration = "90d",
    }
}

section! {
    /// The embedded database.
    Sqlite at "storage.sqlite." {
        /// The database file; its directory is created.
        path: PathBuf = "data/authserver.db",
        /// Write-ahead logging: readers do not wait for the writer. Off only for file systems that
        /// cannot do it.
        wal: bool = "true",
    }
}

section! {
    /// The database server.
    Postgres at "storage.postgres." {
        /// Where it is and who we are there: `postgres://user:password@host:5432/database`.
        dsn: Option<Secret> = "",
    }
}
