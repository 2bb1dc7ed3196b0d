//! Signing keys in the database: replicas that share it and no folder.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actors::keys::{KeyFiles, SealedKeys, move_into_database, move_into_files};
use entities::{server_secret, signing_key};
use protocol::envelope::{Cell, Kind, MasterKey, Opener, Sealer};
use serde_json::json;

use crate::kit::client::jose_header;
use crate::kit::jwt::Jwks;
use crate::kit::stage::{Stage, Tokens};
use crate::kit::{Server, on_both_databases};

const DAY: u64 = 24 * 3600;
/// From publication to first signature: JWKS `max-age` and a minute.
const AHEAD: u64 = 300 + 60;
/// From the last signature to the end: the longest token life and a minute.
const BEHIND: u64 = 3600 + 60;

const MASTER: &str = "7d1f4f1c6b0a2e5d8c3b9a7e6f5d4c3b2a190807f6e5d4c3b2a1908f7e6d5c4b";
const OTHER_MASTER: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0";

const STORE: (&str, &str) = ("AUTHPLANE_SIGNING_KEY_STORE", "database");
const DRIVER: (&str, &str) = ("AUTHPLANE_DATA_ENCRYPTION_DRIVER", "aes_master");
const NAMED: (&str, &str) = ("AUTHPLANE_DATA_ENCRYPTION_AES_MASTER_KEY_ENV", "DATA_KEY");
const KEY: (&str, &str) = ("DATA_KEY", MASTER);
const OLD_NAMED: (&str, &str) = ("AUTHPLANE_DATA_ENCRYPTION_AES_MASTER_OLD_KEY_ENV", "OLD_KEY");

/// For a clock that runs faster than the requests between a code and its token.
const PATIENT_CODES: (&str, &str) = ("AUTHPLANE_OAUTH_CODE_EXPIRY", "10m");
const PATIENT_REQUESTS: (&str, &str) = ("AUTHPLANE_OAUTH_STATE_MAX_AGE", "1h");

fn sealer(current: &str, old: Option<&str>) -> Sealer {
    let master = |text| MasterKey::from_hex(text).unwrap();
    Sealer::new(master(current), old.map(master)).unwrap()
}

fn sealed_keys(server: &Server) -> SealedKeys {
    SealedKeys::new(server.services.store.clone(), sealer(MASTER, None))
}

async fn rows(server: &Server) -> (Vec<signing_key::Model>, Vec<server_secret::Model>) {
    let read = server.services.store.read(|db| async move {
        Ok((signing_key::all(&db).await?, server_secret::all(&db).await?))
    });
    read.await.unwrap()
}

