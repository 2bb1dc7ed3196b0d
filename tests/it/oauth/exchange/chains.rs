//! Who acts for whom, how long the chain may be, and how long the token lives.

use authserver::administration::client::NewClient;
use serde_json::{Value, json};

use super::{ACCESS_TOKEN, Counter, exchange, form, gateway, given};
use crate::kit::client::claims;
use crate::kit::stage::{OTHER_RESOURCE, RESOURCE, Tokens};
use crate::kit::{Answer, Server, TokenClient, on_both_databases};

/// A gateway that was let into both resources.
async fn link_of_a_chain(server: &Server, counter: &Counter) -> TokenClient {
    let client = TokenClient::of(&server.client(gateway()).await);
    for slug in ["mcp", "files"] {
        counter.let_in(server, slug, &client).await;
    }
    client
}

/// The names in an act chain, the one that acts now first.
fn hops(token: &Value) -> Vec<String> {
    let mut hops = Vec::new();
    let mut hop = &token["act"];
    while hop.is_object() {
        hops.push(hop["sub"].as_str().unwrap().to_owned());
        hop = &hop["act"];
    }
    hops
}

async fn reaching(server: &Server, client: &TokenClient, subject: &str, slug: &str) -> Answer {
    exchange(server, client, subject, &[("resource", slug)]).await
}

