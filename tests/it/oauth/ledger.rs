//! What is written down: every token, every act, every counter; and who may read it.

use std::collections::BTreeSet;
use std::time::Duration;

use authserver::administration::client::NewClient;
use futures::future::join_all;

use crate::kit::client::claims;
use crate::kit::jwt::Jwks;
use crate::kit::server::ADMIN_KEY;
use crate::kit::stage::{RESOURCE, Stage, Tokens, machine};
use crate::kit::{Answer, Backend, Server, TokenClient, on_both_databases};

async fn admin(server: &Server, post: bool, path: &str, authorization: Option<&str>) -> Answer {
    let (http, url) = (reqwest::Client::new(), server.admin_url(path));
    let mut request = if post { http.post(url) } else { http.get(url) };
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    Answer::of(request.send().await.unwrap()).await
}

on_both_databases! {
    async fn every_token_has_its_issuance_and_its_audit_row(server: Server) {
        let stage = Stage::set(server).await;
        let first = stage.tokens(server).await;
        let second = Tokens::of(&stage.app.refresh(server, &first.refresh).await);
        let robot = TokenClient::of(&server.client(machine("read")).await);
        let form = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
        let own = robot.token(server, &form).await.member("access_token");
        let family = server.family_of(&first.refresh).await.id;
        for (token, grant_type, action, family) in [
            (&first.access, "authorization_code", "token.issued", Some(family)),
            (&second.access, "refresh_token", "token.refreshed", Some(family)),
            (&own, "client_credentials", "client_credentials.issued", None),
        ] {
            let (row, claims) = (server.issuance_of(token).await, claims(token));
            assert_eq!(row.grant_type, grant_type);
            assert_eq!(row.client_id, claims["client_id"]);
            assert_eq!(row.user_id, family.map(|_| stage.person.id));
            assert_eq!(row.scopes, claims["scope"]);
            assert_eq!(row.family_id, family);
            assert_eq!(row.issued_at.timestamp(), claims["iat"]);
            assert_eq!(row.expires_at.timestamp(), claims["exp"]);
            assert_eq!((row.revoked_at, row.revoked_reason), (None, None));
            let jti = format!("jti={}", row.jti);
            assert_eq!(server.audited(action, &[&jti]).await, 1);
        }
    }

    /// Whatever arrives during a commit is in the next, and nobody's record is lost.
    async fn hundreds_of_simultaneous_tokens_are_all_written_down(server: Server) {
        let robot = TokenClient::of(&server.client(machine("tools")).await);
        let form = [("grant_type", "client_credentials")];
        let answers = join_all((0..300).map(|_| robot.token(server, &form))).await;
        let jtis: BTreeSet<String> = answers
            .iter()
            .map(|answer| claims(&answer.member("access_token"))["jti"].to_string())
            .collect();
        assert_eq!(jtis.len(), 300);
        assert_eq!(server.execute("UPDATE issuances SET scopes = scopes").await, 300);
        assert_eq!(server.audited("client_credentials.issued", &["scopes=tools"]).await, 300);
        let guard = TokenClient::of(&server.client(machine("tools")).await);
        let looks = answers.iter().map(|answer| answer.member("access_token")).take(50);
        let looks = join_all(looks.map(|token| {
            let (server, robot, guard) = (&*server, &robot, &guard);
            async move {
                (robot.sees_active(server, &token).await, guard.sees_active(server, &token).await)
            }
        }));
        assert!(looks.await.into_iter().all(|seen| seen == (true, false)));
    }

    async fn the_audit_log_names_who_where_and_under_which_correlation_id(server: Server) {
        let stage = Stage::set(server).await;
        let answer = stage.redeem(server, &stage.code(server).await).await;
        let store = &server.services.store;
        let events = store.read(|db| async move { entities::audit_event::newest(&db, 100).await });
        let events = events.await.unwrap();
        let event = events.iter().find(|event| event.action == "token.issued").unwrap();
        assert_eq!(event.actor_id, Some(stage.person.id.to_string()));
        assert_eq!(event.client_id, Some(stage.app.id.clone()));
        assert_eq!(event.ip.as_deref(), Some("127.0.0.1"));
        assert_eq!(event.trace_id.as_deref(), Some(answer.header("x-request-id")));
        assert_eq!(event.created_at, server.services.environment.now());
    }

    /// No secret that works is in the log or in the rows.
    async fn no_secret_is_written_down(server: Server) {
        let stage = Stage::set(server).await;
        let code = stage.code(server).await;
        let tokens = Tokens::of(&stage.redeem(server, &code).await);
        stage.redeem(server, &code).await.refused(400, "invalid_grant");
        stage.app.refresh(server, &tokens.refresh).await.refused(400, "invalid_grant");
        let log = server.audit().await.join("\n");
        let secret = stage.guard.secret.clone().unwrap();
        for secret in [&code, &tokens.access, &tokens.refresh, &stage.pkce.verifier, &secret] {
            assert!(!log.contains(secret.as_str()));
        }
        for column in ["request", "client_id"] {
            let like = format!(
                "DELETE FROM authorization_codes WHERE CAST({column} AS TEXT) LIKE '%{}%'",
                stage.pkce.verifier
            );
            assert_eq!(server.execute(&like).await, 0);
        }
    }

    async fn the_counters_of_the_contract_are_there_and_labels_are_patterns(server: Server) {
        let stage = Stage::set(server).await;
        let first = stage.tokens(server).await;
        let second = Tokens::of(&stage.app.refresh(server, &first.refresh).await);
        Tokens::of(&stage.app.refresh(server, &first.refresh).await);
        assert!(stage.active(server, &second.access).await);
        server.wait(31);
        stage.app.refresh(server, &first.refresh).await.refused(400, "invalid_grant");
        let code = stage.code(server).await;
        Tokens::of(&stage.redeem(server, &code).await);
        stage.redeem(server, &code).await.refused(400, "invalid_grant");
        let agent = NewClient { agent: true, ..machine("tools") };
        let robot = TokenClient::of(&server.client(agent).await);
        let form = [("grant_type", "client_credentials"), ("scope", "tools")];
        assert_eq!(robot.token(server, &form).await.status, 200);
        let form = [("grant_type", "client_credentials"), ("scope", "other")];
        robot.token(server, &form).await.refused(400, "invalid_scope");
        server.get("/.well-known/oauth-protected-resource/made/up-by-a-client").await;
        server.get("/made/up-by-a-client?x=y").await;
        stage.app.post(server, "/oauth/revoke", &[("token", &second.refresh)]).await;

        let metrics = server.admin_get("/metrics").await;
        assert_eq!(metrics.status, 200);
        for counted in [
            "authserver_tokens_issued_total{grant_type=\"authorization_code\"}",
            "authserver_tokens_issued_total{grant_type=\"refresh_token\"}",
            "authserver_tokens_issued_total{grant_type=\"client_credentials\"}",
            "authserver_tokens_refreshed_total",
            "authserver_tokens_revoked_total{reason=\"reuse_detection\"}",
            "authserver_refresh_token_reuse_total",
            "authserver_refresh_token_replayed_in_grace_total",
            "authserver_auth_code_reuse_total{verifier=\"right\"}",
            "authserver_auth_denied_total{reason=\"invalid_grant\"}",
            "authserver_introspection_total{active=\"true\"}",
            "authserver_consent_decisions_total{decision=\"granted\"}",
            "authplane_client_credentials_issued_total",
            "authplane_agent_tokens_issued_total",
            "authplane_client_credentials_denied_total{reason=\"invalid_scope\"}",
            "authserver_keeper_up{keeper=\"families-2\"}",
            "authserver_keeper_mailbox_depth{keeper=\"passwords\"}",
            "authserver_keeper_batch_size_bucket{keeper=\"ledger\"",
            "authserver_http_requests_total{method=\"POST\",path=\"/oauth/token\",status=\"200\"}",
            "authserver_http_request_duration_seconds_bucket{method=\"POST\",path=\"/oauth/token\"",
            "authserver_token_issuance_duration_seconds_bucket",
            "authserver_introspection_duration_seconds_bucket",
            "authserver_auth_flow_duration_seconds_bucket",
            "authserver_db_operation_duration_seconds_bucket{op=\"write\"",
            "authserver_db_operation_duration_seconds_bucket{op=\"read\"",
            "authserver_key_reload_duration_seconds_bucket",
        ] {
            let line = metrics.text.lines().find(|line| line.starts_with(counted));
            let line = line.unwrap_or_else(|| panic!("no {counted} in\n{}", metrics.text));
            let value: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
            assert!(value >= 0.0 && (value > 0.0 || line.contains("depth")
                || line.contains("_bucket")), "{line}");
        }
        assert!(!metrics.text.contains("made/up-by-a-client"), "a path became a label");
        assert!(metrics.text.contains("/oauth-protected-resource/{reference"));
    }

    async fn what_lives_is_counted_every_minute(server: Server) {
        Stage::set(server).await;
        server.wait(60);
        for gauge in ["authserver_active_clients", "authserver_active_token_families"] {
            let mut looks = 0;
            while !server.admin_get("/metrics").await.text.contains(gauge) {
                looks += 1;
                assert!(looks < 200, "no {gauge}");
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }

    async fn the_admin_surface_is_closed_without_the_key(server: Server)
    with [("AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", "0")] {
        let routes = [
            (true, "/admin/auth/verify"),
            (false, "/admin/keys"),
            (true, "/admin/keys/rotate"),
            (false, "/admin/system/status"),
        ];
        let before = server.audit().await.len();
        let nearly = format!("Bearer {}", &ADMIN_KEY[1..]);
        let longer = format!("Bearer {ADMIN_KEY}x");
        let basic = format!("Basic {ADMIN_KEY}");
        for (post, path) in routes {
            for wrong in [None, Some(&nearly), Some(&longer), Some(&basic), Some(&String::new())] {
                let answer = admin(server, post, path, wrong.map(String::as_str)).await;
                answer.refused(401, "invalid_admin_key");
                assert_eq!(answer.header("content-type"), "application/problem+json");
                assert!(answer.header("www-authenticate").starts_with("Bearer"), "{path}");
            }
            let in_the_url = format!("{path}?api_key={ADMIN_KEY}&key={ADMIN_KEY}");
            admin(server, post, &in_the_url, None).await.refused(401, "invalid_admin_key");
            let right = format!("Bearer {ADMIN_KEY}");
            let answer = admin(server, post, path, Some(&right)).await;
            assert_eq!(answer.status, 200, "{path} {answer:?}");
            assert!(!answer.text.contains(ADMIN_KEY));
        }
        assert_eq!(server.audit().await.len(), before + 1, "one rotation and nothing else");
        assert_eq!(server.get("/admin/keys").await.status, 404, "not on the public surface");
    }

    async fn what_a_rotation_says_is_read_strictly(server: Server) {
        for odd in [
            serde_json::json!({ "emergncy": true }),
            serde_json::json!({ "emergency": "yes" }),
            serde_json::json!([]),
            serde_json::json!([true, true]),
            serde_json::json!("emergency"),
        ] {
            let answer = server.admin_post("/admin/keys/rotate", &odd).await;
            answer.refused(400, "invalid_request");
        }
        assert_eq!(Jwks::of(server).await.kids().len(), 1);
    }
}

/// While the next batch is written one comes to the disk, but not a third: a database that is slow
/// to commit would have every connection waiting for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_commit_keeps_no_more_than_two_connections() {
    const SLOW: &str = "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS \
        'BEGIN PERFORM pg_sleep(0.02); RETURN NULL; END'; \
        CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON issuances \
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle()";
    const COMMITTING: &str = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' \
        AND datname = current_database() AND query LIKE 'COMMIT%'";
    let server = Server::start(Backend::Postgres).await;
    let robot = TokenClient::of(&server.client(machine("tools")).await);
    server.execute(SLOW).await;
    let arriving = (0..60).map(|number| {
        let (robot, server) = (&robot, &server);
        async move {
            tokio::time::sleep(Duration::from_millis(5 * number)).await;
            robot.token(server, &[("grant_type", "client_credentials")]).await
        }
    });
    let looking = async {
        let mut most = 0;
        for _ in 0..60 {
            most = most.max(server.execute(COMMITTING).await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        most
    };
    let (answers, most) = tokio::join!(join_all(arriving), looking);
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(most, 2, "one comes to the disk while the other is written");
    server.stop().await;
}
