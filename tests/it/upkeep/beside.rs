//! Sweeping beside everything else: nobody waits for it, and it keeps up.

use std::time::{Duration, Instant};

use actors::janitor::{ListTurns, SweepNow};
use entities::sweep_turn;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::traffic::{ALL, Fed, count};
use crate::kit::stage::machine;
use crate::kit::{Backend, Server, TokenClient, on_both_databases};

const YEAR: u64 = 366 * 24 * 3600;
/// What a statement may add at once; PostgreSQL ends those that take longer than 8 s.
const AT_ONCE: u64 = 20_000;
/// The longest anybody may have waited, on a machine that is busy with other tests.
const BOUND: Duration = Duration::from_secs(3);

/// How many rows of each table a test leaves; more with this variable, to measure.
fn how_many() -> u64 {
    std::env::var("SWEEP_ROWS").map_or(4_000, |count| count.parse().unwrap())
}

/// The tables that get a row with each token.
fn per_token() -> impl Iterator<Item = &'static Fed> {
    ALL.iter().filter(|fed| ["issuances", "audit_events", "replay"].contains(&fed.table))
}

async fn fill(server: &Server, fed: &Fed, rows: u64) {
    let now = server.services.environment.now();
    for first in (1..=rows).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let numbers = first..(first + AT_ONCE).min(rows + 1);
        server.execute(&fed.rows(server.backend(), numbers, now, 3600)).await;
    }
}

/// Asks PostgreSQL for a number; nothing on SQLite.
async fn number(server: &Server, sql: String) -> Option<i64> {
    let dsn = server.services.config.storage.postgres.dsn.as_ref()?;
    let mut connection = PgConnection::connect(dsn.expose()).await.unwrap();
    let number = sqlx::query_scalar(AssertSqlSafe(sql));
    Some(number.fetch_one(&mut connection).await.unwrap())
}

/// Bytes the table and its indexes have; on SQLite those of all there is.
async fn size(server: &Server, table: &str) -> i64 {
    match number(server, format!("SELECT pg_total_relation_size('{table}')")).await {
        Some(size) => size,
        None => {
            let path = &server.services.config.storage.sqlite.path;
            let log =
                path.with_file_name(format!("{}-wal", path.file_name().unwrap().to_string_lossy()));
            server.execute("PRAGMA optimize").await;
            let of = |path| std::fs::metadata(path).map_or(0, |it| it.len());
            i64::try_from(of(path.as_path()) + of(log.as_path())).unwrap()
        }
    }
}

