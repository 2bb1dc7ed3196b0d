//! Guessing the secrets of clients.

use crate::kit::stage::machine;
use crate::kit::{Answer, Backend, Server, TokenClient, on_both_databases};

const GRANT: [(&str, &str); 1] = [("grant_type", "client_credentials")];

async fn guess(server: &Server, id: &str) -> Answer {
    TokenClient::new(id, Some("apcs_wrong")).token(server, &GRANT).await
}

on_both_databases! {
    async fn who_goes_on_guessing_a_secret_is_told_to_slow_down(server: Server) {
        let robot = TokenClient::of(&server.client(machine("tools")).await);
        let nobody = uuid::Uuid::nil().to_string();
        let mut bodies = Vec::new();
        for id in [&robot.id, &nobody] {
            for _ in 0..10 {
                guess(server, id).await.refused(401, "invalid_client");
            }
            for _ in 0..3 {
                let answer = guess(server, id).await;
                answer.refused(429, "slow_down");
                assert!(!answer.header("retry-after").is_empty());
                bodies.push(answer.text);
            }
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 1, "a client that exists looks like one that does not");
        server.until_audited("auth.locked_out", &["kind=client"], 1).await;
        let locked = server.audited("auth.locked_out", &["kind=client"]).await;
        assert_eq!(locked, 1, "names that somebody made up are not written down");

        // Whoever has the secret cannot be shut out by somebody who has not.
        assert_eq!(robot.token(server, &GRANT).await.status, 200);
        guess(server, &robot.id).await.refused(429, "slow_down");
        server.wait(900);
        guess(server, &robot.id).await.refused(401, "invalid_client");
    }

    /// Only of clients that exist anything is written down, so only of those it can fail.
    async fn whether_a_client_exists_does_not_show_while_nothing_can_be_written_down(
        server: Server
    ) {
        let robot = TokenClient::of(&server.client(machine("tools")).await);
        let nobody = uuid::Uuid::nil().to_string();
        server.break_the_audit_log().await;
        let mut stories = Vec::new();
        for id in [&robot.id, &nobody] {
            let mut story = Vec::new();
            for _ in 0..13 {
                let answer = guess(server, id).await;
                let wait = answer.header("retry-after").to_owned();
                story.push((answer.status, answer.text, wait));
            }
            stories.push(story);
        }
        assert_eq!(stories[0], stories[1]);
        let statuses: Vec<u16> = stories[0].iter().map(|(status, ..)| *status).collect();
        assert_eq!(statuses, [[401; 10].as_slice(), &[429; 3]].concat());
        server.mend_the_audit_log().await;
    }

    /// Claude Code comes back with the id of a client that was removed, and registers again
    /// once it hears exactly this.
    async fn a_client_without_a_secret_that_nobody_knows_hears_401_forever(server: Server) {
        let gone = TokenClient::new("01900000-0000-7000-8000-000000000000", None);
        for _ in 0..25 {
            gone.refresh(server, "aprt_whatever").await.refused(401, "invalid_client");
        }
    }

    async fn replicas_count_a_clients_failures_together(server: Server)
    with [("AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", "4")] {
        let robot = TokenClient::of(&server.client(machine("tools")).await);
        let other = server.replica().await;
        let guesses = (0..16).map(|number| {
            guess(if number % 2 == 0 { &*server } else { &other }, &robot.id)
        });
        let answers = futures::future::join_all(guesses).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 4, "{answers:?}");
        assert_eq!(robot.token(&other, &GRANT).await.status, 200);
        other.stop().await;
    }
}

/// Only of clients that exist a refusal is written down. Were it written before the answer,
/// the time it takes would tell which those are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_does_not_wait_until_it_is_written_down() {
    let server = Server::start(Backend::Postgres).await;
    let robot = TokenClient::of(&server.client(machine("tools")).await);
    let held = server.hold("audit_events").await;
    guess(&server, &robot.id).await.refused(401, "invalid_client");
    drop(held);
    server.until_audited("auth.denied", &[], 1).await;
    server.stop().await;
}

/// A request at the token endpoint has counted by itself already; one for introspection has not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_spends_one_request_and_not_two() {
    let settings = [("AUTHPLANE_RATE_LIMIT_RPS", "1"), ("AUTHPLANE_RATE_LIMIT_BURST", "8")];
    let server = Server::start_with(Backend::Sqlite, &settings).await;
    let wrong = TokenClient::new("nobody", Some("apcs_wrong"));
    for _ in 0..8 {
        wrong.token(&server, &GRANT).await.refused(401, "invalid_client");
    }
    server.stop().await;

    let server = Server::start_with(Backend::Sqlite, &settings).await;
    let mut statuses = Vec::new();
    for number in 0..20 {
        let wrong = TokenClient::new(&format!("nobody-{number}"), Some("apcs_wrong"));
        statuses.push(wrong.post(&server, "/oauth/introspect", &[("token", "x")]).await.status);
    }
    assert_eq!(statuses[..8], [401; 8]);
    assert!(statuses.contains(&429), "{statuses:?}");
    server.stop().await;
}
