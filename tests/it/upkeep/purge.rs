//! `authserver purge`.

use serde_json::{Value, json};

use crate::kit::behind::execute;
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

async fn purged(installation: &Installation, more: &[&str]) -> Value {
    let ended = installation.run(&[&["purge", "--json"], more].concat(), "").await;
    assert!(ended.status.success(), "{ended:?}");
    serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("not JSON: {ended:?}"))
}

on_both_databases! {
    async fn everything_that_expired_goes_and_the_report_says_how_much(backend: Backend) {
        let installation = with_old_rows(backend, 7).await;
        let report = purged(&installation, &["--only", "families,clients"]).await;
        assert_eq!(report, json!({ "finished": true, "swept": { "families": 0, "clients": 0 } }));
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
