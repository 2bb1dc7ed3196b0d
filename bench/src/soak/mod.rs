//! A long run at a fixed rate: does anything grow?
//!
//! All that clients, people and strangers do comes in one mix (see [`acts`]), each act when
//! its time has come, whatever became of those before: a server that falls behind shows in
//! the latencies. Lifetimes are short, so that most of what expires is swept within minutes.
//! Once a minute is noted what the server holds; [`verdict`] looks at that in the end.

pub mod acts;
pub mod sample;
pub mod verdict;

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use futures::future::join_all;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until};

use crate::Outcome;
use crate::http::Connection;
use crate::program::Program;
use crate::scene::Installation;
use acts::{Act, World};
use sample::{Counts, Sample, Tables};

/// Connections that take turns.
const CONNECTIONS: usize = 32;
/// Lifetimes and windows: as short as still makes sense, so that what is swept soon after
/// its end comes and goes many times in the run.
const SETTINGS: &[(&str, &str)] = &[
    ("OAUTH_CODE_EXPIRY", "10s"),
    ("OAUTH_STATE_MAX_AGE", "1m"),
    ("OAUTH_REFRESH_GRACE", "5s"),
    ("DCR_DEFAULT_TOKEN_EXPIRY", "1m"),
    ("DCR_RATE_LIMIT", "100/s"),
    ("DCR_RATE_LIMIT_BURST", "1000"),
    ("CLIENT_CREDENTIALS_TOKEN_EXPIRY", "1m"),
    ("RETENTION_ISSUANCES", "1m"),
    ("RATE_LIMIT_AUTH_FAIL_WINDOW", "1m"),
    ("RATE_LIMIT_AUTH_LOCKOUT", "1m"),
];

/// How long, how much, on what.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The `authserver` program.
    pub program: PathBuf,
    /// Where database and log go.
    pub folder: PathBuf,
    /// An empty PostgreSQL database; SQLite without.
    pub dsn: Option<String>,
    /// Acts in a second.
    pub rate: u32,
    /// How long in all.
    pub time: Duration,
    /// Between two samples.
    pub every: Duration,
}

/// Carries the plan out; `progress` is told each sample.
///
/// # Errors
/// When the server does not start or cannot be looked at. A wrong answer is counted, and
/// the run goes on.
pub async fn carry_out(plan: Plan, mut progress: impl FnMut(&Sample)) -> Outcome<Vec<Sample>> {
    let dsn = plan.dsn.as_deref();
    let folder = plan.folder.clone();
    let installation = Installation::create(&plan.program, folder, dsn, "ES256", SETTINGS)?;
    let program = installation.start().await?;
    let mut tables = Tables::open(dsn, installation.sqlite()).await?;
    let world = Rc::new(World::new(installation).await?);
    let begun = Instant::now();
    let schedule = Rc::new(Schedule {
        next: Cell::new(0),
        begun,
        end: begun + plan.time,
        pause: Duration::from_secs(1) / plan.rate.max(1),
        counts: RefCell::default(),
    });
    let tasks = LocalSet::new();
    let turns: Vec<_> = (0..CONNECTIONS)
        .map(|_| tasks.spawn_local(take_turns(Rc::clone(&schedule), Rc::clone(&world))))
        .collect();
    let mut turns = Some(join_all(turns));
    let watch = async {
        let mut samples = vec![look(&program, &mut tables, &schedule).await?];
        while Instant::now() < schedule.end {
            sleep_until((Instant::now() + plan.every).min(schedule.end)).await;
            // The last sample has whatever was late in it.
            if let Some(turns) = turns.take_if(|_| Instant::now() >= schedule.end) {
                drop(turns.await);
            }
            let sample = look(&program, &mut tables, &schedule).await?;
            progress(&sample);
            samples.push(sample);
        }
        Ok(samples)
    };
    tasks.run_until(watch).await
}

async fn look(program: &Program, tables: &mut Tables, schedule: &Schedule) -> Outcome<Sample> {
    let counts = schedule.counts.take();
    let rows = tables.count().await?;
    Sample::new(schedule.begun.elapsed(), program, counts, rows)
}

/// When which act is due.
struct Schedule {
    next: Cell<u32>,
    begun: Instant,
    end: Instant,
    pause: Duration,
    counts: RefCell<Counts>,
}

impl Schedule {
    /// The next act and its time; none after the end.
    fn next(&self) -> Option<(u32, Instant)> {
        let number = self.next.get();
        self.next.set(number.wrapping_add(1));
        let due = self.begun + self.pause.checked_mul(number)?;
        (due < self.end).then_some((number, due))
    }
}

/// One connection: takes the next act, waits for its time, does it.
async fn take_turns(schedule: Rc<Schedule>, world: Rc<World>) {
    let mut connection = None;
    while let Some((number, due)) = schedule.next() {
        // A timer is up to a millisecond late, which is not the server's fault; an act
        // that begins late because all connections wait for answers is.
        let begun = if Instant::now() < due {
            sleep_until(due).await;
            Instant::now()
        } else {
            due
        };
        let act = Act::number(number);
        let done = match connected(&mut connection, &world).await {
            Ok(connection) => act.carry_out(number, &world, connection).await,
            Err(error) => Err(error),
        };
        if done.is_err() {
            connection = None;
        }
        schedule.counts.borrow_mut().add(act, begun.elapsed(), done);
    }
}

async fn connected<'a>(
    connection: &'a mut Option<Connection>,
    world: &World,
) -> Outcome<&'a mut Connection> {
    let there = match connection.take() {
        Some(there) => there,
        None => Connection::to(world.installation.address()).await?,
    };
    Ok(connection.insert(there))
}
