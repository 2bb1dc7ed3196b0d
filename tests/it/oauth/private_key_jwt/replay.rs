//! An assertion is good for one use, wherever it is used.

use actors::janitor::SweepNow;
use futures::future::join_all;
use serde_json::json;

use super::{UNLIMITED, robot, with};
use crate::kit::client_key::{ClientKey, ask, claims, post_as};
use crate::kit::{Backend, Server, on_both_databases};

/// How many uses are remembered.
async fn remembered(server: &Server) -> u64 {
    server.execute("UPDATE replay SET expires_at = expires_at").await
}

on_both_databases! {
    async fn an_assertion_is_good_for_one_use(server: Server) {
        let key = ClientKey::new("ES256", "k");
        let id = robot(server, &[&key]).await;
        let assertion = key.assertion(server, &id);
        assert_eq!(ask(server, &assertion).await.status, 200);
        ask(server, &assertion).await.refused(401, "invalid_client");
        let elsewhere = post_as(server, "/oauth/introspect", &assertion, &[("token", "x")]).await;
        elsewhere.refused(401, "invalid_client");
        let spent = claims(server, &id);
        assert_eq!(ask(server, &key.signed(&key.header(), &spent)).await.status, 200);
        let again = with(spent, "exp", json!(claims(server, &id)["exp"].as_i64().unwrap() + 100));
        let again = ask(server, &key.signed(&key.header(), &again)).await;
        again.refused(401, "invalid_client");
        assert_eq!(ask(server, &key.assertion(server, &id)).await.status, 200);
    }

    async fn two_clients_may_use_the_same_name(server: Server) {
        let key = ClientKey::new("ES256", "k");
        for _ in 0..2 {
            let id = robot(server, &[&key]).await;
            let claims = with(claims(server, &id), "jti", json!("1"));
            assert_eq!(ask(server, &key.signed(&key.header(), &claims)).await.status, 200);
        }
    }

    async fn another_replica_knows_what_was_used(server: Server) {
        let replica = server.replica().await;
        let key = ClientKey::new("ES256", "k");
        let id = robot(server, &[&key]).await;
        let assertion = key.assertion(server, &id);
        assert_eq!(ask(server, &assertion).await.status, 200);
        ask(&replica, &assertion).await.refused(401, "invalid_client");
        replica.stop().await;
    }

    async fn of_two_hundred_simultaneous_uses_at_two_replicas_exactly_one_is_accepted(
        server: Server
    ) with [UNLIMITED] {
        let replica = server.replica().await;
        let key = ClientKey::new("ES256", "k");
        let id = robot(server, &[&key]).await;
        for _ in 0..3 {
            let assertion = key.assertion(server, &id);
            let uses = (0..200).map(|n| ask([server, &replica][n % 2], &assertion));
            let answers = join_all(uses).await;
            let accepted = answers.iter().filter(|answer| answer.status == 200).count();
            assert_eq!(accepted, 1);
            let refused = answers.iter().filter(|answer| answer.status == 401).count();
            assert_eq!(refused, 199);
        }
        assert_eq!(server.audited("client_credentials.issued", &[]).await, 3);
        replica.stop().await;
    }

    /// Else anybody could keep a client out who guesses or sees its next `jti`.
    async fn what_is_not_signed_by_the_client_spends_nothing(server: Server) {
        let (key, stranger) = (ClientKey::new("ES256", "k"), ClientKey::new("ES256", "k"));
        let id = robot(server, &[&key]).await;
        let claims = claims(server, &id);
        let forged = stranger.signed(&key.header(), &claims);
        ask(server, &forged).await.refused(401, "invalid_client");
        assert_eq!(remembered(server).await, 0);
        assert_eq!(ask(server, &key.signed(&key.header(), &claims)).await.status, 200);
    }

    async fn without_its_memory_the_server_accepts_nothing(server: Server) {
        let key = ClientKey::new("ES256", "k");
        let id = robot(server, &[&key]).await;
        let assertion = key.assertion(server, &id);
        server.execute("ALTER TABLE replay RENAME TO replay_away").await;
        for _ in 0..3 {
            ask(server, &assertion).await.refused(500, "server_error");
        }
        server.execute("ALTER TABLE replay_away RENAME TO replay").await;
        assert_eq!(server.audited("client_credentials.issued", &[]).await, 0);
        assert_eq!(ask(server, &assertion).await.status, 200);
        ask(server, &assertion).await.refused(401, "invalid_client");
    }

    async fn uses_are_forgotten_once_they_are_too_old_and_not_before(server: Server) {
        let key = ClientKey::new("ES256", "k");
        let id = robot(server, &[&key]).await;
        let assertion = key.assertion(server, &id);
        assert_eq!(ask(server, &assertion).await.status, 200);
        let janitor = &server.services.keepers.janitor;
        // 2 minutes to `exp`, a minute for clocks, 5 for other replicas'.
        server.wait(120 + 60 + 299);
        janitor.ask(SweepNow).await.unwrap().unwrap();
        assert_eq!(remembered(server).await, 1);
        ask(server, &assertion).await.refused(401, "invalid_client");
        server.wait(2);
        janitor.ask(SweepNow).await.unwrap().unwrap();
        assert_eq!(remembered(server).await, 0);
        ask(server, &assertion).await.refused(401, "invalid_client");
    }
}

/// The rows are held by somebody else for longer than anybody waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_store_is_held_up_the_answer_is_503_and_nothing_was_accepted() {
    let server = Server::start(Backend::Postgres).await;
    let key = ClientKey::new("ES256", "k");
    let id = robot(&server, &[&key]).await;
    let assertion = key.assertion(&server, &id);
    let held = server.hold("replay").await;
    ask(&server, &assertion).await.refused(503, "temporarily_unavailable");
    drop(held);
    assert_eq!(server.audited("client_credentials.issued", &[]).await, 0);
    assert_eq!(ask(&server, &assertion).await.status, 200);
    server.stop().await;
}
