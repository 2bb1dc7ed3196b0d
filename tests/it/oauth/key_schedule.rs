//! Keys that relieve each other by themselves.

use std::time::Duration;

use crate::kit::client::jose_header;
use crate::kit::jwt::Jwks;
use crate::kit::stage::Stage;
use crate::kit::{Server, on_both_databases};

const DAY: u64 = 24 * 3600;
/// From publication to first signature: JWKS `max-age` and a minute.
const AHEAD: u64 = 300 + 60;
/// From the last signature to the end: the longest token life and a minute.
const BEHIND: u64 = 3600 + 60;

/// Waits until so many keys are published everywhere; which.
async fn published(servers: &[&Server], keys: usize) -> Vec<String> {
    for _ in 0..300 {
        let mut seen = Vec::new();
        for server in servers {
            seen.push(Jwks::of(server).await.kids());
        }
        if seen.iter().all(|kids| kids.len() == keys && *kids == seen[0]) {
            return seen.swap_remove(0);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("there are not {keys} keys everywhere");
}

async fn signing_kid(server: &Server, stage: &Stage) -> String {
    let header = jose_header(&stage.tokens(server).await.access);
    header["kid"].as_str().unwrap().to_owned()
}

on_both_databases! {
    async fn every_thirty_days_one_server_rotates_and_all_follow(server: Server) {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        let both = [&*server, &replica];
        let [first] = published(&both, 1).await.try_into().unwrap();

        server.wait(30 * DAY - 10);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(Jwks::of(server).await.kids(), std::slice::from_ref(&first), "not before its time");
        server.wait(10);
        let kids = published(&both, 2).await;
        assert_eq!(kids[0], first);
        let old = stage.tokens(server).await;
        assert_eq!(jose_header(&old.access)["kid"], first, "published, not signing yet");

        server.wait(AHEAD);
        for at in both {
            for _ in 0..200 {
                if signing_kid(at, &stage).await == kids[1] {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(signing_kid(at, &stage).await, kids[1]);
            assert!(Jwks::of(at).await.verified(&old.access).is_some());
            assert!(stage.active(at, &old.access).await);
        }
        server.wait(BEHIND + 5);
        assert_eq!(published(&both, 1).await, [kids[1].clone()]);
        assert_eq!(server.audited("key.rotated", &["reason=scheduled"]).await, 1);
        assert_eq!(server.audited("key.rotated", &["state=active", &kids[1]]).await, 1);
        replica.stop().await;
    }

    async fn a_rotation_under_way_is_not_joined_by_a_scheduled_one(server: Server) {
        let stage = Stage::set(server).await;
        server.wait(30 * DAY - 60);
        let answer = server.admin_post("/admin/keys/rotate", &serde_json::json!({})).await;
        let ordered = answer.member("kid");
        server.wait(AHEAD - 60);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(Jwks::of(server).await.kids().len(), 2);
        server.wait(65);
        for _ in 0..200 {
            if signing_kid(server, &stage).await == ordered {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(signing_kid(server, &stage).await, ordered);
        assert_eq!(server.audited("key.rotated", &["reason=scheduled"]).await, 0);
    }

    async fn after_a_long_time_off_one_key_is_announced_and_another_interval_counts(
        server: Server
    ) {
        let [first] = published(&[server], 1).await.try_into().unwrap();
        server.restart_with(&[("AUTHPLANE_SIGNING_ROTATION_INTERVAL", "1000d")]).await;
        server.wait(500 * DAY);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(Jwks::of(server).await.kids(), std::slice::from_ref(&first));
        server.restart_with(&[("AUTHPLANE_SIGNING_ROTATION_INTERVAL", "30d")]).await;
        let kids = published(&[server], 2).await;
        assert_eq!(kids[0], first);
        assert_eq!(server.audited("key.rotated", &["reason=scheduled"]).await, 1);
        server.restart_with(&[]).await;
        assert_eq!(published(&[server], 2).await, kids);
    }
}

on_both_databases! {
    /// Whatever grant that token was issued for.
    async fn a_key_stays_as_long_as_the_longest_token_there_may_be(backend: Backend) {
        for setting in ["DCR_DEFAULT", "CLIENT_CREDENTIALS", "TOKEN_EXCHANGE"] {
            let setting = format!("AUTHPLANE_{setting}_TOKEN_EXPIRY");
            let server = Server::start_with(backend, &[(&setting, "10h")]).await;
            let [old] = published(&[&server], 1).await.try_into().unwrap();
            let emergency = serde_json::json!({ "emergency": true });
            server.admin_post("/admin/keys/rotate", &emergency).await;
            server.wait(10 * 3600);
            // One that starts lets time pass for the keys before it serves.
            let replica = server.replica().await;
            assert!(Jwks::of(&replica).await.kids().contains(&old), "{setting}");
            replica.stop().await;
            server.wait(120);
            let replica = server.replica().await;
            assert!(!Jwks::of(&replica).await.kids().contains(&old), "{setting}");
            replica.stop().await;
            server.stop().await;
        }
    }
}
