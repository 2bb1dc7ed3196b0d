//! Counting what is there, for the gauges.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use entities::table::Table;
use entities::{Store, client, family};

use super::{Counted, Rounds};

/// Every so many rounds the rows of all tables are counted: that reads much.
const ROWS_EVERY: u64 = 10;

pub(super) async fn take(store: Store, now: DateTime<Utc>, round: u64, rounds: Rounds) {
    let counted = store
        .read(move |db| async move {
            Ok((client::count_active(&db).await?, family::count_live(&db, now).await?))
        })
        .await;
    let shown = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    match counted {
        Ok((clients, families)) => {
            metrics::gauge!("authserver_active_clients").set(shown(clients));
            metrics::gauge!("authserver_active_token_families").set(shown(families));
        }
        Err(error) => tracing::warn!(%error, "clients and families could not be counted"),
    }
    if !round.is_multiple_of(ROWS_EVERY) {
        return;
    }
    let mut counted = Counted { at: now, rows: BTreeMap::new() };
    for table in Table::ALL {
        match store.count_rows(table).await {
            Ok(rows) => {
                let rows = u64::try_from(rows).unwrap_or_default();
                metrics::gauge!("authserver_table_rows", "table" => table.as_str())
                    .set(shown(rows));
                counted.rows.insert(table.as_str(), rows);
            }
            Err(error) => {
                tracing::warn!(%error, table = table.as_str(), "rows could not be counted");
            }
        }
    }
    rounds.have_counted(counted);
}
