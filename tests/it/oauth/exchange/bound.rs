//! Exchanges of tokens that are bound to a key (RFC 9449, contract 03).

use futures::FutureExt as _;
use futures::future::join_all;
use serde_json::json;

use super::{Counter, form, gateway, given};
use crate::kit::dpop::{Prover, token_with};
use crate::kit::stage::{OTHER_RESOURCE, REDIRECT, RESOURCE, Tokens, machine};
use crate::kit::{Answer, Server, TokenClient, on_both_databases};

/// The agent's token of a fresh sign-in, bound to the key.
pub(super) async fn bound_subject(server: &Server, counter: &Counter, prover: &Prover) -> String {
    let code = counter.code(server).await;
    let answer = prover.token(server, &counter.agent, &counter.redemption(&code)).await;
    assert_eq!(answer.member("token_type"), "DPoP");
    answer.member("access_token")
}

impl Counter {
    /// A code for the agent.
    async fn code(&self, server: &Server) -> String {
        let more = [("resource", RESOURCE), ("scope", "read write")];
        self.stage.code_for(server, &self.agent, &more).await
    }

    /// The form that redeems it.
    fn redemption<'a>(&'a self, code: &'a str) -> [(&'a str, &'a str); 4] {
        [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", &self.stage.pkce.verifier),
        ]
    }
}

async fn with_proof(
    server: &Server,
    client: &TokenClient,
    subject: &str,
    prover: &Prover,
) -> Answer {
    prover.token(server, client, &form(subject, &[("resource", OTHER_RESOURCE)])).await
}

#[track_caller]
fn is_bound_to(answer: &Answer, prover: &Prover) {
    assert_eq!(given(answer)["cnf"]["jkt"], prover.jkt());
    assert_eq!(answer.member("token_type"), "DPoP");
}

on_both_databases! {
    /// Each grant spends the proof in a transaction of its own, some by way of different keepers:
    /// it is the same use to all of them.
    async fn a_proof_gets_one_token_whatever_the_grant_and_the_replica(server: Server) {
        let counter = Counter::open(server).await;
        counter.agree(server, "read").await;
        let robot = TokenClient::of(&server.client(machine("read")).await);
        let other = server.replica().await;
        let key = Prover::new();
        let subject = bound_subject(server, &counter, &key).await;
        for _ in 0..4 {
            let code = counter.code(server).await;
            let refresh = Tokens::of(&key.token(server, &counter.agent, &counter.redemption(&code)).await);
            let code = counter.code(server).await;
            let redemption = counter.redemption(&code);
            let rotation = [("grant_type", "refresh_token"), ("refresh_token", &refresh.refresh)];
            let exchange = form(&subject, &[("resource", OTHER_RESOURCE)]);
            let by_itself = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
            let proof = key.proof(server);
            let mut answers = Vec::new();
            for replica in [&*server, &other] {
                answers.push(token_with(replica, &counter.agent, &redemption, &proof).boxed());
                answers.push(token_with(replica, &counter.agent, &rotation, &proof).boxed());
                answers.push(token_with(replica, &counter.agent, &exchange, &proof).boxed());
                answers.push(token_with(replica, &robot, &by_itself, &proof).boxed());
                answers.push(token_with(replica, &counter.agent, &exchange, &proof).boxed());
            }
            let answers = join_all(answers).await;
            let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|it| it.status == 200);
            assert_eq!(good.len(), 1, "{answers:?}");
            for answer in bad {
                answer.refused(400, "invalid_dpop_proof");
            }
        }
        other.stop().await;
    }

    async fn dpop_binding_is_never_shed(server: Server) {
        let counter = Counter::open(server).await;
        let (key, other) = (Prover::new(), Prover::new());
        counter.agree(server, "read").await;
        let subject = bound_subject(server, &counter, &key).await;
        let bare = counter.own(server, &subject).await;
        bare.refused(400, "invalid_dpop_proof");
        let answer = with_proof(server, &counter.agent, &subject, &other).await;
        answer.refused(400, "invalid_dpop_proof");
        is_bound_to(&with_proof(server, &counter.agent, &subject, &key).await, &key);
        // Somebody who was let in, and who is no resource the token was sent to.
        let stranger = TokenClient::of(&server.client(gateway()).await);
        counter.let_in(server, "files", &stranger).await;
        let answer = with_proof(server, &stranger, &subject, &other).await;
        answer.refused(400, "invalid_dpop_proof");
        // Not by a detour either.
        is_bound_to(&with_proof(server, &stranger, &subject, &key).await, &key);
        for reason in ["dpop_proof_missing", "dpop_key_mismatch"] {
            let reason = format!("reason={reason}");
            server.until_audited("token.exchange_denied", &[&reason], 1).await;
        }
    }

    /// The token was sent to it, and it cannot have the sender's key.
    async fn a_runtime_client_of_the_source_binds_to_a_key_of_its_own(server: Server) {
        let counter = Counter::open(server).await;
        let (key, its_own) = (Prover::new(), Prover::new());
        counter.agree(server, "read").await;
        counter.let_in(server, "files", &counter.gateway).await;
        let subject = bound_subject(server, &counter, &key).await;
        is_bound_to(&with_proof(server, &counter.gateway, &subject, &its_own).await, &its_own);
        // But never to none.
        counter.cross(server, &subject).await.refused(400, "invalid_dpop_proof");
    }

    async fn an_unbound_token_may_become_a_bound_one_and_must_where_that_is_needed(server: Server) {
        let counter = Counter::open(server).await;
        let key = Prover::new();
        counter.agree(server, "read").await;
        let subject = counter.subject(server).await;
        is_bound_to(&with_proof(server, &counter.agent, &subject, &key).await, &key);
        let required = json!({ "policy": { "dpop": { "required": true } } });
        assert_eq!(server.admin_patch("/admin/resources/files", &required).await.status, 200);
        counter.own(server, &subject).await.refused(400, "invalid_dpop_proof");
        server.until_audited("token.exchange_denied", &["reason=dpop_required"], 1).await;
        is_bound_to(&with_proof(server, &counter.agent, &subject, &key).await, &key);
    }
}