on_both_databases! {
    async fn an_actor_token_names_who_acts(server: Server) {
        let counter = Counter::open(server).await;
        counter.agree(server, "read").await;
        counter.let_in(server, "files", &counter.gateway).await;
        let subject = counter.subject(server).await;
        let machine = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
        let stranger = TokenClient::of(&server.client(gateway()).await);
        for actor in [&counter.gateway, &stranger] {
            // Its own, or that of somebody who sent it to the resource the gateway acts as.
            let token = actor.token(server, &machine).await.member("access_token");
            let more =
                [("resource", "files"), ("actor_token", &*token), ("actor_token_type", ACCESS_TOKEN)];
            let is = given(&exchange(server, &counter.gateway, &subject, &more).await);
            // Who asks is who acts now, and never hides behind the other.
            let mut chain = vec![actor.id.clone(), counter.gateway.id.clone()];
            chain.dedup();
            assert_eq!(is["agent_chain"], json!(chain));
            assert_eq!(is["act"]["sub"], counter.gateway.id);
            assert_eq!(is["client_id"], counter.gateway.id);
        }
        // A token of the user is no name of anybody who acts: its client is.
        let more =
            [("resource", "files"), ("actor_token", &*subject), ("actor_token_type", ACCESS_TOKEN)];
        let is = given(&exchange(server, &counter.gateway, &subject, &more).await);
        assert_eq!(is["agent_chain"], json!([counter.agent.id, counter.gateway.id]));
        // Somebody else's that was sent elsewhere is nobody's to show.
        let elsewhere = [("grant_type", "client_credentials"), ("resource", OTHER_RESOURCE)];
        let token = stranger.token(server, &elsewhere).await.member("access_token");
        let more =
            [("resource", "files"), ("actor_token", &*token), ("actor_token_type", ACCESS_TOKEN)];
        let answer = exchange(server, &counter.gateway, &subject, &more).await;
        answer.refused(400, "invalid_grant");
        server.until_audited("token.exchange_denied", &["reason=actor_not_client"], 1).await;
    }

    async fn each_hop_keeps_those_before_it(server: Server) {
        let counter = Counter::open(server).await;
        counter.agree(server, "read").await;
        counter.let_in(server, "files", &counter.gateway).await;
        let second = link_of_a_chain(server, &counter).await;
        let subject = counter.subject(server).await;
        let first = counter.cross(server, &subject).await.member("access_token");
        // The user agrees with the client whose token it is now.
        counter.agree_with(server, &counter.gateway, RESOURCE, "read").await;
        let is = given(&reaching(server, &second, &first, "mcp").await);
        let chain = [second.id.clone(), counter.gateway.id.clone()];
        assert_eq!(hops(&is), chain);
        assert_eq!(is["agent_chain"], json!([counter.gateway.id, second.id]), "oldest first");
        for member in ["exp", "nbf", "aud", "iat", "jti"] {
            assert!(is["act"].get(member).is_none(), "{member}");
        }
    }

    async fn chain_depth_is_not_reset_by_a_detour(server: Server)
    with [
        ("AUTHPLANE_TOKEN_EXCHANGE_MAX_CHAIN_DEPTH", "2"),
        ("AUTHPLANE_TOKEN_EXCHANGE_ALLOW_SELF_EXCHANGE", "true"),
    ] {
        let counter = Counter::open(server).await;
        let machine = [("grant_type", "client_credentials"), ("scope", "read")];
        let machine = [&machine[..], &[("resource", RESOURCE)]].concat();
        let mut token = counter.gateway.token(server, &machine).await.member("access_token");
        let mut last = counter.gateway.clone();
        for hops_so_far in 0..2 {
            let next = link_of_a_chain(server, &counter).await;
            // A client's own token exchanged for itself, here and there: nothing is forgotten.
            counter.let_in(server, "files", &last).await;
            counter.let_in(server, "mcp", &last).await;
            for slug in ["files", "mcp"] {
                let own = reaching(server, &last, &token, slug).await;
                assert_eq!(hops(&given(&own)).len(), hops_so_far);
                token = own.member("access_token");
            }
            let answer = reaching(server, &next, &token, "files").await;
            assert_eq!(hops(&given(&answer)).len(), hops_so_far + 1);
            token = answer.member("access_token");
            last = next;
        }
        let next = link_of_a_chain(server, &counter).await;
        let answer = reaching(server, &next, &token, "files").await;
        answer.refused(403, "access_denied");
        server.until_audited("token.exchange_denied", &["reason=chain_too_deep"], 1).await;
        // And whoever acts at the end may not even name another actor.
        let actor = last.token(server, &machine).await.member("access_token");
        let more =
            [("resource", "files"), ("actor_token", &*actor), ("actor_token_type", ACCESS_TOKEN)];
        exchange(server, &last, &token, &more).await.refused(403, "access_denied");
        // Its own, without another hop, it may exchange for ever.
        given(&reaching(server, &last, &token, "mcp").await);
    }

    /// The claim has the 8 newest; the row has everybody, and so the kill switch finds everybody.
    /// The oldest agent holds no token in this line: it is named by the token it was shown with.
    async fn killing_the_oldest_agent_of_the_longest_chain_reaches_it(server: Server)
    with [("AUTHPLANE_TOKEN_EXCHANGE_MAX_CHAIN_DEPTH", "10")] {
        let counter = Counter::open(server).await;
        let oldest = NewClient { agent: true, ..gateway() };
        let oldest = TokenClient::of(&server.client(oldest).await);
        let machine = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
        let actor = oldest.token(server, &machine).await.member("access_token");
        let mut token = counter.gateway.token(server, &machine).await.member("access_token");
        counter.let_in(server, "files", &counter.gateway).await;
        let more =
            [("resource", "files"), ("actor_token", &*actor), ("actor_token_type", ACCESS_TOKEN)];
        let first = exchange(server, &counter.gateway, &token, &more).await;
        let mut chain = vec![oldest.id.clone(), counter.gateway.id.clone()];
        assert_eq!(given(&first)["agent_chain"], json!(chain));
        token = first.member("access_token");
        for _ in 0..8 {
            let next = link_of_a_chain(server, &counter).await;
            let answer = reaching(server, &next, &token, "files").await;
            chain.push(next.id.clone());
            assert_eq!(hops(&given(&answer)).len(), chain.len());
            token = answer.member("access_token");
        }
        assert_eq!(claims(&token)["agent_chain"], json!(chain[2..]), "the claim");
        let guard = &counter.stage.guard;
        let said = guard.post(server, "/oauth/introspect", &[("token", token.as_str())]).await;
        assert_eq!(said.json()["agent_chain"], json!(chain[2..]));
        let row = server.issuance_of(&token).await;
        assert_eq!(row.agent_chain.map(|chain| chain.0), Some(chain.clone()));
        let view = server.admin_get(&format!("/admin/issuances/{}", row.jti)).await.json();
        assert_eq!(view["agent_chain"], json!(chain));
        let eleventh = link_of_a_chain(server, &counter).await;
        reaching(server, &eleventh, &token, "files").await.refused(403, "access_denied");

        let path = format!("/admin/agents/{}/kill", oldest.id);
        let killed = server.admin_post(&path, &json!({})).await;
        assert_eq!(killed.status, 200, "{killed:?}");
        assert!(!counter.stage.active(server, &token).await);
        reaching(server, &eleventh, &token, "files").await.refused(400, "invalid_grant");
    }

    /// The new token goes on where the sign-in does, and no further.
    async fn a_token_does_not_outlive_the_sign_in_it_came_of(server: Server)
    with [("AUTHPLANE_DCR_DEFAULT_REFRESH_EXPIRY", "20m")] {
        let counter = Counter::open(server).await;
        counter.agree(server, "read").await;
        let more = [("resource", RESOURCE), ("scope", "read")];
        let Tokens { access, refresh } =
            counter.stage.tokens_for(server, &counter.agent, &more).await;
        let answer = counter.own(server, &access).await;
        assert_eq!(answer.json()["expires_in"], 1200, "longer than the subject token, not the family");
        server.wait(600);
        let later = counter.own(server, &access).await;
        assert_eq!(later.json()["expires_in"], 600);
        // A refresh moves the end on.
        let next = Tokens::of(&counter.agent.refresh(server, &refresh).await);
        assert_eq!(counter.own(server, &next.access).await.json()["expires_in"], 1200);
        // What was exchanged belongs to no family: its offspring ends with it.
        server.wait(300);
        let child = answer.member("access_token");
        let form = form(&child, &[("resource", OTHER_RESOURCE)]);
        let grandchild = counter.agent.token(server, &form).await;
        assert_eq!(grandchild.json()["expires_in"], 300);
    }

    async fn when_the_sign_in_is_over_its_token_is_exchanged_no_more(server: Server) {
        let counter = Counter::open(server).await;
        counter.agree(server, "read").await;
        let subject = counter.subject(server).await;
        assert_eq!(counter.own(server, &subject).await.json()["expires_in"], 3600);
        let over = match server.backend() {
            crate::kit::Backend::Sqlite => "'2020-01-01T00:00:00+00:00'",
            crate::kit::Backend::Postgres => "timestamptz '2020-01-01T00:00:00Z'",
        };
        server.execute(&format!("UPDATE families SET absolute_expires_at = {over}")).await;
        counter.own(server, &subject).await.refused(400, "invalid_grant");
        server.until_audited("token.exchange_denied", &["reason=subject_over"], 1).await;
    }
}
