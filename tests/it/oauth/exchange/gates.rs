//! The gates of contract 04, in their order, as a client and an operator meet them.

use serde_json::json;

use super::{Counter, agent, exchange, gateway, given};
use crate::kit::client::claims;
use crate::kit::stage::{OTHER_RESOURCE, RESOURCE, machine};
use crate::kit::{Answer, Server, TokenClient, on_both_databases};

/// Asserts a refusal, and that the audit log has its reason.
async fn is_refused(server: &Server, answer: &Answer, status: u16, error: &str, reason: &str) {
    answer.refused(status, error);
    let reason = format!("reason={reason}");
    server.until_audited("token.exchange_denied", &[&reason], 1).await;
}

on_both_databases! {
    async fn an_agent_exchanges_its_own_token_where_the_user_has_agreed(server: Server) {
        let counter = Counter::open(server).await;
        let subject = counter.subject(server).await;
        counter.agree(server, "read list").await;
        let answer = counter.own(server, &subject).await;
        let (was, is) = (claims(&subject), given(&answer));
        assert_eq!(is["aud"], json!([OTHER_RESOURCE]));
        assert_eq!(is["scope"], "read", "both the subject and the target have it");
        for kept in ["sub", "auth_time", "amr", "iss", "client_id", "agent_id"] {
            assert_eq!(is[kept], was[kept], "{kept}");
        }
        assert!(is.get("act").is_none() && is.get("agent_chain").is_none(), "it acts as before");
        assert!(is.get("cnf").is_none() && answer.member("token_type") == "Bearer");
        assert!(counter.stage.active(server, &answer.member("access_token")).await);
        let row = server.issuance_of(&answer.member("access_token")).await;
        let parent = server.issuance_of(&subject).await;
        assert_eq!(row.parent_jti, Some(parent.jti));
        assert_eq!(row.consent_client_id.as_ref(), Some(&counter.agent.id));
        assert_eq!((row.user_id, row.family_id, row.agent_chain), (parent.user_id, None, None));
        let agent = &counter.agent.id;
        let told = [
            format!("jti={}", row.jti), format!("sub={}", parent.user_id.unwrap()),
            format!("subject_client={agent}"), format!("actor_client={agent}"),
            "type=impersonation".into(), "resource=files".into(), "scopes=read".into(),
            "chain_kind=direct".into(),
        ];
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        assert_eq!(server.audited("token.exchanged", &told).await, 1);
    }

    /// Delegation: the token says who acts (RFC 8693 section 1.1).
    async fn a_gateway_that_was_let_in_acts_for_the_user(server: Server) {
        let counter = Counter::open(server).await;
        let subject = counter.subject(server).await;
        counter.agree(server, "read list").await;
        let refused = counter.cross(server, &subject).await;
        is_refused(server, &refused, 403, "access_denied", "cross_client_not_allowed").await;
        counter.let_in(server, "files", &counter.gateway).await;
        let answer = counter.cross(server, &subject).await;
        let is = given(&answer);
        let hop = json!({ "sub": counter.gateway.id, "actor_type": "service" });
        assert_eq!((&is["act"], &is["client_id"]), (&hop, &json!(counter.gateway.id)));
        assert_eq!(is["agent_chain"], json!([counter.gateway.id]));
        assert_eq!(is["sub"], claims(&subject)["sub"]);
        assert!(is.get("agent_id").is_none(), "the gateway is no agent");
        // A resource server hears the same from introspection.
        let token = answer.member("access_token");
        let form = [("token", token.as_str())];
        let said = counter.stage.guard.post(server, "/oauth/introspect", &form).await.json();
        assert_eq!((&said["act"], &said["agent_chain"]), (&hop, &is["agent_chain"]));
        let row = server.issuance_of(&token).await;
        assert_eq!(row.consent_client_id.as_ref(), Some(&counter.agent.id));
        assert_eq!(row.agent_chain.map(|chain| chain.0), Some(vec![counter.gateway.id.clone()]));
        let view = server.admin_get(&format!("/admin/issuances/{}", row.jti)).await.json();
        assert_eq!(view["agent_chain"], is["agent_chain"]);
        assert_eq!(view["parent_jti"], claims(&subject)["jti"]);
        let told = ["type=delegation", &format!("subject_client={}", counter.agent.id)];
        assert_eq!(server.audited("token.exchanged", &told).await, 1);
    }

    async fn without_consent_the_answer_says_what_is_missing(server: Server) {
        let counter = Counter::open(server).await;
        let subject = counter.subject(server).await;
        let missing = counter.own(server, &subject).await;
        is_refused(server, &missing, 400, "consent_required", "consent_missing").await;
        assert_eq!(missing.member("cause"), "consent_missing");
        assert_eq!(missing.member("service_id"), "files");
        counter.agree(server, "list").await;
        let read = [("resource", "files"), ("scope", "read")];
        let too_little = exchange(server, &counter.agent, &subject, &read).await;
        is_refused(server, &too_little, 400, "consent_required", "scope_insufficient").await;
        assert_eq!(too_little.member("cause"), "scope_insufficient");
        // The user's consent with the gateway is none with the agent, whose token it is.
        counter.let_in(server, "files", &counter.gateway).await;
        let through = counter.cross(server, &subject).await;
        assert_eq!(through.member("cause"), "scope_insufficient");
    }

    async fn only_confidential_clients_with_the_grant_exchange(server: Server) {
        let counter = Counter::open(server).await;
        let subject = counter.subject(server).await;
        let plain = TokenClient::of(&server.client(machine("read")).await);
        for client in [&counter.stage.app, &plain] {
            let answer = exchange(server, client, &subject, &[("resource", "files")]).await;
            is_refused(server, &answer, 400, "unauthorized_client", "unauthorized_client").await;
        }
    }

    async fn each_gate_refuses_in_its_own_words(server: Server) {
        let counter = Counter::open(server).await;
        let subject = counter.subject(server).await;
        counter.agree(server, "read list").await;
        let ask = |more| exchange(server, &counter.agent, &subject, more);
        let unknown = ask(&[("resource", "files"), ("scope", "read nonsense")]).await;
        is_refused(server, &unknown, 400, "invalid_scope", "scope_not_in_catalog").await;
        let wider = ask(&[("resource", "files"), ("scope", "read list")]).await;
        is_refused(server, &wider, 400, "invalid_scope", "scope_exceeds_subject").await;
        let nowhere = ask(&[("resource", "https://nowhere.example/mcp")]).await;
        is_refused(server, &nowhere, 400, "invalid_target", "invalid_target").await;
        let two = ask(&[("resource", OTHER_RESOURCE), ("audience", "mcp")]).await;
        is_refused(server, &two, 400, "invalid_target", "invalid_target").await;
        let none = ask(&[]).await;
        is_refused(server, &none, 400, "invalid_target", "no_target").await;
        counter.let_in(server, "files", &counter.stage.guard).await;
        let not_listed = ask(&[("resource", "files")]).await;
        is_refused(server, &not_listed, 403, "access_denied", "client_not_allowed").await;
        // A ceiling that was narrowed since.
        counter.let_in(server, "files", &counter.agent).await;
        server.change_client(&counter.agent.id, "scope = 'write list'").await;
        let under = ask(&[("resource", "files"), ("scope", "read")]).await;
        is_refused(server, &under, 400, "invalid_scope", "scope_exceeds_ceiling").await;
    }

    async fn an_omitted_scope_is_what_everybody_allows(server: Server) {
        let counter = Counter::open(server).await;
        let both = [("resource", RESOURCE), ("resource", OTHER_RESOURCE), ("scope", "write list")];
        let subject = counter.stage.tokens_for(server, &counter.agent, &both).await.access;
        counter.agree(server, "read").await;
        // The token has `list`, the user agreed to `list` and `read`.
        assert_eq!(given(&counter.own(server, &subject).await)["scope"], "list");
        let narrow = [("resource", RESOURCE), ("scope", "write")];
        let narrow = counter.stage.tokens_for(server, &counter.agent, &narrow).await.access;
        let nothing = counter.own(server, &narrow).await;
        is_refused(server, &nothing, 400, "invalid_scope", "scope_exceeds_subject").await;
    }

    async fn machine_tokens_are_exchanged_without_anybody_to_ask(server: Server) {
        let counter = Counter::open(server).await;
        let form = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
        let own = counter.gateway.token(server, &form).await.member("access_token");
        let is = given(&counter.cross(server, &own).await);
        assert_eq!((&is["sub"], &is["scope"]), (&json!(counter.gateway.id), &json!("read")));
        assert!(is.get("act").is_none() && is.get("auth_time").is_none());
        // Somebody else's goes through the operator's lists all the same.
        let stranger = TokenClient::of(&server.client(gateway()).await);
        let other = stranger.token(server, &form).await.member("access_token");
        let answer = counter.cross(server, &other).await;
        is_refused(server, &answer, 403, "access_denied", "cross_client_not_allowed").await;
    }
}

