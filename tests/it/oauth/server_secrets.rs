//! The ring of server secrets: rotations that nobody notices, and those that end everything.

use actors::keys::{KeyFiles, SealedKeys, move_into_database, move_into_files};
use entities::ring_secret;
use futures::future::join_all;
use protocol::envelope::{MasterKey, Sealer};
use serde_json::{Value, json};

use crate::kit::dpop::Prover;
use crate::kit::stage::{Stage, Tokens};
use crate::kit::{Answer, Backend, Browser, Server, TokenClient, on_both_databases};

const MASTER: &str = "1b2c3d4e5f60718293a4b5c6d7e8f9000a1b2c3d4e5f60718293a4b5c6d7e8f9";
const OTHER_MASTER: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0";
const FLEET: [(&str, &str); 4] = [
    ("AUTHPLANE_SIGNING_KEY_STORE", "database"),
    ("AUTHPLANE_DATA_ENCRYPTION_DRIVER", "aes_master"),
    ("AUTHPLANE_DATA_ENCRYPTION_AES_MASTER_KEY_ENV", "DATA_KEY"),
    ("DATA_KEY", MASTER),
];
/// From the announcement to the takeover, and a look at the clock after it.
const AHEAD: u64 = 66;
const DAY: u64 = 24 * 3600;

async fn rotate(server: &Server) -> Answer {
    server.admin_post("/admin/secrets/rotate", &json!({})).await
}

