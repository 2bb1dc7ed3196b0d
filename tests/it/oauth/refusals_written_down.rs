//! What strangers can cause as often as they like is written down a few times, and no more:
//! the audit log is kept for a year, and an attacker must not size it.

use std::time::Duration;

use crate::kit::scene::EMAIL;
use crate::kit::stage::{RESOURCE, Stage, machine};
use crate::kit::{Browser, Server, TokenClient, on_both_databases};

/// Every failure locks, and everybody may say where they come from.
const ONE: (&str, &str) = ("AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", "1");
const NEVER: (&str, &str) = ("AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", "0");
const PROXY: (&str, &str) = ("AUTHPLANE_SERVER_TRUSTED_PROXIES", "127.0.0.0/8");

/// Asserts that `action` is in the log with all of `details`, and ten times only.
async fn is_written_ten_times(server: &Server, action: &str, details: &[&str]) {
    server.until_audited(action, details, 10).await;
    // Some are written after the answer: leave the eleventh the time to be.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(server.audited(action, details).await, 10, "{action} {details:?}");
}

async fn fails_to_sign_in(server: &Server, from: &str, email: &str) {
    let browser = Browser::at(from);
    let page = browser.get(server, "/login").await;
    browser.type_in(server, &page, email, "wrong horse battery").await.is_page(401, "not right");
}

on_both_databases! {
    async fn codes_that_nobody_issued(server: Server) {
        let stage = Stage::set(server).await;
        for number in 0..25 {
            stage.redeem(server, &format!("apac_{number}")).await.refused(400, "invalid_grant");
        }
        is_written_ten_times(server, "token.issue_denied", &["reason=unknown_code"]).await;
        // What was stolen is never too much to write down.
        let code = stage.code(server).await;
        stage.redeem(server, &code).await;
        stage.redeem(server, &code).await.refused(400, "invalid_grant");
        assert_eq!(server.audited("family.revoked", &["reason=code_reuse"]).await, 1);
    }

    async fn refresh_tokens_that_are_over(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        stage.app.post(server, "/oauth/revoke", &[("token", &tokens.refresh)]).await;
        for _ in 0..25 {
            stage.app.refresh(server, &tokens.refresh).await.refused(400, "invalid_grant");
        }
        is_written_ten_times(server, "token.refresh_denied", &["reason=revoked"]).await;
    }

    async fn a_machine_that_asks_for_what_it_may_not_have(server: Server) {
        let robot = TokenClient::of(&server.client(machine("tools")).await);
        let other = TokenClient::of(&server.client(machine("tools")).await);
        let form = [("grant_type", "client_credentials"), ("scope", "admin")];
        for _ in 0..25 {
            robot.token(server, &form).await.refused(400, "invalid_scope");
        }
        is_written_ten_times(server, "client_credentials.denied", &["reason=invalid_scope"]).await;
        // One client does not use up what is written about another.
        other.token(server, &form).await.refused(400, "invalid_scope");
        server.until_audited("client_credentials.denied", &[], 11).await;
    }

    async fn questions_about_the_tokens_of_others(server: Server) {
        let stage = Stage::set(server).await;
        let robot = TokenClient::of(&server.client(machine("read")).await);
        let form =
            [("grant_type", "client_credentials"), ("resource", RESOURCE), ("scope", "read")];
        let access = robot.token(server, &form).await.member("access_token");
        let stranger = TokenClient::of(&server.client(machine("read")).await);
        for _ in 0..25 {
            assert!(!stranger.sees_active(server, &access).await);
        }
        is_written_ten_times(server, "token.introspect_denied", &[]).await;
        assert!(stage.guard.sees_active(server, &access).await);
    }

    async fn people_who_were_made_up(server: Server)
    with [NEVER, PROXY] {
        server.person(EMAIL).await;
        for number in 0..15 {
            fails_to_sign_in(server, "198.51.100.1", &format!("{number}@example.com")).await;
        }
        is_written_ten_times(server, "user.login_failed", &[]).await;
        // They do not use up what is written about somebody who exists.
        fails_to_sign_in(server, "198.51.100.1", EMAIL).await;
        server.until_audited("user.login_failed", &[], 11).await;
    }

    async fn lockouts_of_people_who_were_made_up(server: Server)
    with [ONE, PROXY] {
        for number in 0..15 {
            fails_to_sign_in(server, "198.51.100.1", &format!("{number}@example.com")).await;
        }
        is_written_ten_times(server, "auth.locked_out", &["kind=sign_in"]).await;
    }

    async fn lockouts_of_one_client_from_everywhere(server: Server)
    with [ONE, PROXY] {
        let robot = server.client(machine("tools")).await.client.id.clone();
        let http = reqwest::Client::new();
        for number in 0..15 {
            let guess = http
                .post(server.url("/oauth/token"))
                .header("x-forwarded-for", format!("203.0.113.{number}"))
                .basic_auth(&robot, Some("apcs_wrong"))
                .form(&[("grant_type", "client_credentials")]);
            assert_eq!(guess.send().await.unwrap().status(), 401);
        }
        is_written_ten_times(server, "auth.locked_out", &["kind=client"]).await;
    }
}

/// Were a failed sign-in written down before the answer, the time it takes would tell who has
/// an account: the failures of people who were made up are not written any more at some point.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sign_in_does_not_wait_until_it_is_written_down() {
    let server = Server::start_with(crate::kit::Backend::Postgres, &[ONE, PROXY]).await;
    server.person(EMAIL).await;
    let held = server.hold("audit_events").await;
    fails_to_sign_in(&server, "198.51.100.1", EMAIL).await;
    drop(held);
    server.until_audited("user.login_failed", &[], 1).await;
    server.until_audited("auth.locked_out", &[], 1).await;
    server.stop().await;
}
