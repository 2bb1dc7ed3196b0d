//! Sweeps what has expired, a little at a time, one replica at a time.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entities::store::Turn;
use entities::sweep::Expiring;
use entities::{Store, StoreError, client, family};

use crate::runtime::{Ask, Desk, Environment, Keeper, Letter, Receive};

/// Rows deleted in one statement at most.
const BATCH: u64 = 500;

/// How long a row outlives its expiry. A day, so that an operator can look at what
/// happened yesterday and clocks may disagree; but anybody can open an authorization
/// request or fail to sign in, so those go as soon as they are of no use.
fn kept_for(table: Expiring) -> TimeDelta {
    match table {
        Expiring::AuthorizationRequests | Expiring::Attempts | Expiring::Budgets => {
            TimeDelta::zero()
        }
        _ => TimeDelta::days(1),
    }
}

/// "Sweep now", for tests and for the operator who cannot wait.
#[derive(Debug, Clone, Copy)]
pub struct SweepNow;

impl Ask for SweepNow {
    /// How many rows went.
    type Reply = Result<u64, StoreError>;
}

/// Owns the sweeping of expired rows.
#[derive(Debug)]
pub struct Janitor {
    store: Store,
    environment: Environment,
    busy: bool,
}

impl Janitor {
    /// A keeper over `store`.
    #[must_use]
    pub fn new(store: Store, environment: Environment) -> Janitor {
        Janitor { store, environment, busy: false }
    }
}

/// Counts what lives, for the gauges.
async fn census(store: Store, now: DateTime<Utc>) {
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
}

/// Sweeps every table until nothing expired is left or another replica is at it.
async fn sweep(store: Store, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let mut swept = 0;
    for table in Expiring::ALL {
        loop {
            let batch = sweep_batch(&store, table, now - kept_for(table)).await?;
            swept += batch;
            if batch < BATCH {
                break;
            }
        }
    }
    Ok(swept)
}

async fn sweep_batch(
    store: &Store,
    table: Expiring,
    before: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let turns = store.clone();
    store
        .write(move |transaction| {
            Box::pin(async move {
                if !turns.claim_turn(transaction, Turn::Sweep).await? {
                    return Ok(0);
                }
                table.sweep(transaction, before, BATCH).await
            })
        })
        .await
}

impl Keeper for Janitor {
    const NAME: &'static str = "janitor";
    const CAPACITY: usize = 4;
    const TICK: Option<Duration> = Some(Duration::from_secs(60));

    fn tick(&mut self, desk: &mut Desk<'_, Self>) {
        if self.busy {
            return;
        }
        self.busy = true;
        desk.spawn(census(self.store.clone(), self.environment.now()), |_, (), _| {});
        desk.spawn(sweep(self.store.clone(), self.environment.now()), |janitor, outcome, _| {
            janitor.busy = false;
            match outcome {
                Ok(0) => {}
                Ok(rows) => tracing::debug!(rows, "swept what had expired"),
                Err(error) => tracing::warn!(%error, "sweeping failed; it is tried again"),
            }
        });
    }
}

impl Receive<SweepNow> for Janitor {
    fn receive(&mut self, letter: Letter<SweepNow>, desk: &mut Desk<'_, Self>) {
        let Some((SweepNow, answer)) = letter.open() else { return };
        let work = sweep(self.store.clone(), self.environment.now());
        desk.spawn(work, |_, outcome, _| answer.give(outcome));
    }
}
