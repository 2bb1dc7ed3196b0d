//! Refresh families, line by line of contract 02.

use std::collections::BTreeSet;

use protocol::refresh_token::TokenPlace;
use serde_json::json;

use crate::kit::client::claims;
use crate::kit::stage::{OTHER_RESOURCE, RESOURCE, Stage, Tokens, place, public_app};
use crate::kit::{Answer, Server, TokenClient, on_both_databases};

const DAY: u64 = 24 * 60 * 60;

/// Uses a refresh token with more in the form.
async fn refresh_with(
    stage: &Stage,
    server: &Server,
    token: &str,
    more: &[(&str, &str)],
) -> Answer {
    let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
    form.extend(more);
    stage.app.token(server, &form).await
}

/// Asserts that reuse was found in the family of `tokens`, and that it is dead.
async fn is_dead(stage: &Stage, server: &Server, tokens: &Tokens) {
    let family = server.family_of(&tokens.refresh).await;
    assert!(family.revoked_at.is_some());
    assert_eq!(family.revoked_reason.as_deref(), Some("reuse_detection"));
    assert!(!stage.active(server, &tokens.access).await);
    let named = format!("family={}", family.id);
    assert_eq!(server.audited("family.revoked", &["reuse_detection=", &named]).await, 1);
    stage.app.refresh(server, &tokens.refresh).await.refused(400, "invalid_grant");
}

