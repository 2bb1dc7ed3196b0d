//! Many rows in one statement, whatever their number.
//!
//! The rows travel as one JSON parameter, so the statement has the same text for one row
//! and for a hundred: it is built once for a process, prepared once for a connection, and
//! nothing is bound value by value. The databases store the same bytes as for a row that
//! is inserted by itself; a test compares them.

use std::sync::OnceLock;

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::StoreError;
use super::dialect::{Travels, select_given};

/// A statement over the rows that come with it: its text for each database.
pub(crate) struct Given {
    /// What the rows have.
    columns: &'static [(&'static str, Travels)],
    /// The statement around the query that yields the rows.
    around: fn(rows: &str) -> String,
    sqlite: OnceLock<String>,
    postgres: OnceLock<String>,
}

impl Given {
    pub(crate) const fn new(
        columns: &'static [(&'static str, Travels)],
        around: fn(rows: &str) -> String,
    ) -> Given {
        Given { columns, around, sqlite: OnceLock::new(), postgres: OnceLock::new() }
    }

    /// The statement with these rows as `$1` and `more` as `$2` and on.
    fn statement<R: Serialize>(
        &self,
        backend: DbBackend,
        rows: &[R],
        more: impl IntoIterator<Item = Value>,
    ) -> Result<Statement, StoreError> {
        let text = match backend {
            DbBackend::Postgres => &self.postgres,
            _ => &self.sqlite,
        };
        let text = text.get_or_init(|| (self.around)(&select_given(backend, self.columns)));
        let rows = serde_json::to_string(rows)
            .map_err(|error| StoreError::Refused(format!("rows cannot be written: {error}")))?;
        let values = std::iter::once(Value::from(rows)).chain(more);
        Ok(Statement::from_sql_and_values(backend, text, values))
    }

    /// Runs the statement; nothing happens without rows.
    pub(crate) async fn execute<C: ConnectionTrait, R: Serialize>(
        &self,
        db: &C,
        rows: &[R],
    ) -> Result<(), StoreError> {
        if !rows.is_empty() {
            db.execute_raw(self.statement(db.get_database_backend(), rows, [])?).await?;
        }
        Ok(())
    }

    /// Runs the statement; what it returns.
    pub(crate) async fn returning<C: ConnectionTrait, R: Serialize>(
        &self,
        db: &C,
        rows: &[R],
        more: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<QueryResult>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let statement = self.statement(db.get_database_backend(), rows, more)?;
        Ok(db.query_all_raw(statement).await?)
    }
}

/// `INSERT` of the given rows into `table`.
pub(crate) fn insert_into(table: &str, columns: &[(&str, Travels)], rows: &str) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    format!("INSERT INTO {table} ({}) {rows}", names.join(", "))
}

/// A UUID as it travels.
pub(crate) struct Id(pub(crate) Uuid);

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.simple().encode_lower(&mut Uuid::encode_buffer()))
    }
}

/// A moment as it travels, which is also how SQLite's driver writes one: moments in that
/// database are compared as text.
pub(crate) struct Moment(pub(crate) DateTime<Utc>);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, false))
    }
}

/// Bytes as they travel.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&protocol::text::hex(self.0))
    }
}

/// `ids` brought up to the next power of two by repeating the last one: an `IN` list of
/// few lengths is a statement of few texts, each of which is prepared once.
pub(crate) fn padded<T: Clone>(mut ids: Vec<T>) -> Vec<T> {
    if let Some(last) = ids.last().cloned() {
        ids.resize(ids.len().next_power_of_two(), last);
    }
    ids
}
