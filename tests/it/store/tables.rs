//! Every table is watched, or said not to grow.

use entities::table::Table;

use crate::kit::behind::execute;
use crate::kit::on_both_databases;
use crate::kit::store::Rows;

/// Tables with one row, or one for each thing an operator can set, for each migration, or for each
/// replica of the last day.
const DO_NOT_GROW: [&str; 10] = [
    "catalog_version",
    "installation",
    "key_schedule",
    "revocation_version",
    "ring_secrets",
    "seaql_migrations",
    "server_secrets",
    "settings",
    "signing_keys",
    "sweep_turns",
];

on_both_databases! {
    async fn every_table_of_the_schema_is_watched_or_does_not_grow(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let all = match backend {
            crate::kit::Backend::Sqlite => {
                "CREATE TABLE found AS SELECT name FROM sqlite_master \
                 WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'found'"
            }
            crate::kit::Backend::Postgres => {
                "CREATE TABLE found AS SELECT table_name AS name FROM information_schema.tables \
                 WHERE table_schema = current_schema() AND table_name <> 'found'"
            }
        };
        execute(&rows.store, all).await.unwrap();
        for table in Table::ALL.iter().map(|table| table.as_str()).chain(DO_NOT_GROW) {
            let is_there = format!("DELETE FROM found WHERE name = '{table}'");
            assert_eq!(execute(&rows.store, &is_there).await.unwrap(), 1, "{table}");
        }
        let others = execute(&rows.store, "DELETE FROM found").await.unwrap();
        assert_eq!(others, 0, "a table is in neither list");
        for table in Table::ALL {
            assert_eq!(rows.store.count_rows(table).await.unwrap(), 0, "{}", table.as_str());
        }
    }
}
