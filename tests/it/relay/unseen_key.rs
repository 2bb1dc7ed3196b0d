//! A token whose key this server has not seen yet: it looks before it says anything about it.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;

use super::{cut_the_wires, is_deaf};
use crate::kit::client::jose_header;
use crate::kit::jwt::Jwks;
use crate::kit::stage::Stage;
use crate::kit::{Answer, Backend, Server, TokenClient};

const MASTER: &str = "5b0a2e5d8c3b9a7e6f5d4c3b2a190807f6e5d4c3b2a1908f7e6d5c4b7d1f4f1c";

/// Keys in files, and keys in the database.
const KEPT: [&[(&str, &str)]; 2] = [
    &[],
    &[
        ("AUTHPLANE_SIGNING_KEY_STORE", "database"),
        ("AUTHPLANE_DATA_ENCRYPTION_DRIVER", "aes_master"),
        ("AUTHPLANE_DATA_ENCRYPTION_AES_MASTER_KEY_ENV", "DATA_KEY"),
        ("DATA_KEY", MASTER),
    ],
];

async fn emergency(server: &Server) -> String {
    server.admin_post("/admin/keys/rotate", &json!({ "emergency": true })).await.member("kid")
}

async fn revoke(server: &Server, client: &TokenClient, token: &str) -> Answer {
    client.post(server, "/oauth/revoke", &[("token", token)]).await
}

/// A token of `server` that is signed with a key of an emergency, of which `replica` has not heard.
async fn unheard(server: &Server, replica: &Server, stage: &Stage) -> String {
    let kid = emergency(server).await;
    let token = stage.tokens(server).await.access;
    assert_eq!(jose_header(&token)["kid"], kid);
    assert!(!Jwks::of(replica).await.kids().contains(&kid), "it has not heard of it");
    token
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_a_key_nobody_told_of_is_good_and_can_be_revoked() {
    for settings in KEPT {
        let server = Server::start_with(Backend::Postgres, settings).await;
        let stage = Stage::set(&server).await;
        let replica = server.replica().await;
        let known = stage.tokens(&server).await.access;
        cut_the_wires(&server).await;
        is_deaf(&server).await;
        is_deaf(&replica).await;

        let token = unheard(&server, &replica, &stage).await;
        assert!(stage.active(&replica, &token).await, "{settings:?}");
        assert!(stage.active(&replica, &known).await, "{settings:?}");

        // What is answered with 200 is revoked, at every server.
        let token = unheard(&server, &replica, &stage).await;
        assert_eq!(revoke(&replica, &stage.app, &token).await.status, 200);
        assert!(!stage.active(&server, &token).await, "{settings:?}");
        assert!(!stage.active(&replica, &token).await, "{settings:?}");
        replica.stop().await;
        server.stop().await;
    }
}

/// A token that is good elsewhere must not be called revoked by a server that cannot look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_looked_for_is_not_called_revoked() {
    let server = Server::start_with(Backend::Postgres, KEPT[1]).await;
    let stage = Stage::set(&server).await;
    let replica = server.replica().await;
    stage.tokens(&replica).await;
    cut_the_wires(&server).await;
    is_deaf(&server).await;
    is_deaf(&replica).await;
    let token = unheard(&server, &replica, &stage).await;
    server.execute("ALTER TABLE signing_keys RENAME TO elsewhere").await;
    let answer = revoke(&replica, &stage.app, &token).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
    assert!(!stage.active(&replica, &token).await, "nobody can say that it is ours");
    server.execute("ALTER TABLE elsewhere RENAME TO signing_keys").await;
    assert!(stage.active(&server, &token).await, "nothing was done");
    assert_eq!(revoke(&replica, &stage.app, &token).await.status, 200);
    assert!(!stage.active(&server, &token).await);
    replica.stop().await;
    server.stop().await;
}

/// Whoever makes keys up has to wait for looks that all of them share; nobody else waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn made_up_keys_cost_a_look_now_and_then() {
    let server = Server::start(Backend::Sqlite).await;
    let stage = Stage::set(&server).await;
    let stranger = Server::start(Backend::Sqlite).await;
    let theirs = Stage::set(&stranger).await.tokens(&stranger).await.access;
    let good = stage.tokens(&server).await.access;

    let begun = Instant::now();
    for _ in 0..9 {
        assert_eq!(revoke(&server, &stage.app, &theirs).await.status, 200);
        assert!(stage.active(&server, &good).await);
    }
    // From the first look to the ninth.
    assert!(begun.elapsed() >= Duration::from_millis(8 * 250), "{:?}", begun.elapsed());

    let begun = Instant::now();
    let answers = join_all((0..100).map(|_| revoke(&server, &stage.app, &theirs))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    // Each of them alone would be 25 seconds.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());

    // More than may wait hear that they may try again.
    let answers = join_all((0..400).map(|_| revoke(&server, &stage.app, &theirs))).await;
    assert!(answers.iter().all(|answer| [200, 503].contains(&answer.status)));
    assert!(!stage.active(&server, &theirs).await);
    assert!(stage.active(&server, &good).await);
    stranger.stop().await;
    server.stop().await;
}

async fn drop_secrets(server: &Server) {
    let body = json!({ "emergency": true });
    assert_eq!(server.admin_post("/admin/secrets/rotate", &body).await.status, 200);
}

/// As with keys: a refresh token of a secret that nobody told of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_of_a_secret_nobody_told_of_is_good_and_can_be_revoked() {
    for settings in KEPT {
        let server = Server::start_with(Backend::Postgres, settings).await;
        let stage = Stage::set(&server).await;
        let replica = server.replica().await;
        let before = stage.tokens(&replica).await;
        cut_the_wires(&server).await;
        is_deaf(&server).await;
        is_deaf(&replica).await;

        drop_secrets(&server).await;
        let here = stage.tokens(&server).await;
        let there = stage.app.refresh(&replica, &here.refresh).await;
        assert_eq!(there.status, 200, "{there:?}");
        stage.app.refresh(&replica, &before.refresh).await.refused(400, "invalid_grant");

        drop_secrets(&server).await;
        let here = stage.tokens(&server).await;
        assert_eq!(revoke(&replica, &stage.app, &here.refresh).await.status, 200);
        stage.app.refresh(&server, &here.refresh).await.refused(400, "invalid_grant");
        assert!(!stage.active(&replica, &here.access).await);

        // While nobody can look, nobody says that it is no token.
        drop_secrets(&server).await;
        let here = stage.tokens(&server).await;
        server.execute("ALTER TABLE ring_secrets RENAME TO elsewhere").await;
        for answer in [
            stage.app.refresh(&replica, &here.refresh).await,
            revoke(&replica, &stage.app, &here.refresh).await,
        ] {
            assert_eq!(answer.status, 503, "{answer:?}");
            assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
        }
        server.execute("ALTER TABLE elsewhere RENAME TO ring_secrets").await;
        assert_eq!(stage.app.refresh(&replica, &here.refresh).await.status, 200);
        replica.stop().await;
        server.stop().await;
    }
}
