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
/// `with [("AUTHPLANE_…", "…")]` after the parameter gives the server settings of its own.
macro_rules! on_both_databases {
    ($(
        $(#[$doc:meta])*
        async fn $name:ident($server:ident: Server)
        $(with [$($setting:expr),+ $(,)?])?
        $body:block
    )+) => {
        $(
            mod $name {
                use super::*;

                $(#[$doc])*
                async fn story($server: &mut Server) $body

                const SETTINGS: &[(&str, &str)] = &[$($($setting),+)?];

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    let mut server = Server::start_with(crate::kit::Backend::Sqlite, SETTINGS).await;
                    story(&mut server).await;
                    server.stop().await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    let mut server = Server::start_with(crate::kit::Backend::Postgres, SETTINGS).await;
                    story(&mut server).await;
                    server.stop().await;
                }
            }
        )+
    };
    // For stories that start their own server, or need none.
    ($($(#[$doc:meta])* async fn $name:ident($backend:ident: Backend) $body:block)+) => {
        $(
            mod $name {
                use super::*;

                $(#[$doc])*
                async fn story($backend: crate::kit::Backend) $body

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    story(crate::kit::Backend::Sqlite).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    story(crate::kit::Backend::Postgres).await;
                }
            }
        )+
    };
}

pub(crate) use on_both_databases;