/// How long tokens took, one after the other, until `done`.
async fn tokens_until(
    server: &Server,
    robot: &TokenClient,
    done: impl Fn() -> bool,
) -> Vec<Duration> {
    let mut waits = Vec::new();
    while !done() {
        let asked = Instant::now();
        let answer = robot.token(server, &[("grant_type", "client_credentials")]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        waits.push(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    waits.sort_unstable();
    waits
}

fn told(waits: &[Duration]) -> String {
    let at = |share: usize| waits.get((waits.len() * share / 100).min(waits.len() - 1)).copied();
    let [middle, late, longest] = [50, 99, 100].map(|share| at(share).unwrap_or_default());
    format!("{} tokens, p50 {middle:.1?}, p99 {late:.1?}, longest {longest:.1?}", waits.len())
}

async fn turn_of_now(server: &Server) -> Option<sweep_turn::Model> {
    let now = server.services.environment.now();
    let turns = server.services.keepers.janitor.ask(ListTurns).await.unwrap().unwrap();
    turns.into_iter().find(|turn| turn.began_at == now)
}

on_both_databases! {
    /// One round of the janitor's own, in real time. `docs/operations.md` has what this prints for
    /// 150,000 rows.
    #[expect(clippy::print_stdout, reason = "a measurement is for whoever asked for it")]
    async fn a_round_of_sweeping_keeps_up_and_holds_nobody_up(server: Server) {
        let rows = how_many();
        let robot = TokenClient::of(&server.client(machine("tools")).await);
        server.resource("tools", "https://tools.example/mcp", &["tools"]).await;
        for fed in per_token() {
            let before = size(server, fed.table).await;
            fill(server, fed, rows).await;
            let bytes = (size(server, fed.table).await - before) / i64::try_from(rows).unwrap();
            println!("{:?}: {} has {bytes} bytes a row", server.backend(), fed.table);
        }
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let alone = tokens_until(server, &robot, || {
            asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= 100
        });
        let alone = alone.await;
        // Everything is over, and the next round is due.
        server.wait(2 * YEAR);
        let over = std::sync::atomic::AtomicBool::new(false);
        let round = async {
            let turn = loop {
                if let Some(turn) = turn_of_now(server).await {
                    break turn;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            };
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            turn
        };
        let asking = tokens_until(server, &robot, || over.load(std::sync::atomic::Ordering::Relaxed));
        let (turn, beside) = tokio::join!(round, asking);
        let swept: u64 = turn.swept.0.values().sum();
        println!(
            "{:?}: {swept} rows went in a round of {} ms, {:?}; before it {}; beside it {}",
            server.backend(), turn.took_ms, turn.swept.0, told(&alone), told(&beside)
        );
        let dead = "SELECT sum(n_dead_tup)::bigint FROM pg_stat_user_tables";
        println!("dead rows: {:?}", number(server, dead.to_owned()).await);
        assert_eq!(turn.error, None);
        for fed in per_token() {
            // As many as a round may sweep of a table, or all there were.
            let least = rows.min(100_000);
            assert!(turn.swept.0[fed.table] >= least || turn.took_ms >= 30_000, "{turn:?}");
        }
        assert!(beside.last().is_none_or(|longest| *longest < BOUND), "{}", told(&beside));
    }

    /// Both are told to sweep all there is at the same moment, while tokens are made at both.
    async fn two_servers_that_sweep_at_once_do_the_work_once(server: Server) {
        let rows = how_many().min(20_000);
        let robot = TokenClient::of(&server.client(machine("tools")).await);
        server.resource("tools", "https://tools.example/mcp", &["tools"]).await;
        let other = server.replica().await;
        server.wait(1);
        for fed in per_token() {
            fill(server, fed, rows).await;
        }
        let before = count(server, "audit_events").await;
        // Three years, so that they are over, without a clock that moves: no round begins by itself.
        for (table, column) in
            [("issuances", "expires_at"), ("audit_events", "created_at"), ("replay", "expires_at")]
        {
            let end = "'2020-01-01 00:00:00+00:00'";
            server.execute(&format!("UPDATE {table} SET {column} = {end}")).await;
        }
        let over = std::sync::atomic::AtomicBool::new(false);
        let done = || over.load(std::sync::atomic::Ordering::Relaxed);
        let sweep = async {
            let (here, there) = tokio::join!(
                server.services.keepers.janitor.ask(SweepNow),
                other.services.keepers.janitor.ask(SweepNow)
            );
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            (here.unwrap().unwrap(), there.unwrap().unwrap())
        };
        let (swept, here, there) = tokio::join!(
            sweep,
            tokens_until(server, &robot, done),
            tokens_until(&other, &robot, done)
        );
        assert_eq!(swept.0 + swept.1, 2 * rows + before, "each row is somebody's: {swept:?}");
        assert_eq!(count(server, "replay").await, 0);
        for waits in [here, there] {
            assert!(waits.last().is_none_or(|longest| *longest < BOUND), "{}", told(&waits));
        }
        other.stop().await;
    }

    /// A sweep that waited for a row could be waited for by who holds it.
    async fn a_row_that_somebody_holds_is_left_for_the_next_time(server: Server) {
        if server.backend() == Backend::Sqlite {
            // There is one writer: nobody holds a row while somebody else sweeps.
            return;
        }
        for fed in ALL.iter().filter(|fed| fed.table != "clients") {
            fill(server, fed, 10).await;
        }
        let holds = |fed: &Fed| match fed.table {
            "issuances" => "jti",
            "replay" => "key",
            "authorization_codes" => "code_hash",
            "sessions" => "id_hash",
            "attempts" | "budgets" => "identity",
            _ => "id",
        };
        let (held, is_held) = tokio::sync::oneshot::channel();
        let (release, released) = tokio::sync::oneshot::channel::<()>();
        let store = server.services.store.clone();
        let locks: Vec<String> = ALL
            .iter()
            .filter(|fed| fed.table != "clients")
            .map(|fed| {
                let (table, key) = (fed.table, holds(fed));
                format!("SELECT 1 FROM {table} WHERE {key} = (SELECT max({key}::text) FROM {table})::{}",
                    if ["replay", "authorization_codes", "sessions", "attempts", "budgets"].contains(&table) { "bytea" } else { "uuid" })
                    + " FOR UPDATE"
            })
            .collect();
        let holding = tokio::spawn(async move {
            let work = store.write(move |transaction| {
                Box::pin(async move {
                    use entities::ConnectionTrait as _;
                    for lock in locks {
                        let rows = transaction.execute_unprepared(&lock).await?.rows_affected();
                        assert_eq!(rows, 1, "{lock}");
                    }
                    held.send(()).unwrap();
                    drop(released.await);
                    Ok(())
                })
            });
            work.await.unwrap();
        });
        is_held.await.unwrap();
        // In the past, so that they are swept, and the clock does not move.
        let retention = actors::janitor::Retention { audit: Some(Duration::ZERO), ..Default::default() };
        let later = actors::runtime::TestClock::starting_at(
            server.services.environment.now() + Duration::from_secs(2 * YEAR),
        );
        let environment = actors::runtime::Environment::new(
            std::sync::Arc::new(later),
            std::sync::Arc::new(actors::runtime::SystemRandom),
        );
        let store = server.services.store.clone();
        let mut sweeper = actors::janitor::Sweeper::new(store, environment, retention);
        for chore in actors::janitor::Chore::all() {
            let step = tokio::time::timeout(Duration::from_secs(2), sweeper.step(chore)).await;
            step.unwrap_or_else(|_| panic!("{} waits", chore.as_str())).unwrap();
        }
        for fed in ALL.iter().filter(|fed| fed.table != "clients") {
            assert_eq!(count(server, fed.table).await, 1, "{}", fed.table);
        }
        release.send(()).unwrap();
        holding.await.unwrap();
    }
}
