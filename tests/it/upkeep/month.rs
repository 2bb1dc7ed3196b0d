//! A month of steady traffic, in which every table keeps its size.
//!
//! The clock is moved, and the janitor has its rounds as it always does: one for each time the
//! clock goes past its next. Fifty tokens a second are 130 million in a month, so this is a
//! 2000th of that, in rounds of twelve hours instead of a minute. What bounds a round is not
//! reached here (every round says that nothing was left), nor at fifty a second: that is measured
//! in `beside.rs`, in real time.

use actors::janitor::ListTurns;

use super::traffic::{ALL, Fed, count};
use crate::kit::{Server, on_both_databases};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
const ROUND: u64 = 12 * HOUR;
/// Tokens in a round: fifty a second would be 2000 times as many.
const TOKENS: u64 = 50 * ROUND / 2000;

/// For how many seconds rows are kept after the end of their use, under the settings below.
fn kept(table: &str) -> u64 {
    match table {
        "issuances" => 5 * DAY,
        "audit_events" => 10 * DAY,
        "consent_grants" | "clients" => 7 * DAY,
        "replay" => 300,
        "authorization_requests" | "attempts" | "budgets" => 0,
        _ => DAY,
    }
}

/// As many rows as there may be at the end of a round: those whose time is not over, those that
/// came during the round, and one for each that is on a border.
fn most(fed: &Fed) -> u64 {
    let lives = fed.used_for + kept(fed.table);
    (TOKENS / fed.each) * lives / ROUND + TOKENS / fed.each + 1
}

/// Waits for the janitor's own round of this moment.
async fn round(server: &Server) {
    let now = server.services.environment.now();
    for _ in 0..6000 {
        let turns = server.services.keepers.janitor.ask(ListTurns).await.unwrap().unwrap();
        if let Some(turn) = turns.first().filter(|turn| turn.began_at == now) {
            assert_eq!((turn.finished, &turn.error), (true, &None), "{turn:?}");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("there was no round");
}

/// Lets `days` pass; which tables had more rows than they may have, when that was.
async fn grown_in(server: &Server, days: u64) -> Vec<(u64, &'static str, u64)> {
    let mut grown = Vec::new();
    for turn in 0..days * DAY / ROUND {
        let now = server.services.environment.now();
        for fed in &ALL {
            let number = TOKENS / fed.each;
            let numbers = turn * number + 1..(turn + 1) * number + 1;
            let rows = fed.rows(server.backend(), numbers, now, ROUND);
            assert_eq!(server.execute(&rows).await, number, "{}", fed.table);
        }
        server.wait(ROUND);
        round(server).await;
        for fed in &ALL {
            let rows = count(server, fed.table).await;
            // Sweeping clients is written down, a row for a hundred of them.
            let told = if fed.table == "audit_events" { most(fed) / 100 } else { 0 };
            if rows > most(fed) + told {
                grown.push((turn, fed.table, rows));
            }
        }
    }
    grown
}

on_both_databases! {
    async fn in_a_simulated_month_no_table_holds_more_than_its_rows_live(server: Server)
    with [
        ("AUTHPLANE_RETENTION_AUDIT", "10d"),
        ("AUTHPLANE_RETENTION_ISSUANCES", "5d"),
        ("AUTHPLANE_RETENTION_ENDED", "7d"),
        ("AUTHPLANE_DCR_UNUSED_CLIENT_TTL", "7d"),
    ] {
        let grown = grown_in(server, 30).await;
        assert!(grown.is_empty(), "round, table, rows: {grown:?}");
        // And none of them was swept before its time.
        for fed in &ALL {
            let least = (TOKENS / fed.each) * (fed.used_for + kept(fed.table)) / ROUND;
            let rows = count(server, fed.table).await;
            assert!(rows + 1 >= least.min(TOKENS / fed.each * 60), "{} has {rows}", fed.table);
        }
    }

    /// The law above can be broken: here by a table that is swept later than it says.
    async fn a_table_that_is_not_swept_is_found_out(server: Server)
    with [
        ("AUTHPLANE_RETENTION_AUDIT", "10d"),
        ("AUTHPLANE_RETENTION_ISSUANCES", "300d"),
        ("AUTHPLANE_RETENTION_ENDED", "7d"),
        ("AUTHPLANE_DCR_UNUSED_CLIENT_TTL", "7d"),
    ] {
        let grown = grown_in(server, 8).await;
        assert!(!grown.is_empty(), "nobody noticed");
        assert!(grown.iter().all(|(_, table, _)| *table == "issuances"), "{grown:?}");
    }
}
