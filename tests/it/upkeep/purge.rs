//! `authserver purge`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::kit::behind::execute;
use crate::kit::leash::Leashed;
use crate::kit::process::Installation;
use crate::kit::{Backend, on_both_databases};

/// A session that ended in 2020.
fn old_session(number: usize) -> String {
    format!(
        "INSERT INTO sessions (id_hash, user_id, auth_time, amr, expires_at) VALUES \
         ({}, {}, '2020-01-01 00:00:00+00:00', '[]', '2020-01-02 00:00:00+00:00')",
        format_args!("decode_me_{number}"),
        "nobody",
    )
}

async fn with_old_rows(backend: Backend, rows: usize) -> Installation {
    let installation = Installation::new(backend).await;
    let migrated = installation.run(&["migrate"], "").await;
    assert!(migrated.status.success(), "{migrated:?}");
    let store = installation.store().await;
    for number in 0..rows {
        let (hash, user) = match backend {
            Backend::Sqlite => (format!("x'{number:064x}'"), format!("x'{number:032x}'")),
            Backend::Postgres => (
                format!("decode('{number:064x}', 'hex')"),
                format!("'00000000-0000-7000-8000-{number:012x}'::uuid"),
            ),
        };
        let sql = old_session(number)
            .replace(&format!("decode_me_{number}"), &hash)
            .replace("nobody", &user);
        execute(&store, &sql).await.unwrap();
    }
    store.close().await;
    installation
}

/// So many sessions that ended long ago, in one go.
fn many_old_sessions(backend: Backend, rows: u64) -> String {
    let (hash, user) = match backend {
        Backend::Sqlite => {
            ("CAST(printf('%032d', n) AS BLOB)", "x'00000000000070008000000000000001'")
        }
        Backend::Postgres => (
            "decode(lpad(n::text, 32, '0'), 'hex')",
            "'00000000-0000-7000-8000-000000000001'::uuid",
        ),
    };
    let ended = match backend {
        Backend::Sqlite => "'2020-01-02 00:00:00+00:00'",
        Backend::Postgres => "'2020-01-02 00:00:00+00'::timestamptz",
    };
    let json = match backend {
        Backend::Sqlite => "'[]'",
        Backend::Postgres => "'[]'::jsonb",
    };
    format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows}) \
         INSERT INTO sessions (id_hash, user_id, auth_time, amr, expires_at) \
         SELECT {hash}, {user}, {ended}, {json}, {ended} FROM numbers"
    )
}

async fn purged(installation: &Installation, more: &[&str]) -> Value {
    let ended = installation.run(&[&["purge", "--json"], more].concat(), "").await;
    assert!(ended.status.success(), "{ended:?}");
    serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("not JSON: {ended:?}"))
}

on_both_databases! {
    async fn everything_that_expired_goes_and_the_report_says_how_much(backend: Backend) {
        let installation = with_old_rows(backend, 7).await;
        let report = purged(&installation, &["--only", "families,clients,admin_keys"]).await;
        let nothing = json!({ "families": 0, "clients": 0, "admin_keys": 0 });
        assert_eq!(report, json!({ "finished": true, "swept": nothing }));
        let report = purged(&installation, &["--timeout", "0s"]).await;
        assert_eq!(report, json!({ "finished": false, "swept": {} }));

        let told = installation.run(&["purge"], "").await;
        assert!(told.status.success(), "{told:?}");
        let line = told.out.lines().find(|line| line.contains("sessions")).unwrap();
        assert!(line.contains('7'), "{told:?}");
        let again = purged(&installation, &[]).await;
        assert_eq!(again["swept"]["sessions"], 0);
        assert_eq!(again["finished"], true);
    }

    async fn interrupted_it_stops_between_steps_and_says_how_far_it_got(backend: Backend) {
        const ROWS: u64 = 100_000;
        let installation = with_old_rows(backend, 0).await;
        let store = installation.store().await;
        execute(&store, &many_old_sessions(backend, ROWS)).await.unwrap();
        assert_eq!(installation.count("sessions").await, ROWS);

        let mut purge = installation.begin(&["purge", "--json", "--only", "sessions"]);
        let begun = async |_: &Leashed| (installation.count("sessions").await < ROWS).then_some(());
        purge.until(Duration::from_secs(30), begun).await;
        purge.signal("INT");
        let status = purge.end_within(Duration::from_secs(10)).await;
        assert_eq!(status.code(), Some(1), "{}", purge.tail());
        let report: Value = serde_json::from_str(&purge.out()).unwrap();
        let swept = report["swept"]["sessions"].as_u64().unwrap();
        assert_eq!(report["finished"], false, "{report}");
        assert!((1..ROWS).contains(&swept), "{report}");
        assert_eq!(installation.count("sessions").await, ROWS - swept, "what it says is what it did");
        assert!(purge.err().contains("run it again"), "{}", purge.err());

        let rest = purged(&installation, &["--only", "sessions"]).await;
        assert_eq!(rest, json!({ "finished": true, "swept": { "sessions": ROWS - swept } }));
        store.close().await;
    }

    async fn a_table_nobody_knows_is_refused_with_those_there_are(backend: Backend) {
        let installation = Installation::new(backend).await;
        let ended = installation.run(&["purge", "--only", "users"], "").await;
        assert!(!ended.status.success());
        assert!(ended.err.contains("audit_events") && ended.err.contains("sessions"), "{ended:?}");
        let ended = installation.run(&["purge", "--timeout", "5"], "").await;
        assert!(!ended.status.success());
        assert!(ended.err.contains("10m") || ended.err.contains("unit"), "{ended:?}");
    }
}