/// Waits until these keys are published.
async fn publishes(server: &Server, kids: &[&str]) {
    for _ in 0..500 {
        if Jwks::of(server).await.kids() == kids {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?} are published, not {kids:?}", Jwks::of(server).await.kids());
}

/// Waits until so many keys are published by all; which.
async fn published(servers: &[&Server], keys: usize) -> Vec<String> {
    for _ in 0..500 {
        let mut seen = BTreeSet::new();
        for server in servers {
            seen.insert(Jwks::of(server).await.kids());
        }
        match seen.pop_first() {
            Some(kids) if seen.is_empty() && kids.len() == keys => return kids,
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    panic!("there are not {keys} keys everywhere");
}

async fn status(server: &Server) -> (u16, String) {
    let answer = server.get("/ready").await;
    (answer.status, answer.member("status"))
}

/// Waits until `/ready` says so.
async fn says(server: &Server, expected: (u16, &str)) {
    for _ in 0..500 {
        if status(server).await == (expected.0, expected.1.to_owned()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?} and not {expected:?}", status(server).await);
}

async fn order(server: &Server, body: serde_json::Value) -> String {
    server.admin_post("/admin/keys/rotate", &body).await.member("kid")
}

on_both_databases! {
    async fn a_replica_has_the_same_keys_and_secrets_and_there_is_no_folder(server: Server)
    with [STORE, DRIVER, NAMED, KEY] {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        assert!(!server.key_folder().exists(), "nothing is kept in files");
        assert_eq!(Jwks::of(server).await.kids(), Jwks::of(&replica).await.kids());
        let here = stage.tokens(server).await;
        let there = Tokens::of(&stage.app.refresh(&replica, &here.refresh).await);
        for on in [&*server, &replica] {
            for token in [&here.access, &there.access] {
                assert!(Jwks::of(on).await.verified(token).is_some());
                assert!(stage.active(on, token).await);
            }
        }
        replica.stop().await;
        server.restart_with(&[]).await;
        assert!(stage.active(server, &here.access).await);
    }

    /// All look at the same instant, again and again.
    async fn of_many_that_look_at_once_one_rotates(server: Server)
    with [STORE, DRIVER, NAMED, KEY] {
        let replicas = [server.replica().await, server.replica().await, server.replica().await];
        let all: Vec<&Server> = std::iter::once(&*server).chain(&replicas).collect();
        let mut last = published(&all, 1).await;
        for rotation in 1..=3 {
            server.wait(30 * DAY);
            let kids = published(&all, 2).await;
            assert_eq!(kids[0], last[0], "the old key signs until the new one is known");
            server.wait(AHEAD + 5);
            tokio::time::sleep(Duration::from_millis(100)).await;
            server.wait(BEHIND + 5);
            last = published(&all, 1).await;
            assert_eq!(last, [kids[1].clone()]);
            assert_eq!(server.audited("key.rotated", &["reason=scheduled"]).await, rotation);
            for state in ["state=next", "state=retired", "state=gone"] {
                assert_eq!(server.audited("key.rotated", &[state]).await, rotation, "{state}");
            }
        }
        // The first key was active from the start.
        assert_eq!(server.audited("key.rotated", &["state=active"]).await, 4);
        assert_eq!(rows(server).await.0.len(), 1);
        for replica in replicas {
            replica.stop().await;
        }
    }

    async fn an_emergency_reaches_the_others_and_drops_the_key(server: Server)
    with [STORE, DRIVER, NAMED, KEY] {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        let suspect = stage.tokens(&replica).await;
        let waiting = order(server, json!({})).await;
        server.admin_post("/admin/keys/rotate", &json!({})).await.refused(409, "conflict");
        let second = order(&replica, json!({ "emergency": true, "drop_old": true })).await;
        assert_ne!(second, waiting);
        publishes(&replica, &[&second]).await;
        server.wait(5);
        publishes(server, &[&second]).await;
        for on in [&*server, &replica] {
            assert!(!stage.active(on, &suspect.access).await);
            let next = stage.tokens(on).await.access;
            assert_eq!(jose_header(&next)["kid"], second);
        }
        assert_eq!(rows(server).await.0.len(), 1, "the dropped keys are gone for good");
        let told = ["emergency=true", "dropped_old=true", &second];
        assert_eq!(server.audited("key.rotated", &told).await, 1);
        replica.stop().await;
    }

    async fn a_rotation_that_cannot_be_audited_does_not_happen(server: Server)
    with [STORE, DRIVER, NAMED, KEY] {
        let before = rows(server).await;
        server.break_the_audit_log().await;
        let answer = server.admin_post("/admin/keys/rotate", &json!({ "emergency": true })).await;
        answer.refused(500, "server_error");
        server.mend_the_audit_log().await;
        assert_eq!(rows(server).await, before);
    }

    /// Whoever cannot see the keys may publish too few of them.
    async fn a_server_that_cannot_see_the_keys_says_that_it_is_not_ready(server: Server)
    with [STORE, DRIVER, NAMED, KEY] {
        says(server, (200, "ok")).await;
        let kids = Jwks::of(server).await.kids();
        server.execute("ALTER TABLE signing_keys RENAME TO hidden").await;
        server.wait(55);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(status(server).await.0, 200, "within the margin nothing is lost");
        server.wait(6);
        says(server, (503, "keys_stale")).await;
        assert_eq!(Jwks::of(server).await.kids(), kids, "what it has it shows");
        server.execute("ALTER TABLE hidden RENAME TO signing_keys").await;
        server.wait(5);
        says(server, (200, "ok")).await;
    }

    async fn a_stolen_database_opens_nothing(server: Server)
    with [STORE, DRIVER, NAMED, KEY] {
        order(server, json!({})).await;
        let (keys, secrets) = rows(server).await;
        assert_eq!((keys.len(), secrets.len()), (2, 1));
        let (ours, thiefs) = (sealer(MASTER, None), sealer(OTHER_MASTER, None));
        let mut hidden = Vec::new();
        for key in &keys {
            let cell = Cell { table: "signing_keys", row: &key.kid, column: "private_key" };
            assert!(thiefs.open(Kind::SigningKey, cell, &key.private_key).is_err());
            let opened = ours.open(Kind::SigningKey, cell, &key.private_key).unwrap();
            let pem = String::from_utf8(opened.secret.to_vec()).unwrap();
            hidden.extend(pem.lines().map(|line| line.as_bytes().to_vec()));
        }
        assert!(hidden[0].ends_with(b"PRIVATE KEY-----"), "it is what must not be found");
        let cell = Cell { table: "server_secrets", row: "root", column: "sealed" };
        let root = ours.open(Kind::ServerSecret, cell, &secrets[0].sealed).unwrap();
        hidden.push(root.secret.to_vec());
        let envelopes = keys.iter().map(|key| &key.private_key);
        let mut taken: Vec<Vec<u8>> = envelopes.chain([&secrets[0].sealed]).cloned().collect();
        if let Some(folder) = server.key_folder().parent() {
            // SQLite: the file as a thief has it, with whatever is in any row of it.
            for file in std::fs::read_dir(folder).unwrap() {
                taken.push(std::fs::read(file.unwrap().path()).unwrap());
            }
        }
        for secret in hidden.iter().filter(|secret| secret.len() >= 8) {
            for text in &taken {
                assert!(!text.windows(secret.len()).any(|window| window == secret));
            }
        }
    }

    async fn a_replica_with_another_master_key_does_not_start_and_says_why(server: Server)
    with [STORE, DRIVER, NAMED, KEY] {
        let reason = server.replica_fails_with(&[("DATA_KEY", OTHER_MASTER)]).await;
        for part in ["another master key", "data_encryption.aes_master.old_key_env", "key_env"] {
            assert!(reason.contains(part), "no {part}: {reason}");
        }
        assert!(!reason.contains(&MASTER[..8]) && !reason.contains(&OTHER_MASTER[..8]), "{reason}");

        let with_old = [("DATA_KEY", OTHER_MASTER), OLD_NAMED, ("OLD_KEY", MASTER)];
        let replica = server.replica_with(&with_old).await;
        assert_eq!(Jwks::of(&replica).await.kids(), Jwks::of(server).await.kids());
        // What it seals opens with the new key only: the runbook says in which order to go.
        let next = order(&replica, json!({})).await;
        let row = rows(server).await.0.into_iter().find(|row| row.kid == next).unwrap();
        let cell = Cell { table: "signing_keys", row: &next, column: "private_key" };
        let opened = sealer(OTHER_MASTER, Some(MASTER)).open(Kind::SigningKey, cell, &row.private_key);
        assert_eq!(opened.unwrap().by, Opener::Current);
        server.wait(61);
        says(server, (503, "keys_stale")).await;
        server.restart_with(&[OLD_NAMED, ("OLD_KEY", OTHER_MASTER)]).await;
        assert!(Jwks::of(server).await.kids().contains(&next), "it opens with what was named");
        replica.stop().await;
    }

    /// A row of another database, or of another key, is no key of this one.
    async fn rows_that_were_exchanged_are_noticed(server: Server)
    with [STORE, DRIVER, NAMED, KEY] {
        order(server, json!({})).await;
        let exchanged = "UPDATE signing_keys SET private_key = \
             (SELECT other.private_key FROM signing_keys AS other WHERE other.place = 2)";
        server.execute(exchanged).await;
        let reason = server.replica_fails().await;
        assert!(reason.contains("altered") && reason.contains("signing_keys"), "{reason}");
    }

    async fn keys_move_into_the_database_and_back_and_all_that_was_given_out_stays_good(
        server: Server
    ) {
        let stage = Stage::set(server).await;
        let (first, code) = (stage.tokens(server).await, stage.code(server).await);
        order(server, json!({})).await;
        let kids = Jwks::of(server).await.kids();
        let fleet = [STORE, DRIVER, NAMED, KEY];
        let reason = server.replica_fails_with(&fleet).await;
        assert!(reason.contains("admin key move --to database"), "{reason}");

        let environment = server.services.environment.clone();
        let files = KeyFiles::open(&server.key_folder()).unwrap();
        let keys = sealed_keys(server);
        let moved = move_into_database(&files, &keys, "admin:test", &environment).await.unwrap();
        assert_eq!((moved.keys, moved.before), (2, false));
        let again = move_into_database(&files, &keys, "admin:test", &environment).await.unwrap();
        assert!(again.before, "what is done is not done twice");
        assert_eq!(server.audited("key.moved", &["to=database", "keys=2"]).await, 1);
        // A server that was left running does not go on by the files.
        server.wait(61);
        says(server, (503, "keys_stale")).await;
        let reason = server.replica_fails().await;
        assert!(reason.contains("admin key move --to keyfile"), "{reason}");

        server.restart_with(&fleet).await;
        assert_eq!(Jwks::of(server).await.kids(), kids);
        assert!(stage.active(server, &first.access).await, "and its client's secret is good");
        let second = Tokens::of(&stage.app.refresh(server, &first.refresh).await);
        drop(code);

        let keys = sealed_keys(server);
        let moved = move_into_files(&files, &keys, "admin:test", &environment).await.unwrap();
        assert_eq!((moved.keys, moved.before), (2, false));
        let (left, secrets) = rows(server).await;
        assert!(left.is_empty() && secrets.is_empty(), "nothing stays behind in the database");
        server.wait(61);
        says(server, (503, "keys_stale")).await;
        server.restart_with(&[("AUTHPLANE_SIGNING_KEY_STORE", "keyfile")]).await;
        assert_eq!(Jwks::of(server).await.kids(), kids);
        assert!(stage.active(server, &first.access).await);
        Tokens::of(&stage.app.refresh(server, &second.refresh).await);
    }
}

on_both_databases! {
    /// Two servers, two rotations, and tokens issued by both all the time: each is verified
    /// with the keys that either publishes at that moment, as its `kid` says.
    async fn not_one_verification_fails_through_two_rotations_under_load(server: Server)
    with [STORE, DRIVER, NAMED, KEY, PATIENT_CODES, PATIENT_REQUESTS] {
        let stage = Arc::new(Stage::set(server).await);
        let replica = Arc::new(server.replica().await);
        let (over, issued) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let load = async {
            let mut signed_by = BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                let (here, there) =
                    tokio::join!(stage.tokens(server), stage.tokens(&replica));
                for token in [&here.access, &there.access] {
                    for on in [&*server, &*replica] {
                        let jwks = Jwks::of(on).await;
                        assert!(jwks.verified(token).is_some(), "{}", jose_header(token));
                    }
                    signed_by.insert(jose_header(token)["kid"].to_string());
                }
                issued.fetch_add(2, Ordering::Relaxed);
            }
            signed_by
        };
        let clock = async {
            for _ in 0..2 {
                let next = order(&replica, json!({})).await;
                for step in 0..(AHEAD + 60) / 5 {
                    let before = issued.load(Ordering::Relaxed);
                    server.wait(5);
                    // As a load balancer does: nobody is asked who has not seen the keys.
                    says(server, (200, "ok")).await;
                    says(&replica, (200, "ok")).await;
                    // Tokens at every stage of the rotation, and no code that expires on the way.
                    while step % 6 == 0 && issued.load(Ordering::Relaxed) < before + 2 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
                let begun = issued.load(Ordering::Relaxed);
                while issued.load(Ordering::Relaxed) < begun + 8 {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                let active = rows(server).await.0.into_iter().find(|row| row.state == "active");
                assert_eq!(active.unwrap().kid, next);
            }
            over.store(true, Ordering::Relaxed);
        };
        let (signed_by, ()) = tokio::join!(load, clock);
        assert_eq!(signed_by.len(), 3, "the first key and two more");
        let Ok(replica) = Arc::try_unwrap(replica) else { panic!("nobody else has it") };
        replica.stop().await;
    }
}
