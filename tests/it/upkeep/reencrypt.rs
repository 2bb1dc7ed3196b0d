//! Changing the master key: what the one before sealed is sealed again, whatever happens meanwhile.

use actors::encryption::{Column, census};
use entities::{ring_secret, server_secret, signing_key};
use futures::future::join_all;
use protocol::envelope::{Cell, Kind, MasterKey, Sealer};
use serde_json::{Value, json};

use crate::kit::jwt::Jwks;
use crate::kit::stage::{Stage, Tokens};
use crate::kit::{Answer, Server, on_both_databases};

const FIRST: &str = "7d1f4f1c6b0a2e5d8c3b9a7e6f5d4c3b2a190807f6e5d4c3b2a1908f7e6d5c4b";
const SECOND: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0";
const THIRD: &str = "2233445566778899aabbccddeeff00112233445566778899aabbccddeeff0011";

const STORE: (&str, &str) = ("AUTHPLANE_SIGNING_KEY_STORE", "database");
const DRIVER: (&str, &str) = ("AUTHPLANE_DATA_ENCRYPTION_DRIVER", "aes_master");
const NAMED: (&str, &str) = ("AUTHPLANE_DATA_ENCRYPTION_AES_MASTER_KEY_ENV", "DATA_KEY");
const OLD_NAMED: (&str, &str) = ("AUTHPLANE_DATA_ENCRYPTION_AES_MASTER_OLD_KEY_ENV", "OLD_KEY");
const KEY: (&str, &str) = ("DATA_KEY", FIRST);
/// The second key seals, and the first still opens.
const CHANGED: [(&str, &str); 3] = [("DATA_KEY", SECOND), OLD_NAMED, ("OLD_KEY", FIRST)];
/// The first key is given up.
const DONE: [(&str, &str); 3] = [
    ("DATA_KEY", SECOND),
    ("AUTHPLANE_DATA_ENCRYPTION_AES_MASTER_OLD_KEY_ENV", ""),
    ("OLD_KEY", ""),
];

fn sealer(current: &str, old: Option<&str>) -> Sealer {
    let master = |text| MasterKey::from_hex(text).unwrap();
    Sealer::new(master(current), old.map(master)).unwrap()
}

/// Rows of each table as `current/old/other`.
fn tables(encryption: &Value) -> Vec<String> {
    let table = |table: &Value| {
        format!("{} {}/{}/{}", table["table"], table["current"], table["old"], table["other"])
    };
    encryption["tables"].as_array().unwrap().iter().map(table).collect()
}

async fn shown(server: &Server) -> Value {
    server.admin_get("/admin/system/encryption").await.json()
}

