//! Changing the master key: what the key before sealed is sealed again with the current one.
//!
//! A few rows at a time, each on condition that it still is what was read: servers may run, and
//! rotate, meanwhile, and what they change or delete stays so. Nothing is remembered between one
//! step and the next; what is left is what the old key still opens, so whoever is interrupted
//! goes on where it was. A row that does not open is named and passed over.

mod column;

use entities::{Store, StoreError, audit_event, key_schedule};
use protocol::envelope::{MasterId, Sealer, Unopened, sealed_by};

pub use column::Column;
use column::Envelope;

use crate::audit::{Event, Origin};
use crate::keys::KeyStoreError;
use crate::runtime::Environment;

/// Rows of one step at most.
pub const STEP: usize = 100;

/// How the rows of a table are sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Which table.
    pub table: &'static str,
    /// How many rows it has.
    pub rows: u64,
    /// Sealed with the current master key.
    pub current: u64,
    /// Sealed with the one before.
    pub old: u64,
    /// Sealed with neither of them, or not sealed at all.
    pub other: u64,
}

/// A row that cannot be sealed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsealable {
    /// Its table.
    pub table: &'static str,
    /// Its primary key, as text.
    pub row: String,
    /// Why, and what to do.
    pub why: Unopened,
}

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Rows that it sealed again.
    pub changed: u64,
    /// What it could not; complete in the last step.
    pub failures: Vec<Unsealable>,
    /// How everything is sealed now.
    pub left: Vec<Count>,
    /// Whether another step has something to do.
    pub more: bool,
}

/// A row that the key before sealed, and what is to be in its place.
struct Resealed {
    column: Column,
    old: Envelope,
    new: Vec<u8>,
}

/// How everything is sealed, table by table.
///
/// # Errors
/// When the store fails.
pub async fn census(store: &Store, sealer: &Sealer) -> Result<Vec<Count>, StoreError> {
    let all = read(store).await?;
    Ok(all.iter().map(|(column, rows)| counted(*column, rows, sealer)).collect())
}

/// Seals up to [`STEP`] rows again that the master key before sealed.
///
/// Nothing is announced to other servers (`News::Keys`, `News::Secrets`): what they hold opened in
/// memory is what is in the new envelopes, too.
///
/// # Errors
/// When the store fails; then nothing was changed.
pub async fn step(
    store: &Store,
    sealer: &Sealer,
    admin: &str,
    origin: &Origin,
    environment: &Environment,
) -> Result<Step, KeyStoreError> {
    let seen = read(store).await?;
    let (again, failures) = opened_anew(&seen, sealer, environment)?;
    let changed = match again.is_empty() {
        true => 0,
        false => put(store, again, admin, origin, environment).await?,
    };
    let now = read(store).await?;
    let is_hopeless = |column: Column, row: &str| {
        failures.iter().any(|failure| failure.table == column.table() && failure.row == row)
    };
    let more = now.iter().any(|(column, rows)| {
        let mut left = rows.iter().filter(|row| by(*column, row, sealer) == By::Old);
        left.any(|left| !is_hopeless(*column, &left.row))
    });
    let left = now.iter().map(|(column, rows)| counted(*column, rows, sealer)).collect();
    Ok(Step { changed, failures, left, more })
}

async fn read(store: &Store) -> Result<Vec<(Column, Vec<Envelope>)>, StoreError> {
    let read = store.read(|db| async move {
        let mut all = Vec::with_capacity(Column::ALL.len());
        for column in Column::ALL {
            all.push((column, column.envelopes(&db).await?));
        }
        Ok(all)
    });
    read.await
}

/// Who sealed a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Current,
    Old,
    Other,
}

fn by(column: Column, row: &Envelope, sealer: &Sealer) -> By {
    let is_old = |id: MasterId| sealer.old() == Some(id);
    match sealed_by(column.cell(&row.row), &row.sealed) {
        Ok(id) if id == sealer.current() => By::Current,
        Ok(id) if is_old(id) => By::Old,
        Ok(_) | Err(_) => By::Other,
    }
}

fn counted(column: Column, rows: &[Envelope], sealer: &Sealer) -> Count {
    let table = column.table();
    let mut count = Count { table, rows: 0, current: 0, old: 0, other: 0 };
    for row in rows {
        count.rows += 1;
        match by(column, row, sealer) {
            By::Current => count.current += 1,
            By::Old => count.old += 1,
            By::Other => count.other += 1,
        }
    }
    count
}

/// New envelopes for up to [`STEP`] rows, and the rows on the way there that have none.
fn opened_anew(
    seen: &[(Column, Vec<Envelope>)],
    sealer: &Sealer,
    environment: &Environment,
) -> Result<(Vec<Resealed>, Vec<Unsealable>), KeyStoreError> {
    let (mut again, mut failures) = (Vec::new(), Vec::new());
    let all = seen.iter().flat_map(|(column, rows)| rows.iter().map(|row| (*column, row)));
    for (column, row) in all.filter(|(column, row)| by(*column, row, sealer) != By::Current) {
        let cell = column.cell(&row.row);
        match sealer.open(column.kind(), cell, &row.sealed) {
            Ok(opened) => {
                let nonce = environment.random_bytes();
                let new = sealer.seal(column.kind(), cell, &opened.secret, nonce)?;
                again.push(Resealed { column, old: row.clone(), new });
            }
            Err(why) => {
                failures.push(Unsealable { table: column.table(), row: row.row.clone(), why });
            }
        }
        if again.len() == STEP {
            break;
        }
    }
    Ok((again, failures))
}

/// Puts the new envelopes in place of those that are still there; how many.
async fn put(
    store: &Store,
    again: Vec<Resealed>,
    admin: &str,
    origin: &Origin,
    environment: &Environment,
) -> Result<u64, StoreError> {
    let event = Event::new("data.reencrypted", origin).by(admin);
    let environment = environment.clone();
    let changed = store.write(move |transaction| {
        Box::pin(async move {
            key_schedule::hold(transaction).await?;
            let mut tables = Column::ALL.map(|column| (column, 0_u64));
            for Resealed { column, old, new } in again {
                let done = u64::from(column.reseal(transaction, old, new).await?);
                let its = tables.iter_mut().filter(|(table, _)| *table == column);
                its.for_each(|(_, rows)| *rows += done);
            }
            let told = tables.iter().filter(|(_, rows)| *rows > 0).map(|(column, rows)| {
                let event = event.clone().with("table", column.table()).with("rows", rows);
                event.stamped(&environment)
            });
            let told: Vec<_> = told.collect();
            if !told.is_empty() {
                audit_event::append(transaction, told).await?;
            }
            Ok(tables.iter().map(|(_, rows)| rows).sum())
        })
    });
    changed.await
}
