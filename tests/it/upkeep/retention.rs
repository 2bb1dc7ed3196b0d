//! Tables do not grow with time: what nobody needs any more goes.

use actors::janitor::SweepNow;
use entities::table::Table;

use crate::kit::scene::{REDIRECT, public_app};
use crate::kit::stage::{Stage, Tokens};
use crate::kit::{Server, on_both_databases};

const DAY: u64 = 24 * 3600;

async fn rows(server: &Server) -> Vec<(&'static str, i64)> {
    let mut counted = Vec::new();
    for table in Table::ALL {
        counted.push((table.as_str(), server.services.store.count_rows(table).await.unwrap()));
    }
    counted
}

/// One day of steady use.
async fn day(server: &Server, stage: &Stage) {
    for _ in 0..2 {
        let tokens = stage.tokens(server).await;
        Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);
        public_app(server, &[REDIRECT]).await;
    }
    stage.decision(server).await;
    server.wait(DAY);
    server.services.keepers.janitor.ask(SweepNow).await.unwrap().unwrap();
}

on_both_databases! {
    async fn at_a_steady_rate_every_table_keeps_its_size(server: Server)
    with [
        ("AUTHPLANE_RETENTION_AUDIT", "10d"),
        ("AUTHPLANE_RETENTION_ISSUANCES", "5d"),
        ("AUTHPLANE_DCR_UNUSED_CLIENT_TTL", "7d"),
        ("AUTHPLANE_DCR_RATE_LIMIT", "100000/s"),
    ] {
        let stage = Stage::set(server).await;
        for _ in 0..15 {
            day(server, &stage).await;
        }
        let early = rows(server).await;
        for _ in 0..30 {
            day(server, &stage).await;
        }
        // What was swept together and what one by one differs by a few audit rows.
        for ((table, then), (_, now)) in early.into_iter().zip(rows(server).await) {
            assert!(now <= then + then / 10 + 2, "{table} grew from {then} to {now}");
        }
    }

    async fn a_table_that_cannot_be_swept_keeps_no_other_from_it(server: Server)
    with [("AUTHPLANE_RETENTION_ISSUANCES", "1d")] {
        let stage = Stage::set(server).await;
        stage.tokens(server).await;
        let count = async |table: &str| {
            rows(server).await.iter().find(|(name, _)| *name == table).unwrap().1
        };
        assert_eq!(count("issuances").await, 1);
        server.execute("ALTER TABLE replay RENAME TO elsewhere").await;
        server.wait(3 * DAY);
        let swept = server.services.keepers.janitor.ask(SweepNow).await.unwrap();
        assert!(swept.is_err(), "{swept:?}");
        server.execute("ALTER TABLE elsewhere RENAME TO replay").await;
        assert_eq!(count("issuances").await, 0);
        assert_eq!(count("authorization_codes").await, 0);
    }

    async fn an_audit_row_goes_after_its_time_and_an_issuance_later_than_its_token(
        server: Server
    )
    with [("AUTHPLANE_RETENTION_AUDIT", "2d"), ("AUTHPLANE_RETENTION_ISSUANCES", "1d")] {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        server.wait(DAY);
        server.services.keepers.janitor.ask(SweepNow).await.unwrap().unwrap();
        assert_eq!(server.audited("token.issued", &[]).await, 1);
        server.issuance_of(&tokens.access).await;
        server.wait(DAY + 1);
        server.services.keepers.janitor.ask(SweepNow).await.unwrap().unwrap();
        assert_eq!(server.audited("token.issued", &[]).await, 0);
        let row = |rows: Vec<(&str, i64)>, name| {
            rows.iter().find(|(table, _)| *table == name).unwrap().1
        };
        assert_eq!(row(rows(server).await, "issuances"), 0);
        Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);
    }
}
