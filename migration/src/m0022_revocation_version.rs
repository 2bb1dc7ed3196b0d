//! A counter that moves whenever a token that was good may be good no longer: with an
//! issuance that is revoked or deleted, a client that changes its status or is deleted,
//! a user who is disabled or deleted. It moves in the transaction of the act, so who
//! reads it after the act was answered reads another number; what was remembered at the
//! same number is still true, on every replica.
//!
//! The database moves it by itself. Whoever changes these rows, by whatever statement,
//! cannot forget to.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The tables, and the columns that introspection goes by.
const WATCHED: [(&str, &[&str]); 3] = [
    ("issuances", &["jti", "client_id", "user_id", "revoked_at"]),
    ("clients", &["id", "status"]),
    ("users", &["id", "disabled_at"]),
];

/// Each row that changes or goes moves the counter on.
fn sqlite_trigger(table: &str, event: &str, condition: &str) -> String {
    let name = format!("{table}_{}_moves_revocation_version", &event[..6].to_lowercase());
    format!(
        "CREATE TRIGGER {name} AFTER {event} ON {table} {condition} BEGIN \
         UPDATE revocation_version SET version = version + 1; END"
    )
}

/// Once in a transaction, and as the last thing in it: the counter's row is locked until
/// the commit, and who holds that lock must not wait for another.
const POSTGRES_FUNCTION: &str = "
    CREATE FUNCTION move_revocation_version() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF current_setting('authserver.moved_in', true) IS DISTINCT FROM txid_current()::text THEN
            PERFORM set_config('authserver.moved_in', txid_current()::text, true);
            UPDATE revocation_version SET version = version + 1;
        END IF;
        RETURN NULL;
    END $$";

fn postgres_trigger(table: &str, event: &str, condition: &str) -> String {
    let name = format!("{table}_{}_moves_revocation_version", &event[..6].to_lowercase());
    format!(
        "CREATE CONSTRAINT TRIGGER {name} AFTER {event} ON {table} DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW {condition} EXECUTE FUNCTION move_revocation_version()"
    )
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("revocation_version")
                    .col(integer("id").primary_key())
                    .col(big_integer("version"))
                    .to_owned(),
            )
            .await?;
        let first = Query::insert()
            .into_table("revocation_version")
            .columns(["id", "version"])
            .values_panic([1.into(), 1.into()])
            .to_owned();
        manager.execute(first).await?;
        let (trigger, differ): (fn(&str, &str, &str) -> String, _) =
            match manager.get_database_backend() {
                DbBackend::Postgres => {
                    manager.get_connection().execute_unprepared(POSTGRES_FUNCTION).await?;
                    (postgres_trigger, "IS DISTINCT FROM")
                }
                _ => (sqlite_trigger, "IS NOT"),
            };
        for (table, columns) in WATCHED {
            let event = format!("UPDATE OF {}", columns.join(", "));
            let differs =
                columns.iter().map(|column| format!("OLD.{column} {differ} NEW.{column}"));
            let condition = format!("WHEN ({})", differs.collect::<Vec<_>>().join(" OR "));
            for statement in [trigger(table, &event, &condition), trigger(table, "DELETE", "")] {
                manager.get_connection().execute_unprepared(&statement).await?;
            }
        }
        Ok(())
    }
}
