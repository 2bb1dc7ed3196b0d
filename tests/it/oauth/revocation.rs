//! Revocation (RFC 7009): a client gives back what it holds.

use crate::kit::stage::{RESOURCE, Stage, Tokens, machine, public_app};
use crate::kit::{Answer, Server, TokenClient, on_both_databases};

async fn revoke(server: &Server, client: &TokenClient, token: &str) -> Answer {
    client.post(server, "/oauth/revoke", &[("token", token)]).await
}

on_both_databases! {
    async fn a_refresh_token_takes_its_family_and_its_access_tokens_with_it(server: Server) {
        let stage = Stage::set(server).await;
        let bystander = stage.tokens(server).await;
        let first = stage.tokens(server).await;
        let second = Tokens::of(&stage.app.refresh(server, &first.refresh).await);
        let answer = revoke(server, &stage.app, &second.refresh).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
        answer.json();

        assert!(!stage.active(server, &first.access).await);
        assert!(!stage.active(server, &second.access).await);
        stage.app.refresh(server, &second.refresh).await.refused(400, "invalid_grant");
        let family = server.family_of(&first.refresh).await;
        assert_eq!(family.revoked_reason.as_deref(), Some("revoked_by_client"));
        assert!(stage.active(server, &bystander.access).await);
        assert_eq!(server.audited("token.revoked", &["family="]).await, 1);
        assert_eq!(server.audited("family.revoked", &[]).await, 0, "this was no misuse");
    }

    /// A client that lost the last answer holds an older token of the same family.
    async fn any_token_of_the_family_will_do(server: Server) {
        let stage = Stage::set(server).await;
        let first = stage.tokens(server).await;
        let second = Tokens::of(&stage.app.refresh(server, &first.refresh).await);
        server.wait(600);
        assert_eq!(revoke(server, &stage.app, &first.refresh).await.status, 200);
        stage.app.refresh(server, &second.refresh).await.refused(400, "invalid_grant");
    }

    async fn an_access_token_takes_only_itself_with_it(server: Server) {
        let stage = Stage::set(server).await;
        let first = stage.tokens(server).await;
        let second = Tokens::of(&stage.app.refresh(server, &first.refresh).await);
        assert_eq!(revoke(server, &stage.app, &first.access).await.status, 200);
        assert!(!stage.active(server, &first.access).await);
        assert!(stage.active(server, &second.access).await);
        Tokens::of(&stage.app.refresh(server, &second.refresh).await);
        assert_eq!(server.audited("token.revoked", &["jti="]).await, 1);
    }

    async fn the_hint_decides_nothing(server: Server) {
        let stage = Stage::set(server).await;
        for hint in ["refresh_token", "access_token", "id_token", "nonsense"] {
            let tokens = stage.tokens(server).await;
            let form = [("token", tokens.access.as_str()), ("token_type_hint", hint)];
            assert_eq!(stage.app.post(server, "/oauth/revoke", &form).await.status, 200);
            assert!(!stage.active(server, &tokens.access).await, "{hint}");
            let form = [("token", tokens.refresh.as_str()), ("token_type_hint", hint)];
            assert_eq!(stage.app.post(server, "/oauth/revoke", &form).await.status, 200);
            stage.app.refresh(server, &tokens.refresh).await.refused(400, "invalid_grant");
        }
    }

    async fn another_clients_tokens_are_out_of_reach(server: Server) {
        let stage = Stage::set(server).await;
        let thief = TokenClient::of(&server.client(public_app()).await);
        let tokens = stage.tokens(server).await;
        for who in [&thief, &stage.guard] {
            for token in [&tokens.access, &tokens.refresh] {
                let answer = revoke(server, who, token).await;
                let unknown = revoke(server, who, "nonsense").await;
                assert_eq!((answer.status, &answer.text), (200, &unknown.text));
            }
        }
        assert!(stage.active(server, &tokens.access).await);
        Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);
        assert_eq!(server.audited("token.revoked", &[]).await, 0);
    }

    async fn what_is_no_token_is_answered_like_a_success(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let code = stage.code(server).await;
        let cut = tokens.refresh[..tokens.refresh.len() - 1].to_owned();
        for token in ["nonsense", "a.b.c", &code, &cut] {
            assert_eq!(revoke(server, &stage.app, token).await.status, 200, "{token}");
        }
        Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);
        Tokens::of(&stage.redeem(server, &code).await);
    }

    async fn revoking_twice_is_no_error(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        for token in [&tokens.refresh, &tokens.refresh, &tokens.access, &tokens.access] {
            assert_eq!(revoke(server, &stage.app, token).await.status, 200);
        }
        assert!(!stage.active(server, &tokens.access).await);
    }

    async fn the_caller_must_be_who_it_says(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let robot = TokenClient::of(&server.client(machine("read")).await);
        let wrong = TokenClient::new(&robot.id, Some("wrong"));
        revoke(server, &wrong, &tokens.access).await.refused(401, "invalid_client");
        let unproven = TokenClient::new(&robot.id, None);
        revoke(server, &unproven, &tokens.access).await.refused(401, "invalid_client");
        let unknown = TokenClient::new("nobody-knows-it", None);
        revoke(server, &unknown, &tokens.access).await.refused(401, "invalid_client");
        stage.app.post(server, "/oauth/revoke", &[]).await.refused(400, "invalid_request");
        assert!(stage.active(server, &tokens.access).await);
    }

    async fn a_machine_gives_its_token_back(server: Server) {
        let stage = Stage::set(server).await;
        let robot = TokenClient::of(&server.client(machine("read")).await);
        let form = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
        let access = robot.token(server, &form).await.member("access_token");
        assert_eq!(revoke(server, &robot, &access).await.status, 200);
        assert!(!stage.active(server, &access).await);
    }

    async fn a_revocation_that_cannot_be_audited_is_an_error_and_undone(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        server.break_the_audit_log().await;
        for token in [&tokens.refresh, &tokens.access] {
            revoke(server, &stage.app, token).await.refused(500, "server_error");
        }
        server.mend_the_audit_log().await;
        assert!(stage.active(server, &tokens.access).await);
        Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);
    }
}