on_both_databases! {
    /// `token_exchange.allow_self_exchange`: what is a client's own needs no further consent.
    async fn where_it_is_allowed_a_client_exchanges_its_own_for_itself(server: Server)
    with [("AUTHPLANE_TOKEN_EXCHANGE_ALLOW_SELF_EXCHANGE", "true")] {
        let counter = Counter::open(server).await;
        let subject = counter.subject(server).await;
        let same = given(&exchange(server, &counter.agent, &subject, &[]).await);
        assert_eq!((&same["aud"], &same["scope"]), (&json!([RESOURCE]), &json!("read write")));
        let narrowed = exchange(server, &counter.agent, &subject, &[("scope", "read")]).await;
        assert_eq!(given(&narrowed)["scope"], "read");
        assert_eq!(given(&counter.own(server, &subject).await)["scope"], "read", "no consent");
        // Somebody else's token does not become one's own.
        let other = TokenClient::of(&server.client(agent()).await);
        let theirs = exchange(server, &other, &subject, &[]).await;
        is_refused(server, &theirs, 400, "invalid_target", "no_target").await;
        counter.let_in(server, "files", &other).await;
        let theirs = exchange(server, &other, &subject, &[("resource", "files")]).await;
        is_refused(server, &theirs, 400, "consent_required", "consent_missing").await;
        // A token for several resources does not say which one is meant.
        let both = [("resource", RESOURCE), ("resource", OTHER_RESOURCE), ("scope", "read list")];
        let both = counter.stage.tokens_for(server, &counter.agent, &both).await.access;
        let which = exchange(server, &counter.agent, &both, &[]).await;
        is_refused(server, &which, 400, "invalid_target", "no_target").await;
    }

    async fn switched_off_it_is_not_there(server: Server)
    with [("AUTHPLANE_TOKEN_EXCHANGE_ENABLED", "false")] {
        let counter = Counter::open(server).await;
        let subject = counter.subject(server).await;
        counter.own(server, &subject).await.refused(400, "unsupported_grant_type");
        let metadata = server.get("/.well-known/oauth-authorization-server").await.text;
        assert!(!metadata.contains("token-exchange"), "{metadata}");
    }
}
