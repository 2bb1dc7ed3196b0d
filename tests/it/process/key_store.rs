//! Keys in the database, as an operator meets them: what a start says, `admin key move`, and server
//! secrets.

use crate::kit::on_both_databases;
use crate::kit::process::{Ended, Installation};
use crate::kit::tenant::Machine;

const MASTER: &str = "7d1f4f1c6b0a2e5d8c3b9a7e6f5d4c3b2a190807f6e5d4c3b2a1908f7e6d5c4b";
const OTHER: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0";

fn with_master(installation: Installation, master: &str) -> Installation {
    installation
        .with("AUTHPLANE_DATA_ENCRYPTION_DRIVER", "aes_master")
        .with("AUTHPLANE_DATA_ENCRYPTION_AES_MASTER_KEY_ENV", "DATA_KEY")
        .with("DATA_KEY", master)
}

fn in_database(installation: Installation) -> Installation {
    with_master(installation, MASTER).with("AUTHPLANE_SIGNING_KEY_STORE", "database")
}

/// Refused, in these words; and neither master key is among them.
#[track_caller]
fn refused(ended: &Ended, words: &[&str]) {
    assert!(!ended.status.success(), "{ended:?}");
    for part in words {
        assert!(ended.err.contains(part), "no {part}: {ended:?}");
    }
    for master in [MASTER, OTHER] {
        assert!(!ended.err.contains(&master[..8]) && !ended.out.contains(&master[..8]));
    }
}

on_both_databases! {
    async fn a_start_without_its_master_key_says_what_to_set(backend: Backend) {
        let files = Installation::new(backend).await;
        let bare = files.clone().with("AUTHPLANE_SIGNING_KEY_STORE", "postgres_key");
        refused(&bare.launch().end().await, &["data_encryption.driver", "openssl rand -hex 32"]);

        let fleet = in_database(files);
        refused(&fleet.clone().with("DATA_KEY", "").launch().end().await, &["DATA_KEY", "not set"]);
        refused(
            &fleet.clone().with("DATA_KEY", &OTHER[..40]).launch().end().await,
            &["40 characters, and not 64"],
        );
        fleet.start().await.stop().await;
        assert!(!fleet.folder().join("keys").exists(), "no folder is made");
        refused(
            &fleet.clone().with("DATA_KEY", OTHER).launch().end().await,
            &["another master key", "old_key_env"],
        );
        fleet.start().await.stop().await;
    }

    async fn keys_are_moved_by_the_command_line(backend: Backend) {
        let files = with_master(Installation::new(backend).await, MASTER);
        let fleet = in_database(files.clone());
        let mut server = files.start().await;
        let machine = Machine::create(&files, &mut server).await;
        server.stop().await;
        refused(&fleet.launch().end().await, &["admin key move --to database"]);

        let said = files.admin(&["key", "move", "--to", "database"], "").await;
        assert!(said.contains("1 signing keys") && said.contains("key_store: database"), "{said}");
        refused(&files.launch().end().await, &["admin key move --to keyfile"]);
        let server = fleet.start().await;
        let answer = machine.token(&server.url("/oauth/token")).await.unwrap();
        assert_eq!(answer.status, 200, "its secret is good: {answer:?}");
        server.stop().await;

        let there = ["key", "move", "--to", "keyfile", "--server", "http://127.0.0.1:1"];
        let ended = fleet.run(&[&["admin"], &there[..]].concat(), "").await;
        refused(&ended, &["while no server runs"]);
        let said = fleet.admin_json(&["key", "move", "--to", "keyfile"]).await;
        let expected =
            serde_json::json!({ "key_store": "keyfile", "keys": 1, "already_there": false });
        assert_eq!(said, expected);
        refused(&fleet.launch().end().await, &["admin key move --to database"]);
        let server = files.start().await;
        let answer = machine.token(&server.url("/oauth/token")).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        server.stop().await;
    }

    async fn server_secrets_are_rotated_by_the_command_line(backend: Backend) {
        let key = "a key of the operator's own choosing";
        let fleet = in_database(Installation::new(backend).await).with("AUTHPLANE_ADMIN_API_KEY", key);
        let said = fleet.admin_json(&["secret", "rotate"]).await;
        let states = |said: &serde_json::Value| {
            let all = said["secrets"].as_array().unwrap().iter();
            all.map(|secret| format!("{} {}", secret["number"], secret["status"])).collect::<Vec<_>>()
        };
        assert_eq!(states(&said), [r#"1 "active""#, r#"2 "next""#]);
        let ended = fleet.run(&["admin", "secret", "rotate"], "").await;
        refused(&ended, &["secret 2 was announced", "emergency"]);
        let server = fleet.start().await;
        let there = ["--server", &fleet.admin_url(""), "--key", key];
        let orders = [&["secret", "rotate", "--emergency"], &there[..]].concat();
        assert_eq!(states(&fleet.admin_json(&orders).await), [r#"3 "active""#]);
        let table = fleet.admin(&[&["secret", "list"], &there[..]].concat(), "").await;
        assert!(table.contains("SIGNS FROM") && table.contains("active"), "{table}");
        server.stop().await;
    }

    async fn the_command_line_seals_again_and_names_what_it_cannot(backend: Backend) {
        let fleet = in_database(Installation::new(backend).await);
        fleet.start().await.stop().await;
        let changed = fleet
            .clone()
            .with("DATA_KEY", OTHER)
            .with("AUTHPLANE_DATA_ENCRYPTION_AES_MASTER_OLD_KEY_ENV", "OLD_KEY")
            .with("OLD_KEY", MASTER);
        let said = changed.admin(&["data", "reencrypt"], "").await;
        for part in ["signing_keys", "ring_secrets", "rows were sealed again", "leave old_key_env out"] {
            assert!(said.contains(part), "no {part}: {said}");
        }
        let only = fleet.clone().with("DATA_KEY", OTHER);
        let said = only.admin_json(&["data", "reencrypt"]).await;
        assert_eq!((&said["changed"], &said["encryption"]["done"]), (&0.into(), &true.into()));
        only.start().await.stop().await;
        // With the key that was given up nothing opens; the command says what, and a server does not start.
        refused(&fleet.launch().end().await, &["another master key"]);
        let ended = fleet.run(&["admin", "data", "reencrypt"], "").await;
        refused(&ended, &["signing_keys", "server_secrets", "another master key", "old_key_env"]);
        let ended = fleet.run(&["admin", "data", "reencrypt", "--json"], "").await;
        let said: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!(said["encryption"]["done"], false);
        let files = Installation::new(backend).await;
        let ended = files.run(&["admin", "data", "reencrypt"], "").await;
        refused(&ended, &["admin key move --to database"]);
    }
}
