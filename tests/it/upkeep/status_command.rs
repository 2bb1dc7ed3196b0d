//! `authserver status`.

use std::time::Duration;

use serde_json::Value;

use crate::kit::leash::Leashed;
use crate::kit::process::Installation;
use crate::kit::{Backend, on_both_databases};

const KEY: &str = "the-key-of-this-test-0123456789abcdef";

async fn installation(backend: Backend) -> Installation {
    Installation::new(backend).await.with("AUTHPLANE_ADMIN_API_KEY", KEY)
}

/// Waits until a command has printed something with `words` in it.
async fn until_it_says(command: &mut Leashed, words: &str) {
    let says = async |command: &Leashed| command.out().contains(words).then_some(());
    command.until(Duration::from_secs(30), says).await;
}

on_both_databases! {
    async fn it_asks_the_configured_server_and_ends_by_how_that_is(backend: Backend) {
        let installation = installation(backend).await;
        let nobody = installation.run(&["status"], "").await;
        assert_eq!(nobody.status.code(), Some(1), "{nobody:?}");
        assert!(nobody.err.contains("authserver serve"), "it says what to do: {nobody:?}");
        assert!(nobody.err.contains(&installation.admin_url("")), "and whom it asked: {nobody:?}");

        let server = installation.start().await;
        let told = installation.run(&["status"], "").await;
        assert_eq!(told.status.code(), Some(0), "{told:?}");
        for word in ["all is well", "KEEPER", "ledger", "janitor", "KEY", "active"] {
            assert!(told.out.contains(word), "{word}: {}", told.out);
        }
        assert!(!told.out.contains('\x1b'), "no colours for who is no terminal: {told:?}");
        let json = installation.run(&["status", "--json"], "").await;
        let json: Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!(json["troubles"], serde_json::json!([]));

        let store = installation.store().await;
        let failed = "INSERT INTO sweep_turns \
            (replica, began_at, ended_at, took_ms, swept, finished, error) VALUES \
            ('other/1', '2037-01-01 00:00:00+00:00', '2037-01-01 00:00:00+00:00', 1, '{}', false, \
            'issuances: the disk is full')";
        crate::kit::behind::execute(&store, failed).await.unwrap();
        store.close().await;
        let unwell = installation.run(&["status"], "").await;
        assert_eq!(unwell.status.code(), Some(1), "{unwell:?}");
        assert!(unwell.out.contains("not well: sweeping failed on other/1"), "{unwell:?}");

        let wrong = installation.clone().with("AUTHPLANE_ADMIN_API_KEY", "another-key-0123456789abcd");
        let wrong = wrong.run(&["status"], "").await;
        assert_eq!(wrong.status.code(), Some(5), "{wrong:?}");
        server.stop().await;
    }

    async fn it_says_what_it_needs_to_ask(backend: Backend) {
        for (name, value, says) in [
            ("AUTHPLANE_ADMIN_ENABLED", "false", "admin.enabled"),
            ("AUTHPLANE_ADMIN_ADDRESS", "10.255.255.1:9001", "--server"),
            ("AUTHPLANE_ADMIN_API_KEY", "", "AUTHPLANE_ADMIN_KEY"),
        ] {
            let installation = installation(backend).await.with(name, value);
            let ended = installation.run(&["status"], "").await;
            assert_eq!(ended.status.code(), Some(2), "{name}: {ended:?}");
            assert!(ended.err.contains(says), "{name}: {ended:?}");
        }
        let installation = installation(backend).await;
        let ended = installation.run(&["status", "--watch", "5"], "").await;
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        assert!(ended.err.contains("2s"), "{ended:?}");
    }

    async fn watching_survives_a_server_that_goes_and_comes_and_ends_with_ctrl_c(
        backend: Backend
    ) {
        let installation = installation(backend).await;
        let mut watch = installation.begin(&["status", "--watch", "100ms"]);
        until_it_says(&mut watch, "no answer since").await;
        let server = installation.start().await;
        until_it_says(&mut watch, "all is well").await;
        server.stop().await;
        let before = watch.out().matches("no answer since").count();
        let again = async |watch: &Leashed| {
            (watch.out().matches("no answer since").count() > before).then_some(())
        };
        watch.until(Duration::from_secs(30), again).await;
        watch.signal("INT");
        let status = watch.end_within(Duration::from_secs(10)).await;
        assert_eq!(status.code(), Some(0), "{}", watch.tail());
        assert!(!watch.out().contains('\x1b'), "nothing is redrawn where nobody sees it");

        let mut json = installation.begin(&["status", "--watch", "100ms", "--json"]);
        until_it_says(&mut json, "no_answer_since").await;
        json.signal("INT");
        assert_eq!(json.end_within(Duration::from_secs(10)).await.code(), Some(0));
        let line: Value = serde_json::from_str(json.out().lines().next().unwrap()).unwrap();
        assert!(line["why"].as_str().unwrap().contains("refused"), "{line}");
    }
}
