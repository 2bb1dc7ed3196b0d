//! Codes: redeemed once, by whom they were issued to, and never against the person's will.

use futures::future::join_all;
use serde_json::json;

use crate::kit::client::{claims, jose_header};
use crate::kit::server::ISSUER;
use crate::kit::stage::{OTHER_RESOURCE, REDIRECT, RESOURCE, Stage, Tokens, public_app};
use crate::kit::{Answer, Pkce, Server, TokenClient, on_both_databases};

/// Both resources, and all scopes they have by default.
const BOTH: [(&str, &str); 3] =
    [("resource", RESOURCE), ("resource", OTHER_RESOURCE), ("scope", "read write list")];

/// Redeems `code` with a form of one's own beside the credentials.
async fn redeem_with(stage: &Stage, server: &Server, code: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", stage.pkce.verifier.as_str()),
    ];
    form.retain(|(name, _)| more.iter().all(|(replaced, _)| replaced != name));
    form.extend(more.iter().filter(|(_, value)| *value != "-"));
    stage.app.token(server, &form).await
}

/// Everything that `answers` handed out.
fn handed_out(answers: &[Answer]) -> Vec<Tokens> {
    answers.iter().filter(|answer| answer.status == 200).map(Tokens::of).collect()
}

on_both_databases! {
    /// RFC 9068 §2.2 and contract 02, "Claims".
    async fn a_redeemed_code_gives_the_token_the_contract_describes(server: Server) {
        let stage = Stage::set(server).await;
        let answer = stage.redeem(server, &stage.code(server).await).await;
        let tokens = Tokens::of(&answer);
        let body = answer.json();
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));

        let header = jose_header(&tokens.access);
        assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("ES256")));
        let claims = claims(&tokens.access);
        let now = server.services.environment.now().timestamp();
        assert_eq!(claims["iss"], ISSUER);
        assert_eq!(claims["sub"], stage.person.id.to_string());
        assert_eq!(claims["aud"], json!([RESOURCE]));
        assert_eq!(claims["client_id"], stage.app.id);
        assert_eq!(claims["scope"], "read write");
        assert_eq!(claims["iat"], now);
        assert_eq!(claims["exp"], now + 900);
        assert_eq!(claims["auth_time"], now);
        assert_eq!(claims["amr"], json!(["pwd"]));
        let jti: uuid::Uuid = claims["jti"].as_str().unwrap().parse().unwrap();
        assert_eq!(jti.get_version_num(), 7);
        for absent in ["cnf", "act", "agent_id", "agent_chain", "email", "name"] {
            assert!(claims.get(absent).is_none(), "{absent} in {claims}");
        }
    }

    async fn an_agents_token_says_which_agent_it_is(server: Server) {
        let stage = Stage::set(server).await;
        let mut new = public_app();
        new.agent = true;
        let agent = TokenClient::of(&server.client(new).await);
        let tokens = stage.tokens_for(server, &agent, &[("resource", RESOURCE)]).await;
        assert_eq!(claims(&tokens.access)["agent_id"], agent.id);
        assert!(claims(&tokens.access).get("agent_chain").is_none());
    }

    async fn a_second_use_with_the_right_verifier_revokes_what_the_first_got(server: Server) {
        let stage = Stage::set(server).await;
        let bystander = stage.tokens(server).await;
        let code = stage.code(server).await;
        let tokens = Tokens::of(&stage.redeem(server, &code).await);
        let next = Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);

        stage.redeem(server, &code).await.refused(400, "invalid_grant");

        assert!(!stage.active(server, &tokens.access).await);
        assert!(!stage.active(server, &next.access).await);
        stage.app.refresh(server, &next.refresh).await.refused(400, "invalid_grant");
        assert_eq!(server.audited("family.revoked", &["reason=code_reuse"]).await, 1);
        assert!(stage.active(server, &bystander.access).await);
    }

    /// A stranger who saw the code, but not the verifier, cannot sign anybody out.
    async fn a_second_use_with_a_wrong_verifier_or_by_another_client_revokes_nothing(
        server: Server
    ) {
        let stage = Stage::set(server).await;
        let thief = TokenClient::of(&server.client(public_app()).await);
        let code = stage.code(server).await;
        let tokens = Tokens::of(&stage.redeem(server, &code).await);

        let wrong = Pkce::new("another");
        let answer = stage.app.redeem(server, &code, REDIRECT, &wrong).await;
        answer.refused(400, "invalid_grant");
        let answer = thief.redeem(server, &code, REDIRECT, &stage.pkce).await;
        answer.refused(400, "invalid_grant");

        assert!(stage.active(server, &tokens.access).await);
        Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);
        assert_eq!(server.audited("family.revoked", &[]).await, 0);
        assert_eq!(server.audited("token.issue_denied", &["reason=code_reuse"]).await, 2);
    }

    /// Without refresh tokens there is no family; the access token falls all the same.
    async fn a_second_use_revokes_the_access_token_of_a_client_without_refresh_tokens(
        server: Server
    ) {
        let stage = Stage::set(server).await;
        let mut new = public_app();
        new.grant_types = vec!["authorization_code".to_owned()];
        let app = TokenClient::of(&server.client(new).await);
        let code = stage.code_for(server, &app, &[("resource", RESOURCE)]).await;
        let answer = app.redeem(server, &code, REDIRECT, &stage.pkce).await;
        assert!(answer.json().get("refresh_token").is_none(), "{answer:?}");
        let access = answer.member("access_token");
        assert!(stage.active(server, &access).await);

        app.redeem(server, &code, REDIRECT, &stage.pkce).await.refused(400, "invalid_grant");
        assert!(!stage.active(server, &access).await);
    }

    async fn of_hundreds_of_simultaneous_redemptions_one_at_most_gets_tokens_and_those_are_revoked(
        server: Server
    ) {
        let stage = Stage::set(server).await;
        let code = stage.code(server).await;
        let answers = join_all((0..300).map(|_| stage.redeem(server, &code))).await;

        let tokens = handed_out(&answers);
        assert_eq!(tokens.len(), 1, "one redemption wins");
        let refused = answers.iter().filter(|answer| answer.status != 200);
        refused.for_each(|answer| answer.refused(400, "invalid_grant"));
        assert!(!stage.active(server, &tokens[0].access).await);
        let late = stage.app.refresh(server, &tokens[0].refresh).await;
        late.refused(400, "invalid_grant");
        assert!(server.family_of(&tokens[0].refresh).await.revoked_at.is_some());
        assert_eq!(server.audited("token.issued", &[]).await, 1);
    }

    /// The mailbox of one process is no help here: only the conditional write is.
    async fn of_simultaneous_redemptions_at_two_replicas_one_at_most_gets_tokens(server: Server) {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        for _ in 0..5 {
            let code = stage.code(server).await;
            let answers = join_all((0..40).map(|n| {
                let at = if n % 2 == 0 { &*server } else { &replica };
                stage.redeem(at, &code)
            }))
            .await;
            let tokens = handed_out(&answers);
            assert_eq!(tokens.len(), 1, "one redemption wins");
            let refused = answers.iter().filter(|answer| answer.status != 200);
            refused.for_each(|answer| answer.refused(400, "invalid_grant"));
            assert!(!stage.active(&replica, &tokens[0].access).await);
            assert!(!stage.active(server, &tokens[0].access).await);
        }
        replica.stop().await;
    }

    async fn whoever_gets_something_wrong_is_refused_and_the_code_stays_good(server: Server) {
        let stage = Stage::set(server).await;
        let thief = TokenClient::of(&server.client(public_app()).await);
        let code = stage.code(server).await;

        let answer = thief.redeem(server, &code, REDIRECT, &stage.pkce).await;
        answer.refused(400, "invalid_grant");
        let long = "a".repeat(128);
        for (wrong, error) in [
            (("redirect_uri", "https://app.example/callback/"), "invalid_grant"),
            (("redirect_uri", "https://evil.example/callback"), "invalid_grant"),
            (("redirect_uri", "-"), "invalid_grant"),
            (("code_verifier", "-"), "invalid_request"),
            (("code_verifier", ""), "invalid_request"),
            (("code_verifier", stage.pkce.challenge.as_str()), "invalid_grant"),
            (("code_verifier", "short"), "invalid_grant"),
            (("code_verifier", long.as_str()), "invalid_grant"),
            (("code", "apac_unknown"), "invalid_grant"),
            (("code", "-"), "invalid_request"),
            (("resource", OTHER_RESOURCE), "invalid_target"),
            (("resource", "https://nobody.example/"), "invalid_target"),
            (("grant_type", "password"), "unsupported_grant_type"),
            (("grant_type", "-"), "invalid_request"),
        ] {
            let answer = redeem_with(&stage, server, &code, &[wrong]).await;
            assert_eq!((answer.status, answer.member("error").as_str()), (400, error), "{wrong:?}");
            assert_eq!(answer.header("cache-control"), "no-store");
            assert_eq!(answer.header("content-type"), "application/json");
        }
        let one_covered = [("resource", RESOURCE), ("resource", OTHER_RESOURCE)];
        let answer = redeem_with(&stage, server, &code, &one_covered).await;
        answer.refused(400, "invalid_target");
        let twice = [("code_verifier", stage.pkce.verifier.as_str()), ("code_verifier", "x")];
        let answer = redeem_with(&stage, server, &code, &twice).await;
        answer.refused(400, "invalid_request");

        Tokens::of(&stage.redeem(server, &code).await);
    }

    async fn a_code_works_until_its_last_second_and_not_after(server: Server) {
        let stage = Stage::set(server).await;
        let (early, late) = (stage.code(server).await, stage.code(server).await);
        server.wait(59);
        Tokens::of(&stage.redeem(server, &early).await);
        server.wait(1);
        stage.redeem(server, &late).await.refused(400, "invalid_grant");
    }

    async fn a_code_is_worth_nothing_once_consent_is_taken_back(server: Server) {
        let stage = Stage::set(server).await;
        let code = stage.code(server).await;
        stage.revoke_consent(server).await;
        stage.redeem(server, &code).await.refused(400, "invalid_grant");

        // Agreeing again makes new codes good, not old ones.
        Tokens::of(&stage.redeem(server, &stage.code(server).await).await);
        stage.redeem(server, &code).await.refused(400, "invalid_grant");
    }

    /// Even if nothing but the grant's row says so.
    async fn consent_is_read_again_when_a_code_is_redeemed(server: Server) {
        let stage = Stage::set(server).await;
        let code = stage.code(server).await;
        server.execute("UPDATE consent_grants SET scopes = 'read'").await;
        stage.redeem(server, &code).await.refused(400, "invalid_grant");
        assert_eq!(server.audited("token.issue_denied", &["reason=consent_revoked"]).await, 1);
    }

    async fn a_code_of_a_disabled_user_is_refused(server: Server) {
        let stage = Stage::set(server).await;
        let code = stage.code(server).await;
        server.set_disabled(stage.person.id, true).await;
        stage.redeem(server, &code).await.refused(400, "invalid_grant");
        assert_eq!(server.audited("token.issued", &[]).await, 0);
    }

    async fn a_narrower_resource_narrows_the_response_and_not_the_family(server: Server) {
        let stage = Stage::set(server).await;
        let code = stage.code_for(server, &stage.app, &BOTH).await;
        let narrow = [("resource", "https://FILES.example/mcp")];
        let answer = redeem_with(&stage, server, &code, &narrow).await;
        let tokens = Tokens::of(&answer);
        assert_eq!(claims(&tokens.access)["aud"], json!([OTHER_RESOURCE]));
        assert_eq!(answer.member("scope"), "read list");

        let next = stage.app.refresh(server, &tokens.refresh).await;
        let aud = &claims(&Tokens::of(&next).access)["aud"];
        assert_eq!(*aud, json!([RESOURCE, OTHER_RESOURCE]));
        assert_eq!(next.member("scope"), "read write list");
    }

    async fn a_ceiling_lowered_after_the_consent_counts(server: Server) {
        let stage = Stage::set(server).await;
        let (code, other) = (stage.code(server).await, stage.code(server).await);
        server.change_client(&stage.app.id, "scope = 'read tools'").await;
        assert_eq!(stage.redeem(server, &code).await.member("scope"), "read");
        server.change_client(&stage.app.id, "scope = 'tools'").await;
        stage.redeem(server, &other).await.refused(400, "invalid_scope");
    }

    async fn if_the_audit_row_cannot_be_written_the_code_is_not_spent(server: Server) {
        let stage = Stage::set(server).await;
        let code = stage.code(server).await;
        server.break_the_audit_log().await;
        stage.redeem(server, &code).await.refused(500, "server_error");
        server.mend_the_audit_log().await;
        let tokens = Tokens::of(&stage.redeem(server, &code).await);
        assert!(stage.active(server, &tokens.access).await);
        assert_eq!(server.audited("token.issued", &[]).await, 1);
    }
}