async fn step(server: &Server) -> Value {
    let answer = server.admin_post("/admin/system/encryption/reencrypt", &json!({})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn rotate(server: &Server, what: &str, body: Value) -> Answer {
    server.admin_post(&format!("/admin/{what}/rotate"), &body).await
}

/// The cell of a secret of the ring.
fn cell(number: &str) -> Cell<'_> {
    Column::RingSecrets.cell(number)
}

/// Adds secrets that have been relieved one by the other, sealed with the first key.
async fn add_secrets(server: &Server, many: i64) {
    let (environment, sealer) = (server.services.environment.clone(), sealer(FIRST, None));
    let now = environment.now();
    let row = |number: i64| {
        let (secret, nonce) = (environment.random_bytes::<32>(), environment.random_bytes());
        let sealed = sealer.seal(Kind::ServerSecret, cell(&number.to_string()), &secret, nonce);
        ring_secret::Model {
            number,
            sealed: sealed.unwrap(),
            signs_from: now - chrono::TimeDelta::days(1 + many - number),
            drops_earlier: false,
            created_at: now,
        }
    };
    let rows: Vec<_> = (2..2 + many).map(row).collect();
    let added = server.services.store.write(move |transaction| {
        Box::pin(async move {
            for row in rows {
                assert!(ring_secret::add(transaction, row).await?);
            }
            Ok(())
        })
    });
    added.await.unwrap();
}

async fn ring(server: &Server) -> Vec<ring_secret::Model> {
    let rows = server.services.store.read(|db| async move { ring_secret::all(&db).await });
    rows.await.unwrap()
}

on_both_databases! {
    /// The runbook, on a server that has one neighbour, from the first key to the second alone.
    async fn the_master_key_is_changed_and_all_that_was_given_out_stays_good(server: Server)
    with [STORE, DRIVER, NAMED, KEY] {
        let stage = Stage::set(server).await;
        assert_eq!(rotate(server, "secrets", json!({})).await.status, 200);
        assert_eq!(rotate(server, "keys", json!({})).await.status, 200);
        let held = stage.tokens(server).await;
        let seen = shown(server).await;
        let all = ["\"signing_keys\" 2/0/0", "\"server_secrets\" 1/0/0", "\"ring_secrets\" 1/0/0"];
        assert_eq!((tables(&seen), &seen["done"]), (all.map(str::to_owned).to_vec(), &json!(true)));

        // First round: everybody can open what the second key seals. Second round: it seals.
        server.restart_with(&[OLD_NAMED, ("OLD_KEY", SECOND)]).await;
        let neighbour = server.replica_with(&CHANGED).await;
        server.restart_with(&CHANGED).await;
        let seen = shown(&neighbour).await;
        assert_eq!(tables(&seen)[0], "\"signing_keys\" 0/2/0", "{seen}");
        assert_eq!(seen["done"], false);
        let status = server.admin_get("/admin/system/status").await.json();
        assert_eq!(status["encryption"], json!({ "current": 0, "old": 4, "other": 0 }));
        assert!(status["troubles"].to_string().contains("data reencrypt"), "{status}");
        let reason = server.replica_fails_with(&DONE).await;
        assert!(reason.contains("another master key"), "{reason}");

        let done = step(server).await;
        assert_eq!((&done["changed"], &done["more"]), (&json!(4), &json!(false)), "{done}");
        assert_eq!(done["encryption"]["done"], true);
        assert_eq!(server.audited("data.reencrypted", &["table=signing_keys", "rows=2"]).await, 1);
        assert_eq!(server.audited("data.reencrypted", &["table=ring_secrets", "rows=1"]).await, 1);
        // Nothing is left to do, and nothing is written down.
        let again = step(&neighbour).await;
        assert_eq!((&again["changed"], &again["more"]), (&json!(0), &json!(false)));
        assert_eq!(server.audited("data.reencrypted", &[]).await, 3);
        assert!(stage.active(&neighbour, &held.access).await);
        neighbour.stop().await;

        server.restart_with(&DONE).await;
        let status = server.admin_get("/admin/system/status").await.json();
        assert_eq!(status["encryption"], json!({ "current": 4, "old": 0, "other": 0 }));
        assert!(stage.active(server, &held.access).await);
        assert!(Jwks::of(server).await.verified(&held.access).is_some());
        Tokens::of(&stage.app.refresh(server, &held.refresh).await);
        let reason = server.replica_fails_with(&[("DATA_KEY", FIRST)]).await;
        assert!(reason.contains("another master key"), "the first key opens nothing: {reason}");
    }

    /// More than one step does at a time, and somebody stops in between.
    async fn whoever_was_interrupted_goes_on(server: Server)
    with [STORE, DRIVER, NAMED, KEY] {
        add_secrets(server, 250).await;
        let changed = sealer(SECOND, Some(FIRST));
        server.restart_with(&CHANGED).await;
        let first = step(server).await;
        assert_eq!((&first["changed"], &first["more"]), (&json!(100), &json!(true)));
        server.restart_with(&CHANGED).await;
        let mut steps = vec![step(server).await];
        while steps.last().unwrap()["more"] == true {
            steps.push(step(server).await);
        }
        let rows: u64 = steps.iter().map(|step| step["changed"].as_u64().unwrap()).sum();
        assert_eq!(rows, 152, "250 secrets, the root secret and a signing key, less the first 100");
        let left = census(&server.services.store, &changed).await.unwrap();
        assert!(left.iter().all(|count| count.current == count.rows), "{left:?}");
    }

    async fn a_row_that_does_not_open_is_named_and_holds_up_no_other(server: Server)
    with [STORE, DRIVER, NAMED, KEY] {
        add_secrets(server, 4).await;
        server.restart_with(&CHANGED).await;
        // One altered, one sealed with a key that nobody has, one that is no envelope at all.
        let rows = ring(server).await;
        let mut altered = rows[0].sealed.clone();
        *altered.last_mut().unwrap() ^= 1;
        let nonce = server.services.environment.random_bytes();
        let foreign = sealer(THIRD, None).seal(Kind::ServerSecret, cell("3"), b"a key", nonce);
        for (row, new) in rows.into_iter().zip([altered, foreign.unwrap(), b"\x01a note".to_vec()]) {
            let put = server.services.store.write(move |transaction| {
                Box::pin(async move {
                    ring_secret::reseal(transaction, row.number, row.sealed, new).await
                })
            });
            assert!(put.await.unwrap());
        }
        let done = step(server).await;
        assert_eq!((&done["changed"], &done["more"]), (&json!(3), &json!(false)), "{done}");
        let failures = done["failures"].as_array().unwrap();
        let told: Vec<&str> = failures.iter().map(|it| it["row"].as_str().unwrap()).collect();
        assert_eq!(told, ["2", "3", "4"]);
        let reasons = done["failures"].to_string();
        for part in ["altered", "another master key", "holds nothing that was sealed"] {
            assert!(reasons.contains(part), "no {part}: {reasons}");
        }
        assert!(!reasons.contains("a note"), "what is in a row is nobody's business");
        assert_eq!(tables(&done["encryption"])[2], "\"ring_secrets\" 1/1/2");
        assert_eq!(done["encryption"]["done"], false);
        let status = server.admin_get("/admin/system/status").await.json();
        assert!(status["troubles"].to_string().contains("neither master key"), "{status}");
    }

    /// Keys and secrets are rotated at two servers while others seal rows again, at both as well.
    async fn nothing_that_is_rotated_meanwhile_is_lost(server: Server)
    with [STORE, DRIVER, NAMED, KEY] {
        let stage = Stage::set(server).await;
        add_secrets(server, 120).await;
        server.restart_with(&CHANGED).await;
        let replica = server.replica().await;
        let rotations = async {
            let mut done = 0;
            for number in 0..8 {
                let on = if number % 2 == 0 { &*server } else { &replica };
                for what in ["keys", "secrets"] {
                    let answer = rotate(on, what, json!({ "emergency": true })).await;
                    assert!([200, 409, 503].contains(&answer.status), "{what}: {answer:?}");
                    done += usize::from(answer.status == 200);
                }
            }
            done
        };
        let sealing = join_all([&*server, &replica, &*server].map(async |on| {
            for _ in 0..6 {
                let body = json!({});
                let answer = on.admin_post("/admin/system/encryption/reencrypt", &body).await;
                assert!([200, 503].contains(&answer.status), "{answer:?}");
            }
        }));
        let (rotated, _) = futures::future::join(rotations, sealing).await;
        assert!(rotated > 4, "{rotated} rotations got through");
        while step(server).await["more"] == true {}
        assert_eq!(shown(server).await["done"], true);
        let rows = server.services.store.read(|db| async move {
            Ok((signing_key::all(&db).await?, server_secret::all(&db).await?, ring_secret::all(&db).await?))
        });
        let (keys, secrets, ring) = rows.await.unwrap();
        let rotations = server.audited("key.rotated", &["emergency=true"]).await;
        assert_eq!(keys.len(), 1 + rotations, "no key came back, and none went");
        assert_eq!((secrets.len(), ring.len()), (1, 1), "what was dropped is gone");
        replica.stop().await;
        server.restart_with(&DONE).await;
        Tokens::of(&stage.redeem(server, &stage.code(server).await).await);
    }

    async fn where_nothing_is_sealed_it_is_refused_and_says_why(server: Server) {
        let seen = shown(server).await;
        assert_eq!((&seen["driver"], &seen["key_store"]), (&json!("none"), &json!("keyfile")));
        assert_eq!((&seen["done"], seen["tables"].as_array().unwrap().len()), (&json!(true), 0));
        let answer = server.admin_post("/admin/system/encryption/reencrypt", &json!({})).await;
        assert_eq!(answer.status, 409, "{answer:?}");
        assert!(answer.text.contains("admin key move --to database"), "{answer:?}");
        let status = server.admin_get("/admin/system/status").await.json();
        assert!(status.get("encryption").is_none());
    }
}