on_both_databases! {
    async fn every_use_rotates_and_one_row_holds_it_all(server: Server) {
        let stage = Stage::set(server).await;
        let mut tokens = stage.tokens(server).await;
        let mut seen = BTreeSet::from([tokens.refresh.clone()]);
        for generation in 2..6 {
            tokens = Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);
            assert!(seen.insert(tokens.refresh.clone()), "a token came twice");
            assert_eq!(server.family_of(&tokens.refresh).await.generation, generation);
            assert!(stage.active(server, &tokens.access).await);
        }
        let families: BTreeSet<_> = seen.iter().map(|token| place(server, token).family).collect();
        assert_eq!(families.len(), 1);
        assert_eq!(server.execute("UPDATE families SET generation = generation").await, 1);
    }

    /// The response is lost, or the client races itself.
    async fn within_the_grace_window_the_same_successor_comes_again(server: Server) {
        let stage = Stage::set(server).await;
        let first = stage.tokens(server).await;
        let second = Tokens::of(&stage.app.refresh(server, &first.refresh).await);
        server.wait(30);
        let again = Tokens::of(&stage.app.refresh(server, &first.refresh).await);

        assert_eq!(again.refresh, second.refresh);
        assert_ne!(again.access, second.access);
        assert!(stage.active(server, &again.access).await);
        assert!(stage.active(server, &second.access).await);
        assert_eq!(server.family_of(&first.refresh).await.generation, 2);
        assert_eq!(server.audited("token.refreshed", &["replayed=true"]).await, 1);
        Tokens::of(&stage.app.refresh(server, &again.refresh).await);
    }

    async fn after_the_grace_window_it_is_reuse(server: Server) {
        let stage = Stage::set(server).await;
        let first = stage.tokens(server).await;
        let second = Tokens::of(&stage.app.refresh(server, &first.refresh).await);
        server.wait(31);
        stage.app.refresh(server, &first.refresh).await.refused(400, "invalid_grant");
        is_dead(&stage, server, &second).await;
        assert!(!stage.active(server, &first.access).await);
    }

    async fn once_the_successor_is_used_the_old_token_is_reuse_even_within_the_window(
        server: Server
    ) {
        let stage = Stage::set(server).await;
        let bystander = stage.tokens(server).await;
        let first = stage.tokens(server).await;
        let second = Tokens::of(&stage.app.refresh(server, &first.refresh).await);
        let third = Tokens::of(&stage.app.refresh(server, &second.refresh).await);
        stage.app.refresh(server, &first.refresh).await.refused(400, "invalid_grant");

        is_dead(&stage, server, &third).await;
        assert_eq!(stage.active_among(server, &[first.access, second.access]).await, 0);
        assert!(stage.active(server, &bystander.access).await, "only that family");
        Tokens::of(&stage.app.refresh(server, &bystander.refresh).await);
    }

    /// The database of yesterday, and the token of today.
    async fn a_token_that_a_restored_backup_has_not_issued_yet_ends_its_family_and_only_it(
        server: Server
    ) {
        let stage = Stage::set(server).await;
        let bystander = stage.tokens(server).await;
        let mut tokens = stage.tokens(server).await;
        for _ in 1..4 {
            tokens = Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);
        }
        let back = "UPDATE families SET generation = 2 WHERE generation = 4";
        assert_eq!(server.execute(back).await, 1);

        stage.app.refresh(server, &tokens.refresh).await.refused(400, "invalid_grant");

        is_dead(&stage, server, &tokens).await;
        assert_eq!(server.audited("family.revoked", &["from_the_future"]).await, 1);
        let spent = TokenPlace { generation: 2, ..place(server, &tokens.refresh) };
        let spent = server.services.keepers.secret_ring.current().refresh_token.token(spent, server.services.environment.now());
        stage.app.refresh(server, spent.expose()).await.refused(400, "invalid_grant");
        assert!(stage.active(server, &bystander.access).await, "only that family");
        Tokens::of(&stage.app.refresh(server, &bystander.refresh).await);
    }

    async fn another_clients_use_of_a_token_is_reuse(server: Server) {
        let stage = Stage::set(server).await;
        let thief = TokenClient::of(&server.client(public_app()).await);
        let tokens = stage.tokens(server).await;
        thief.refresh(server, &tokens.refresh).await.refused(400, "invalid_grant");
        is_dead(&stage, server, &tokens).await;
    }

    /// A forged token ends before the first query: no family is touched, nothing is logged.
    async fn a_token_that_is_not_ours_does_nothing_at_all(server: Server) {
        let stage = Stage::set(server).await;
        let elsewhere = Server::start(crate::kit::Backend::Sqlite).await;
        let foreign = Stage::set(&elsewhere).await.tokens(&elsewhere).await.refresh;
        elsewhere.stop().await;
        let tokens = stage.tokens(server).await;
        let genuine = &tokens.refresh;
        let events = server.audit().await.len();
        let mut forged = vec![
            foreign,
            genuine[..genuine.len() - 1].to_owned(),
            format!("{genuine}A"),
            format!("{genuine}="),
            genuine.to_uppercase(),
            genuine.replacen("aprt_", "apac_", 1),
            "aprt_".to_owned(),
            tokens.access.clone(),
            uuid::Uuid::nil().to_string(),
        ];
        // One bit of the family, of the generation, of the MAC.
        for at in [8, 30, 60] {
            let mut bytes = genuine.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            forged.push(String::from_utf8(bytes).unwrap());
        }
        for token in forged {
            stage.app.refresh(server, &token).await.refused(400, "invalid_grant");
        }
        assert_eq!(server.audit().await.len(), events);
        assert_eq!(server.family_of(genuine).await.generation, 1);
        Tokens::of(&stage.app.refresh(server, genuine).await);
    }

    async fn a_narrower_scope_narrows_the_response_and_not_the_family(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let narrow = refresh_with(&stage, server, &tokens.refresh, &[("scope", "read")]).await;
        assert_eq!(narrow.member("scope"), "read");
        assert_eq!(claims(&Tokens::of(&narrow).access)["scope"], "read");
        let next = stage.app.refresh(server, &Tokens::of(&narrow).refresh).await;
        assert_eq!(next.member("scope"), "read write");
    }

    async fn a_wider_scope_is_refused_and_the_token_unspent(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        for wider in ["admin", "read admin", "read write admin", "nonsense"] {
            let answer = refresh_with(&stage, server, &tokens.refresh, &[("scope", wider)]).await;
            answer.refused(400, "invalid_scope");
        }
        assert_eq!(server.family_of(&tokens.refresh).await.generation, 1);
        let same = [("scope", "write read offline_access")];
        let answer = refresh_with(&stage, server, &tokens.refresh, &same).await;
        assert_eq!(answer.member("scope"), "write read");
    }

    async fn a_resource_the_family_does_not_cover_is_refused_and_the_token_unspent(
        server: Server
    ) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        for resource in [OTHER_RESOURCE, "https://nobody.example/", "mcp"] {
            let more = [("resource", resource)];
            let answer = refresh_with(&stage, server, &tokens.refresh, &more).await;
            answer.refused(400, "invalid_target");
        }
        assert_eq!(server.family_of(&tokens.refresh).await.generation, 1);
        let covered = [("resource", RESOURCE)];
        let answer = refresh_with(&stage, server, &tokens.refresh, &covered).await;
        assert_eq!(claims(&Tokens::of(&answer).access)["aud"], json!([RESOURCE]));
    }

    async fn the_ceiling_of_this_moment_bounds_every_refresh(server: Server) {
        let stage = Stage::set(server).await;
        let first = stage.tokens(server).await;
        server.change_client(&stage.app.id, "scope = 'read'").await;
        let lowered = stage.app.refresh(server, &first.refresh).await;
        assert_eq!(lowered.member("scope"), "read");
        let second = Tokens::of(&lowered);
        let answer = refresh_with(&stage, server, &second.refresh, &[("scope", "write")]).await;
        answer.refused(400, "invalid_scope");

        server.change_client(&stage.app.id, "scope = 'tools'").await;
        stage.app.refresh(server, &second.refresh).await.refused(400, "invalid_scope");
        server.change_client(&stage.app.id, "scope = NULL").await;
        let raised = stage.app.refresh(server, &second.refresh).await;
        assert_eq!(raised.member("scope"), "read write", "the family was never narrowed");
    }

    async fn each_use_slides_the_expiry_and_the_absolute_one_stays(server: Server) {
        let stage = Stage::set(server).await;
        let mut tokens = stage.tokens(server).await;
        let unused = stage.tokens(server).await;
        let born = server.family_of(&tokens.refresh).await;
        server.wait(7 * DAY - 1);
        tokens = Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);
        server.wait(1);
        stage.app.refresh(server, &unused.refresh).await.refused(400, "invalid_grant");
        assert!(server.family_of(&unused.refresh).await.revoked_at.is_none());

        for _ in 0..13 {
            server.wait(6 * DAY);
            tokens = Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);
        }
        let old = server.family_of(&tokens.refresh).await;
        assert_eq!(old.absolute_expires_at, born.absolute_expires_at);
        assert_eq!(old.expires_at, old.absolute_expires_at, "sliding ends where the family does");
        server.wait(5 * DAY);
        stage.app.refresh(server, &tokens.refresh).await.refused(400, "invalid_grant");
    }

    async fn a_client_without_the_refresh_grant_gets_no_token_and_uses_none(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let lost = r#"grant_types = '["authorization_code"]'"#;
        server.change_client(&stage.app.id, lost).await;
        let answer = stage.redeem(server, &stage.code(server).await).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.json().get("refresh_token").is_none(), "{answer:?}");
        let answer = stage.app.refresh(server, &tokens.refresh).await;
        answer.refused(400, "unauthorized_client");

        let back = r#"grant_types = '["authorization_code","refresh_token"]'"#;
        server.change_client(&stage.app.id, back).await;
        Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);
    }

    async fn a_suspended_clients_families_sleep_and_wake_up_with_it(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        server.change_client(&stage.app.id, "status = 'suspended'").await;
        stage.app.refresh(server, &tokens.refresh).await.refused(401, "invalid_client");
        assert!(!stage.active(server, &tokens.access).await);

        server.change_client(&stage.app.id, "status = 'active'").await;
        assert!(stage.active(server, &tokens.access).await);
        Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);
    }
}
