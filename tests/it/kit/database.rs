//! Every story is told twice: on SQLite and on PostgreSQL.

use std::collections::BTreeMap;

use tempfile::TempDir;

use super::postgres;

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    /// The settings that make a server use an empty database of this kind.
    pub(crate) async fn settings(self, folder: &TempDir) -> BTreeMap<String, String> {
        let mut settings = BTreeMap::new();
        let mut set = |name: &str, value: String| settings.insert(name.to_owned(), value);
        match self {
            Backend::Sqlite => {
                let path = folder.path().join("authserver.db");
                set("AUTHPLANE_STORAGE_SQLITE_PATH", path.to_str().unwrap().to_owned());
            }
            Backend::Postgres => {
                set("AUTHPLANE_STORAGE_DRIVER", "postgres".to_owned());
                let dsn = postgres::fresh_database().await;
                set("AUTHPLANE_STORAGE_POSTGRES_DSN", dsn.as_str().to_owned());
                set("AUTHPLANE_STORAGE_MAX_CONNS", "8".to_owned());
                set("AUTHPLANE_STORAGE_MIN_CONNS", "1".to_owned());
            }
        }
        settings
    }
}

/// Declares tests that run on both databases: each becomes a module with two tests.
macro_rules! on_both_databases {
    ($($(#[$doc:meta])* async fn $name:ident($server:ident: Server) $body:block)+) => {
        $(
            mod $name {
                use super::*;

                $(#[$doc])*
                async fn story($server: &mut Server) $body

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    let mut server = Server::start(crate::kit::Backend::Sqlite).await;
                    story(&mut server).await;
                    server.stop().await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    let mut server = Server::start(crate::kit::Backend::Postgres).await;
                    story(&mut server).await;
                    server.stop().await;
                }
            }
        )+
    };
}

pub(crate) use on_both_databases;
