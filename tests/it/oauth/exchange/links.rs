//! Exchanges through fronting links (contract 04).

use std::collections::BTreeMap;
use std::time::Duration;

use entities::{catalog_version, fronting_link};
use protocol::exchange::FrontingLink;
use serde_json::json;
use uuid::Uuid;

use super::{Counter, exchange, gateway, given};
use crate::kit::client::claims;
use crate::kit::stage::{OTHER_RESOURCE, RESOURCE, Tokens, revoke_grant};
use crate::kit::{Server, TokenClient, on_both_databases};

/// Links the first resource to the second, as an operator does.
async fn link(server: &Server, map: &[(&str, &[&str])]) -> Uuid {
    link_between(server, ["mcp", "files"], map).await
}

/// Links one resource to another, as an operator does.
pub(super) async fn link_between(
    server: &Server,
    [source, target]: [&str; 2],
    map: &[(&str, &[&str])],
) -> Uuid {
    let resources = server.services.keepers.catalog.resources();
    let id = |slug| resources.by_slug(slug).unwrap().id;
    let owned = |worth: &[&str]| worth.iter().map(|scope| (*scope).to_owned()).collect();
    let scope_map: BTreeMap<String, Vec<String>> =
        map.iter().map(|(scope, worth)| ((*scope).to_owned(), owned(worth))).collect();
    let link = FrontingLink {
        id: server.services.environment.new_id(),
        source: id(source),
        target: id(target),
        scope_map,
    };
    let (id, now) = (link.id, server.services.environment.now());
    let inserted = server.services.store.write(move |transaction| {
        Box::pin(async move {
            catalog_version::advance(transaction).await?;
            fronting_link::insert(transaction, &link, now).await
        })
    });
    inserted.await.unwrap();
    for _ in 0..100 {
        server.wait(1);
        if server.services.keepers.catalog.links().iter().any(|link| link.id == id) {
            return id;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the link was not noticed");
}

on_both_databases! {
    /// The link stands in for consent; the inner hop names the agent, the outer the gateway.
    async fn a_gateway_reaches_what_its_resource_is_linked_to(server: Server) {
        let counter = Counter::open(server).await;
        let link = link(server, &[("read", &["list"]), ("write", &["read", "list"])]).await;
        let subject = counter.subject(server).await;
        let answer = counter.cross(server, &subject).await;
        let is = given(&answer);
        assert_eq!((&is["aud"], &is["scope"]), (&json!([OTHER_RESOURCE]), &json!("list read")));
        let agent = json!({ "sub": counter.agent.id, "actor_type": "agent" });
        let hops = json!({ "sub": counter.gateway.id, "actor_type": "service", "act": agent });
        assert_eq!(is["act"], hops);
        assert_eq!(is["agent_chain"], json!([counter.agent.id, counter.gateway.id]));
        let row = server.issuance_of(&answer.member("access_token")).await;
        assert_eq!((row.via_link, row.consent_client_id), (Some(link.to_string()), None));
        let told = [&*format!("via_link={link}"), "chain_kind=link"];
        assert_eq!(server.audited("token.exchanged", &told).await, 1);
        let wanted = [("resource", "files"), ("scope", "list")];
        let narrow = exchange(server, &counter.gateway, &subject, &wanted).await;
        assert_eq!(given(&narrow)["scope"], "list");
    }

    async fn a_link_used_by_someone_who_is_not_the_gateway_is_none(server: Server) {
        let counter = Counter::open(server).await;
        link(server, &[("read", &["list"])]).await;
        let subject = counter.subject(server).await;
        // The agent itself, a stranger, and a runtime client of the target.
        counter.own(server, &subject).await.refused(400, "consent_required");
        let stranger = TokenClient::of(&server.client(gateway()).await);
        let files = [("resource", "files")];
        let answer = exchange(server, &stranger, &subject, &files).await;
        answer.refused(403, "access_denied");
        server.runtime_client("files", &stranger.id).await;
        let answer = exchange(server, &stranger, &subject, &files).await;
        answer.refused(400, "consent_required");
        // Nor does it lead back: a token for its target gives nothing at its source.
        let elsewhere = [("resource", OTHER_RESOURCE), ("scope", "list")];
        let Tokens { access, .. } =
            counter.stage.tokens_for(server, &counter.agent, &elsewhere).await;
        server.runtime_client("files", &counter.gateway.id).await;
        let answer = exchange(server, &counter.gateway, &access, &[("resource", "mcp")]).await;
        answer.refused(400, "invalid_scope");
        server.until_audited("token.exchange_denied", &["reason=cross_client_not_allowed"], 1).await;
    }

    /// The link gives for what the token carries, and nothing by omission or on demand.
    async fn a_link_gives_no_more_than_the_subject_token_is_worth(server: Server) {
        let counter = Counter::open(server).await;
        link(server, &[("read", &["list"]), ("admin", &["read"])]).await;
        let subject = counter.subject(server).await;
        assert_eq!(given(&counter.cross(server, &subject).await)["scope"], "list");
        let more = [("resource", "files"), ("scope", "list read")];
        let answer = exchange(server, &counter.gateway, &subject, &more).await;
        answer.refused(400, "invalid_scope");
        let write = [("resource", RESOURCE), ("scope", "write")];
        let write = counter.stage.tokens_for(server, &counter.agent, &write).await.access;
        counter.cross(server, &write).await.refused(400, "invalid_scope");
        server.until_audited("token.exchange_denied", &["reason=scope_not_mapped"], 2).await;
    }

    /// The operator's lists and the person would let the gateway in if there were no link.
    async fn where_a_link_does_not_give_it_the_direct_route_may(server: Server) {
        let counter = Counter::open(server).await;
        let link = link(server, &[("read", &["list"])]).await;
        server.runtime_client("files", &counter.gateway.id).await;
        let subject = counter.subject(server).await;
        let read = [("resource", "files"), ("scope", "read")];
        let ask = || exchange(server, &counter.gateway, &subject, &read);
        // While nobody agreed, what is heard is about the link.
        ask().await.refused(400, "invalid_scope");
        server.until_audited("token.exchange_denied", &["reason=scope_not_mapped"], 1).await;
        counter.agree(server, "read").await;
        let answer = ask().await;
        assert_eq!(given(&answer)["scope"], "read");
        let row = server.issuance_of(&answer.member("access_token")).await;
        assert_eq!((row.via_link, row.consent_client_id), (None, Some(counter.agent.id.clone())));
        // The link is first where it gives anything, and nothing is mixed.
        let first = counter.cross(server, &subject).await;
        assert_eq!(given(&first)["scope"], "list");
        let row = server.issuance_of(&first.member("access_token")).await;
        assert_eq!(row.via_link, Some(link.to_string()));
        let both = [("resource", "files"), ("scope", "list read")];
        let both = exchange(server, &counter.gateway, &subject, &both).await;
        both.refused(400, "invalid_scope");
        // What rests on consent goes with it, and what rests on the link stays.
        let direct = answer.member("access_token");
        revoke_grant(server, counter.grant(server).await).await;
        assert!(!counter.stage.active(server, &direct).await);
        assert!(counter.stage.active(server, &first.member("access_token")).await);
        ask().await.refused(400, "invalid_scope");
    }

    /// As far as this server knows the link is there; in the database it is not any more.
    async fn a_link_that_was_just_taken_back_gives_nothing(server: Server) {
        let counter = Counter::open(server).await;
        let id = link(server, &[("read", &["list"])]).await;
        let subject = counter.subject(server).await;
        let first = counter.cross(server, &subject).await.member("access_token");
        let now = server.services.environment.now();
        let deleted = server.services.store.write(move |transaction| {
            Box::pin(async move {
                assert!(fronting_link::delete(transaction, id).await?);
                entities::cascade::revoke_via_link(transaction, id, "link", now).await
            })
        });
        assert_eq!(deleted.await.unwrap().issuances, 1);
        assert!(!counter.stage.active(server, &first).await);
        counter.cross(server, &subject).await.refused(403, "access_denied");
        let reason = "reason=cross_client_not_allowed";
        server.until_audited("token.exchange_denied", &[reason], 1).await;
        assert_eq!(claims(&first)["act"]["act"]["sub"], counter.agent.id);
    }
}