async fn emergency(server: &Server) {
    let answer = server.admin_post("/admin/secrets/rotate", &json!({ "emergency": true })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The numbers and states of the ring.
fn states(answer: &Answer) -> Vec<(u64, String)> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let state = |secret: &Value| {
        (secret["number"].as_u64().unwrap(), secret["status"].as_str().unwrap().to_owned())
    };
    answer.json()["secrets"].as_array().unwrap().iter().map(state).collect()
}

/// The numbers that are in the database.
async fn rows(server: &Server) -> Vec<i64> {
    let rows = server.services.store.read(|db| async move { ring_secret::all(&db).await });
    rows.await.unwrap().iter().map(|row| row.number).collect()
}

/// Waits until the ring is so at a server.
async fn ring_is(server: &Server, expected: &[(u64, &str)]) {
    let mut seen = Vec::new();
    // Two programs on one SQLite file tell each other nothing: they look every five seconds.
    if server.backend() == Backend::Sqlite {
        server.wait(6);
    }
    for _ in 0..500 {
        seen = states(&server.admin_get("/admin/secrets").await);
        if seen.iter().map(|(number, state)| (*number, state.as_str())).eq(expected.iter().copied())
        {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{seen:?} and not {expected:?}");
}

/// Which secret a server makes refresh tokens with.
fn made_with(refresh: &str) -> u32 {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let bytes = engine.decode(refresh.strip_prefix("aprt_").unwrap()).unwrap();
    match bytes.len() {
        56 => 1,
        60 => u32::from_be_bytes(bytes[..4].try_into().unwrap()),
        odd => panic!("{odd} bytes"),
    }
}

/// Waits until a server makes refresh tokens with this secret; the tokens then.
async fn makes_with(server: &Server, stage: &Stage, number: u32) -> Tokens {
    for _ in 0..500 {
        let tokens = stage.tokens(server).await;
        if made_with(&tokens.refresh) == number {
            return tokens;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it does not make tokens with secret {number}");
}

/// A minted admin key.
async fn minted(server: &Server) -> String {
    let body = json!({ "name": "ci", "rights": ["keys:read"], "expires_in": "300d" });
    server.admin_post("/admin/admin-keys", &body).await.member("key")
}

async fn opens(server: &Server, key: &str) -> u16 {
    let http = reqwest::Client::new();
    let request = http.get(server.admin_url("/admin/secrets")).bearer_auth(key);
    request.send().await.unwrap().status().as_u16()
}

/// A browser with a sign-in form open.
async fn form_open(server: &Server) -> (Browser, Answer) {
    let browser = Browser::new();
    let page = browser.get(server, "/login").await;
    page.is_page(200, "Sign in");
    (browser, page)
}

/// A DPoP nonce that a server hands out.
async fn nonce(server: &Server, robot: &TokenClient, prover: &Prover) -> String {
    let answer = prover.token(server, robot, &[("grant_type", "client_credentials")]).await;
    answer.refused(400, "use_dpop_nonce");
    answer.header("dpop-nonce").to_owned()
}

/// What becomes of a proof with this nonce.
async fn with_nonce(server: &Server, robot: &TokenClient, prover: &Prover, nonce: &str) -> Answer {
    let mut claims = crate::kit::dpop::proof_claims(server);
    claims["nonce"] = json!(nonce);
    let form = [("grant_type", "client_credentials"), ("resource", crate::kit::stage::RESOURCE)];
    crate::kit::dpop::token_with(server, robot, &form, &prover.signed(&claims)).await
}

async fn robot(server: &Server) -> TokenClient {
    TokenClient::of(&server.client(crate::kit::stage::machine("read")).await)
}

const NONCES: (&str, &str) = ("AUTHPLANE_DPOP_REQUIRE_NONCE", "true");

on_both_databases! {
    async fn nobody_notices_a_rotation(server: Server) with [NONCES] {
        let (stage, robot, prover) = (Stage::set(server).await, robot(server).await, Prover::new());
        server.person("grace@example.com").await;
        let replica = server.replica().await;
        let before = stage.tokens(server).await;
        let other = stage.tokens(server).await;
        let (key, code) = (minted(server).await, stage.code(server).await);
        let said_before = nonce(server, &robot, &prover).await;
        let (browser, page) = form_open(server).await;
        assert_eq!(states(&server.admin_get("/admin/secrets").await), [(1, "active".to_owned())]);

        let answer = rotate(server).await;
        assert_eq!(states(&answer), [(1, "active".to_owned()), (2, "next".to_owned())]);
        assert_eq!(server.audited("secret.rotated", &["number=2", "emergency=false"]).await, 1);
        let too_soon = rotate(&replica).await;
        assert_eq!(too_soon.status, 409, "{too_soon:?}");
        assert!(too_soon.text.contains("secret 2 was announced"), "{too_soon:?}");
        assert_eq!(made_with(&stage.tokens(server).await.refresh), 1, "it is announced");
        Tokens::of(&stage.redeem(&replica, &code).await);

        server.wait(AHEAD);
        for on in [&*server, &replica] {
            makes_with(on, &stage, 2).await;
            ring_is(on, &[(1, "retired"), (2, "active")]).await;
        }
        // A refresh token of before is good, and what comes for it is of the new secret.
        let after = Tokens::of(&stage.app.refresh(&replica, &before.refresh).await);
        assert_eq!((made_with(&before.refresh), made_with(&after.refresh)), (1, 2));
        let again = Tokens::of(&stage.app.refresh(server, &after.refresh).await);
        assert!(stage.active(server, &again.access).await);
        assert_eq!(opens(&replica, &key).await, 200);
        assert_eq!(opens(&replica, &minted(server).await).await, 200);
        let signed_in = browser.sign_in(&replica, &page, "grace@example.com").await;
        assert!(signed_in.text.contains("You are signed in"), "{signed_in:?}");
        let good = with_nonce(&replica, &robot, &prover, &said_before).await;
        assert_eq!(good.status, 200, "{good:?}");
        // A client that gives back a token of before ends its family.
        stage.app.post(&replica, "/oauth/revoke", &[("token", &other.refresh)]).await;
        stage.app.refresh(server, &other.refresh).await.refused(400, "invalid_grant");

        assert_eq!(rotate(&replica).await.status, 200, "and so on");
        replica.stop().await;
        server.wait(AHEAD);
        server.restart_with(&[]).await;
        Tokens::of(&stage.app.refresh(server, &again.refresh).await);
        assert_eq!(opens(server, &key).await, 200);
        let latest = makes_with(server, &stage, 3).await;

        // Admin keys last longest.
        server.wait(368 * DAY);
        ring_is(server, &[(3, "active")]).await;
        let long_since = Tokens::of(&stage.app.refresh(server, &makes_with(server, &stage, 3).await.refresh).await);
        stage.app.refresh(server, &latest.refresh).await.refused(400, "invalid_grant");
        assert_eq!(rotate(server).await.status, 200);
        assert_eq!(rows(server).await, [2, 3, 4]);
        Tokens::of(&stage.app.refresh(server, &long_since.refresh).await);
    }

    async fn an_emergency_ends_at_every_server_what_was_made_before(server: Server) with [NONCES] {
        let (stage, robot, prover) = (Stage::set(server).await, robot(server).await, Prover::new());
        server.person("grace@example.com").await;
        assert_eq!(rotate(server).await.status, 200);
        let replica = server.replica().await;
        let browsing = Browser::signed_in(server, "grace@example.com").await;
        let before = stage.tokens(server).await;
        let (key, code) = (minted(server).await, stage.code(server).await);
        let said_before = nonce(server, &robot, &prover).await;
        let (browser, page) = form_open(server).await;

        emergency(server).await;
        assert_eq!(server.audited("secret.rotated", &["number=3", "emergency=true"]).await, 1);
        for on in [&*server, &replica] {
            // One that was announced is dropped as well.
            ring_is(on, &[(3, "active")]).await;
            makes_with(on, &stage, 3).await;
            stage.app.refresh(on, &before.refresh).await.refused(400, "invalid_grant");
            assert_eq!(opens(on, &key).await, 401);
            let stale = with_nonce(on, &robot, &prover, &said_before).await;
            stale.refused(400, "use_dpop_nonce");
            let refused = browser.sign_in(on, &page, "grace@example.com").await;
            assert!(!refused.text.contains("You are signed in"), "{refused:?}");
        }
        // What is looked up is as good as before: sessions, codes, secrets of clients, access
        // tokens, and the operator's own key.
        let page = browsing.get(&replica, "/login").await;
        assert!(page.text.contains("You are signed in"), "{page:?}");
        let after = Tokens::of(&stage.redeem(&replica, &code).await);
        assert!(stage.active(server, &before.access).await);
        Tokens::of(&stage.app.refresh(server, &after.refresh).await);
        assert_eq!(opens(server, &minted(&replica).await).await, 200);

        assert_eq!(rows(server).await, [3], "what was dropped is not kept for a thief");
        server.set_back(30);
        Tokens::of(&stage.redeem(server, &stage.code(server).await).await);
        replica.stop().await;
    }

    /// Families that last longer than admin keys would bring back what was made before, were the
    /// secret that dropped it ever forgotten.
    async fn what_was_dropped_stays_so_however_long_ago(server: Server)
    with [("AUTHPLANE_DCR_DEFAULT_REFRESH_EXPIRY", "3650d")] {
        let stage = Stage::set(server).await;
        let stolen = stage.tokens(server).await;
        emergency(server).await;
        let kept = makes_with(server, &stage, 2).await;
        for (number, expected) in [(3, &[(2, "retired"), (3, "active")][..]), (4, &[(2, "retired"), (3, "retired"), (4, "active")])] {
            server.wait(400 * DAY);
            assert_eq!(rotate(server).await.status, 200);
            server.wait(AHEAD);
            makes_with(server, &stage, number).await;
            ring_is(server, expected).await;
        }
        stage.app.refresh(server, &stolen.refresh).await.refused(400, "invalid_grant");
        assert_eq!(rows(server).await, [2, 3, 4]);
        server.restart_with(&[]).await;
        stage.app.refresh(server, &stolen.refresh).await.refused(400, "invalid_grant");
        let held = Tokens::of(&stage.app.refresh(server, &kept.refresh).await);
        assert_eq!(made_with(&held.refresh), 4);
    }

    async fn of_many_that_rotate_at_once_one_announces(server: Server) {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        let orders = (0..16).map(|n| rotate(if n % 2 == 0 { &*server } else { &replica }));
        let answers = join_all(orders).await;
        let done = answers.iter().filter(|answer| answer.status == 200).count();
        assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status)), "{answers:?}");
        assert_eq!((done, server.audited("secret.rotated", &[]).await), (1, 1));

        let body = json!({ "emergency": true });
        let orders = (0..6).map(|n| {
            let on = if n % 2 == 0 { &*server } else { &replica };
            on.admin_post("/admin/secrets/rotate", &body)
        });
        let answers = join_all(orders).await;
        let done = answers.iter().filter(|answer| answer.status == 200).count();
        assert!(done >= 1, "{answers:?}");
        assert_eq!(server.audited("secret.rotated", &["emergency=true"]).await, done);
        let last = u64::try_from(2 + done).unwrap();
        for on in [&*server, &replica] {
            ring_is(on, &[(last, "active")]).await;
            makes_with(on, &stage, u32::try_from(last).unwrap()).await;
        }
        replica.stop().await;
    }

    /// Clients refresh at two servers all the time, and not one of them is signed out.
    async fn rotations_under_load_lose_no_family(server: Server)
    with [("AUTHPLANE_OAUTH_CODE_EXPIRY", "10m"), ("AUTHPLANE_OAUTH_STATE_MAX_AGE", "1h")] {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        let over = std::sync::atomic::AtomicBool::new(false);
        let load = join_all((0..6).map(async |n| {
            let mut held = stage.tokens(server).await.refresh;
            let (mut refreshed, mut seen) = (0_usize, std::collections::BTreeSet::new());
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                let on = if (refreshed + n) % 2 == 0 { &*server } else { &replica };
                held = Tokens::of(&stage.app.refresh(on, &held).await).refresh;
                seen.insert(made_with(&held));
                refreshed += 1;
            }
            (refreshed, seen)
        }));
        let rotations = async {
            for number in 2..=4_u32 {
                let pause = std::time::Duration::from_millis(300);
                tokio::time::sleep(pause).await;
                assert_eq!(rotate(if number % 2 == 0 { &*server } else { &replica }).await.status, 200);
                tokio::time::sleep(pause).await;
                server.wait(AHEAD);
                makes_with(server, &stage, number).await;
                makes_with(&replica, &stage, number).await;
            }
            over.store(true, std::sync::atomic::Ordering::Relaxed);
        };
        let (clients, ()) = futures::future::join(load, rotations).await;
        for (refreshed, seen) in clients {
            assert!(refreshed > 4 && seen.contains(&4), "{refreshed} {seen:?}");
        }
        replica.stop().await;
    }

    /// A client that lost the answer gets the very token again, wherever it asks.
    async fn a_repeated_rotation_has_the_same_successor_whatever_secret_is_active(server: Server)
    with [("AUTHPLANE_OAUTH_REFRESH_GRACE", "5m")] {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        let held = stage.tokens(server).await.refresh;
        let next = Tokens::of(&stage.app.refresh(server, &held).await).refresh;
        assert_eq!(rotate(server).await.status, 200);
        server.wait(AHEAD);
        for on in [&*server, &replica] {
            makes_with(on, &stage, 2).await;
            let again = Tokens::of(&stage.app.refresh(on, &held).await).refresh;
            assert!(again == next, "another successor");
        }
        let later = Tokens::of(&stage.app.refresh(&replica, &next).await).refresh;
        assert_eq!((made_with(&next), made_with(&later)), (1, 2));
        replica.stop().await;
    }

    async fn what_is_in_the_database_is_sealed_and_says_when_it_is_not_right(server: Server)
    with [FLEET[0], FLEET[1], FLEET[2], FLEET[3]] {
        emergency(server).await;
        let stage = Stage::set(server).await;
        let held = makes_with(server, &stage, 2).await;
        let reason = server.replica_fails_with(&[("DATA_KEY", OTHER_MASTER)]).await;
        assert!(reason.contains("another master key"), "{reason}");
        let with_old = [
            ("DATA_KEY", OTHER_MASTER),
            ("AUTHPLANE_DATA_ENCRYPTION_AES_MASTER_OLD_KEY_ENV", "OLD_KEY"),
            ("OLD_KEY", MASTER),
        ];
        let replica = server.replica_with(&with_old).await;
        Tokens::of(&stage.app.refresh(&replica, &held.refresh).await);
        replica.stop().await;

        assert_eq!(rotate(server).await.status, 200);
        let exchanged = "UPDATE ring_secrets SET sealed = \
             (SELECT other.sealed FROM ring_secrets AS other WHERE other.number = 3)";
        server.execute(exchanged).await;
        let reason = server.replica_fails().await;
        assert!(reason.contains("altered") && reason.contains("ring_secrets"), "{reason}");
        // A server that runs goes on with what it has, and says that it cannot look.
        server.wait(61);
        for _ in 0..500 {
            if server.get("/ready").await.member("status") == "secrets_stale" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let ready = server.get("/ready").await;
        assert_eq!((ready.status, ready.member("status").as_str()), (503, "secrets_stale"));
        stage.tokens(server).await;
    }

    async fn secrets_move_with_the_keys(server: Server) {
        emergency(server).await;
        assert_eq!(rotate(server).await.status, 200);
        let stage = Stage::set(server).await;
        let held = makes_with(server, &stage, 2).await;
        let (environment, store) =
            (server.services.environment.clone(), server.services.store.clone());
        let files = KeyFiles::open(&server.key_folder()).unwrap();
        let sealer = Sealer::only(MasterKey::from_hex(MASTER).unwrap());
        let keys = SealedKeys::new(store, sealer.clone());
        move_into_database(&files, &keys, "admin:test", &environment).await.unwrap();
        server.restart_with(&FLEET).await;
        ring_is(server, &[(2, "active"), (3, "next")]).await;
        let held = Tokens::of(&stage.app.refresh(server, &held.refresh).await);

        let keys = SealedKeys::new(server.services.store.clone(), sealer);
        move_into_files(&files, &keys, "admin:test", &environment).await.unwrap();
        server.restart_with(&[("AUTHPLANE_SIGNING_KEY_STORE", "keyfile")]).await;
        ring_is(server, &[(2, "active"), (3, "next")]).await;
        let held = Tokens::of(&stage.app.refresh(server, &held.refresh).await);
        server.wait(AHEAD);
        makes_with(server, &stage, 3).await;
        Tokens::of(&stage.app.refresh(server, &held.refresh).await);
    }
}
