//! The dry run for operators says what happens: each scenario is asked of it and done for real, by
//! the same facts, and the two answers are compared.

mod questions;

use entities::{ConnectionTrait as _, catalog_version};
use protocol::client::ClientStatus;
use serde_json::{Value, json};

use super::bound::bound_subject;
use super::links::link_between;
use super::presented::set_status;
use super::{ACCESS_TOKEN, Counter, form, gateway, given};
use crate::kit::dpop::Prover;
use crate::kit::stage::{OTHER_RESOURCE, RESOURCE, machine};
use crate::kit::{Answer, Server, TokenClient, on_both_databases};

const EXPLAIN: &str = "/admin/exchange/explain";

/// What an exchange presents for real.
#[derive(Clone, Copy)]
struct Presented<'a> {
    client: &'a TokenClient,
    subject: &'a str,
    actor: Option<&'a str>,
    key: Option<&'a Prover>,
}

impl<'a> Presented<'a> {
    fn by(client: &'a TokenClient, subject: &'a str) -> Presented<'a> {
        Presented { client, subject, actor: None, key: None }
    }

    /// Exchanges for real what `question` asks about.
    async fn really(self, server: &Server, question: &Value) -> Answer {
        let scopes = question["scopes"].as_array().cloned().unwrap_or_default();
        let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str().unwrap()).collect();
        let scope = scopes.join(" ");
        let mut more = vec![("scope", scope.as_str())];
        more.extend(question["resource"].as_str().map(|target| ("resource", target)));
        if let Some(token) = self.actor {
            more.extend([("actor_token", token), ("actor_token_type", ACCESS_TOKEN)]);
        }
        let form = form(self.subject, &more);
        match self.key {
            Some(key) => key.token(server, self.client, &form).await,
            None => self.client.token(server, &form).await,
        }
    }

    /// Asserts that both refuse, at this gate and for this reason; what the dry run said.
    async fn refused(self, server: &Server, question: Value, gate: &str, reason: &str) -> Value {
        let said = said(server, &question).await;
        let real = self.really(server, &question).await;
        assert_eq!(
            (&said["stopped_at"], &said["reason"]),
            (&json!(gate), &json!(reason)),
            "{said}"
        );
        assert_eq!(said["allowed"], false);
        assert_eq!(said["error"], real.member("error"), "{real:?}");
        assert_eq!(said["error_description"], real.member("error_description"));
        assert!(!said["remedy"].as_str().unwrap().is_empty());
        let other = said["other_route"]["stopped_at"].as_str();
        assert_eq!(refusing(&said), [Some(gate), other].into_iter().flatten().collect::<Vec<_>>());
        assert_eq!(gates(&said).last().map(|(_, passed)| *passed), Some(Some(false)));
        let audited = format!("reason={reason}");
        let before_the_grant = ["client_not_active", "unsupported_grant_type"];
        if !before_the_grant.contains(&reason) {
            server.until_audited("token.exchange_denied", &[&audited], 1).await;
        }
        if said["error"] == "consent_required" {
            assert_eq!(said["consent"]["cause"], real.member("cause"));
        }
        said
    }

    /// Asserts that both allow it, and that the dry run knew what would be issued.
    async fn allowed(self, server: &Server, question: Value) -> (Value, Answer) {
        let said = said(server, &question).await;
        let real = self.really(server, &question).await;
        let is = given(&real);
        assert_eq!((&said["allowed"], &said["stopped_at"]), (&json!(true), &Value::Null), "{said}");
        // A link that did not give it has said so; nothing else has said no.
        let other = said["other_route"]["stopped_at"].as_str();
        assert_eq!(refusing(&said), other.into_iter().collect::<Vec<_>>(), "{said}");
        assert_eq!(words(&said["scopes"]), is["scope"], "{said}");
        assert_eq!(said["token_type"], real.member("token_type"));
        assert_eq!(said["chain_depth"], depth(&is["act"]), "{said}");
        if question["depth"].is_null() {
            assert_eq!(said.get("act"), is.get("act"));
        }
        let row = server.issuance_of(&real.member("access_token")).await;
        assert_eq!(said["via_link"].as_str(), row.via_link.as_deref());
        assert_eq!(said["way"] == "consent", row.consent_client_id.is_some());
        assert!(said["expires_in_at_most"].as_i64() >= real.json()["expires_in"].as_i64());
        (said, real)
    }
}

async fn said(server: &Server, question: &Value) -> Value {
    let answer = server.admin_post(EXPLAIN, question).await;
    assert_eq!(answer.status, 200, "{question}: {answer:?}");
    answer.json()
}

fn gates(said: &Value) -> Vec<(String, Option<bool>)> {
    let gates = said["gates"].as_array().unwrap().iter();
    gates.map(|it| (it["gate"].as_str().unwrap().to_owned(), it["passed"].as_bool())).collect()
}

/// The gates that say no, in their order. All others say yes.
fn refusing(said: &Value) -> Vec<String> {
    let gates = gates(said).into_iter();
    gates.filter(|(_, passed)| *passed != Some(true)).map(|(gate, _)| gate).collect()
}

fn words(scopes: &Value) -> String {
    let scopes = scopes.as_array().unwrap().iter().map(|scope| scope.as_str().unwrap());
    scopes.collect::<Vec<_>>().join(" ")
}

fn depth(act: &Value) -> u64 {
    if act.is_object() { 1 + depth(&act["act"]) } else { 0 }
}

impl Counter {
    /// A question about the person's token that the agent has, with `read write` at `mcp`.
    fn question(&self, acting: &TokenClient, more: &Value) -> Value {
        let mut question = json!({
            "subject_client": self.agent.id, "acting_client": acting.id, "source": ["mcp"],
            "subject_scopes": ["read", "write"], "user": self.stage.person.id,
        });
        let members = question.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        members.retain(|_, value| !value.is_null());
        question
    }
}

/// A client like the gateway that acts as no resource.
async fn another_gateway(server: &Server) -> TokenClient {
    TokenClient::of(&server.client(gateway()).await)
}

/// A token that a client gets for itself.
async fn own_token(server: &Server, client: &TokenClient, more: &[(&str, &str)]) -> String {
    let mut form = vec![("grant_type", "client_credentials")];
    form.extend_from_slice(more);
    client.token(server, &form).await.member("access_token")
}

on_both_databases! {
    async fn the_dry_run_of_an_exchange_into_a_resource_says_what_happens(server: Server) {
        let counter = Counter::open(server).await;
        let (agent, gateway) = (&counter.agent, &counter.gateway);
        let subject = counter.subject(server).await;
        let (own, cross) = (Presented::by(agent, &subject), Presented::by(gateway, &subject));
        let ask = |more| counter.question(agent, &more);
        let ask_across = |more| counter.question(gateway, &more);

        own.refused(server, ask(json!({})), "self_exchange", "no_target").await;
        let unknown = json!({ "resource": "files", "scopes": ["read", "nonsense"] });
        own.refused(server, ask(unknown), "catalog", "scope_not_in_catalog").await;
        let wider = json!({ "resource": "files", "scopes": ["list"] });
        own.refused(server, ask(wider), "subject_scope", "scope_exceeds_subject").await;
        let read = json!({ "resource": "files", "scopes": ["read"] });
        let missing = own.refused(server, ask(read.clone()), "consent", "consent_missing").await;
        assert_eq!(missing["consent"]["scopes"], json!(["read"]));
        counter.agree(server, "list").await;
        own.refused(server, ask(read.clone()), "consent", "scope_insufficient").await;
        counter.agree(server, "read list").await;
        let by_uri = json!({ "resource": OTHER_RESOURCE });
        let (said, _) = own.allowed(server, ask(by_uri.clone())).await;
        assert_eq!((&said["way"], said.get("act")), (&json!("consent"), None));

        let stopped = cross.refused(server, ask_across(by_uri.clone()), "cross_client", "cross_client_not_allowed");
        // The remedy is one: what it says, done, lets the exchange pass.
        let remedy = stopped.await["remedy"].as_str().unwrap().to_owned();
        assert!(remedy.contains(&format!("exchange-client add files {}", gateway.id)), "{remedy}");
        counter.let_in(server, "files", gateway).await;
        let (said, _) = cross.allowed(server, ask_across(by_uri)).await;
        assert_eq!(said["act"], json!({ "sub": gateway.id, "actor_type": "service" }));
        own.refused(server, ask(read.clone()), "operator", "client_not_allowed").await;
        counter.let_in(server, "files", agent).await;
        server.change_client(&agent.id, "scope = 'write list'").await;
        own.refused(server, ask(read), "ceiling", "scope_exceeds_ceiling").await;
    }

    async fn the_dry_run_of_an_exchange_through_a_link_says_what_happens(server: Server) {
        let counter = Counter::open(server).await;
        let (agent, gateway) = (&counter.agent, &counter.gateway);
        let id = link_between(server, ["mcp", "files"], &[("read", &["list", "read"])]).await;
        let subject = counter.subject(server).await;
        let through = Presented::by(gateway, &subject);
        let ask = |more| counter.question(gateway, &more);
        let (said, fronted) = through.allowed(server, ask(json!({ "resource": "files" }))).await;
        assert_eq!((&said["way"], &said["via_link"]), (&json!("link"), &json!(id)));
        assert_eq!(said["act"]["act"]["sub"], agent.id, "the gateway acts for the agent");
        server.resource("mail", "https://mail.example/mcp", &["send"]).await;
        link_between(server, ["mcp", "mail"], &[("admin", &["send"])]).await;
        let not_given = json!({ "resource": "mail" });
        let said = through.refused(server, ask(not_given), "link", "scope_not_mapped").await;
        let direct = &said["other_route"];
        let reason = "cross_client_not_allowed";
        assert_eq!((&direct["route"], &direct["reason"]), (&json!("direct"), &json!(reason)));
        // Who is no gateway does not get there by the link.
        let own = Presented::by(agent, &subject);
        let ask_own = counter.question(agent, &json!({ "resource": "files" }));
        own.refused(server, ask_own, "consent", "consent_missing").await;

        // On from there: the chain grows behind what is known of it.
        link_between(server, ["files", "mcp"], &[("list", &["read"])]).await;
        let next = another_gateway(server).await;
        counter.let_in(server, "mcp", &next).await;
        let further = json!({
            "subject_client": gateway.id, "source": ["files"], "resource": "mcp",
            "subject_scopes": ["list", "read"], "depth": 2,
        });
        let fronted = fronted.member("access_token");
        let (said, _) = Presented::by(&next, &fronted)
            .allowed(server, counter.question(&next, &further)).await;
        let known = json!({ "sub": next.id, "actor_type": "service",
            "act": { "sub": gateway.id, "actor_type": "service" } });
        assert_eq!((&said["act"], &said["chain_depth"]), (&known, &json!(3)));
    }

    async fn the_dry_run_shows_both_routes_where_a_link_does_not_give_what_is_asked(server: Server) {
        let counter = Counter::open(server).await;
        let gateway = &counter.gateway;
        link_between(server, ["mcp", "files"], &[("read", &["list"])]).await;
        server.runtime_client("files", &gateway.id).await;
        let subject = counter.subject(server).await;
        let through = Presented::by(gateway, &subject);
        let ask = |more| counter.question(gateway, &more);
        let read = json!({ "resource": "files", "scopes": ["read"] });
        let said = through.refused(server, ask(read.clone()), "link", "scope_not_mapped").await;
        let direct = &said["other_route"];
        assert_eq!((&direct["route"], &direct["stopped_at"]), (&json!("direct"), &json!("consent")));
        assert_eq!(direct["consent"], json!({ "cause": "consent_missing", "scopes": ["read"] }));
        counter.agree(server, "read list").await;
        let (said, _) = through.allowed(server, ask(read)).await;
        assert_eq!((&said["way"], &said["other_route"]["route"]), (&json!("consent"), &json!("link")));
        let routes: Vec<&Value> = said["gates"].as_array().unwrap().iter()
            .map(|gate| &gate["route"]).filter(|route| !route.is_null()).collect();
        let (link, direct) = (json!("link"), json!("direct"));
        assert_eq!(routes, [&link, &direct, &direct, &direct, &direct, &direct, &direct]);
        // What the link gives it gives alone.
        let (said, _) = through.allowed(server, ask(json!({ "resource": "files" }))).await;
        assert_eq!((&said["way"], &said["scopes"]), (&json!("link"), &json!(["list"])));
        assert_eq!(said.get("other_route"), None);
    }

    async fn the_dry_run_knows_what_nobody_can_agree_to(server: Server) {
        let counter = Counter::open(server).await;
        let (agent, subject) = (&counter.agent, counter.subject(server).await);
        counter.let_in(server, "files", &counter.gateway).await;
        server.change_client(&agent.id, "scope = 'write list'").await;
        let through = Presented::by(&counter.gateway, &subject);
        let question = |user: &Value| {
            let more = json!({ "resource": "files", "scopes": ["read"], "user": user });
            counter.question(&counter.gateway, &more)
        };
        let ada = json!(counter.stage.person.id);
        let stopped = through
            .refused(server, question(&ada), "consent", "scope_exceeds_subject_ceiling").await;
        assert_eq!(stopped.get("consent"), None);
        assert!(stopped["remedy"].as_str().unwrap().contains(&agent.id), "{stopped}");
        // Somebody may have agreed while it was registered for it.
        let open = said(server, &question(&Value::Null)).await;
        assert_eq!((&open["allowed"], &open["consent"]["cause"]), (&Value::Null, &json!("depends_on_user")));
    }

    async fn the_dry_run_knows_how_long_a_chain_may_be(server: Server)
    with [("AUTHPLANE_TOKEN_EXCHANGE_MAX_CHAIN_DEPTH", "2")] {
        let counter = Counter::open(server).await;
        let gateway = &counter.gateway;
        for ends in [["mcp", "files"], ["files", "mcp"]] {
            link_between(server, ends, &[("read", &["read"])]).await;
        }
        let subject = counter.subject(server).await;
        let to_files = counter.question(gateway, &json!({ "resource": "files" }));
        let (_, fronted) = Presented::by(gateway, &subject).allowed(server, to_files).await;
        let fronted = fronted.member("access_token");
        let next = another_gateway(server).await;
        counter.let_in(server, "mcp", &next).await;
        let further = json!({
            "subject_client": gateway.id, "source": ["files"], "resource": "mcp",
            "subject_scopes": ["read"], "depth": 2,
        });
        let further = counter.question(&next, &further);
        Presented::by(&next, &fronted).refused(server, further, "chain", "chain_too_deep").await;
    }

    async fn the_dry_run_knows_whose_actor_token_counts(server: Server) {
        let counter = Counter::open(server).await;
        let (agent, gateway) = (&counter.agent, &counter.gateway);
        counter.agree(server, "read").await;
        counter.let_in(server, "files", gateway).await;
        counter.let_in(server, "files", agent).await;
        let stranger = another_gateway(server).await;
        let subject = counter.subject(server).await;
        for actor in [gateway, &stranger] {
            // Its own, or one that was sent to the resource it acts as.
            let token = own_token(server, actor, &[("resource", RESOURCE)]).await;
            let presented = Presented { actor: Some(&token), ..Presented::by(gateway, &subject) };
            let question = json!({ "resource": "files", "actor_client": actor.id });
            let (said, _) = presented.allowed(server, counter.question(gateway, &question)).await;
            assert_eq!(said["act"]["sub"], gateway.id, "who asks is who acts");
        }
        let token = own_token(server, &stranger, &[("resource", RESOURCE)]).await;
        let not_its_own = Presented { actor: Some(&token), ..Presented::by(agent, &subject) };
        let question = json!({ "resource": "files", "actor_client": stranger.id });
        let question = counter.question(agent, &question);
        not_its_own.refused(server, question.clone(), "actor", "actor_not_client").await;
        set_status(server, &stranger, ClientStatus::Suspended).await;
        not_its_own.refused(server, question, "actor_token", "actor_inactive").await;
    }

    async fn the_dry_run_knows_whose_key_counts(server: Server) {
        let counter = Counter::open(server).await;
        let (agent, gateway) = (&counter.agent, &counter.gateway);
        counter.agree(server, "read").await;
        counter.let_in(server, "files", gateway).await;
        counter.let_in(server, "files", agent).await;
        let (key, other) = (Prover::new(), Prover::new());
        let subject = bound_subject(server, &counter, &key).await;
        let own = Presented::by(agent, &subject);
        let ask = |client, bound: bool, proof: &str| {
            let dpop = json!({ "subject_bound": bound, "proof": proof });
            counter.question(client, &json!({ "resource": "files", "dpop": dpop }))
        };
        own.refused(server, ask(agent, true, "none"), "key", "dpop_proof_missing").await;
        let with_other = Presented { key: Some(&other), ..own };
        with_other.refused(server, ask(agent, true, "other_key"), "key", "dpop_key_mismatch").await;
        let with_its_key = Presented { key: Some(&key), ..own };
        let (said, _) = with_its_key.allowed(server, ask(agent, true, "same_key")).await;
        assert_eq!(said["token_type"], "DPoP");
        // The resource it was sent to has a key of its own.
        let sent_to = Presented { key: Some(&other), ..Presented::by(gateway, &subject) };
        sent_to.allowed(server, ask(gateway, true, "other_key")).await;
        let policy = json!({ "policy": { "dpop": { "required": true } } });
        assert_eq!(server.admin_patch("/admin/resources/files", &policy).await.status, 200);
        let bare = counter.subject(server).await;
        let bare = Presented::by(agent, &bare);
        bare.refused(server, ask(agent, false, "none"), "key", "dpop_required").await;
        let bound_now = Presented { key: Some(&key), ..bare };
        bound_now.allowed(server, ask(agent, false, "other_key")).await;
    }

    async fn the_dry_run_of_a_machines_exchange_says_what_happens(server: Server) {
        let counter = Counter::open(server).await;
        let gateway = &counter.gateway;
        let stranger = another_gateway(server).await;
        let question = |subject: &TokenClient, more: Value| {
            let whose = json!({
                "subject_client": subject.id, "machine": true, "user": null, "resource": "files",
                "subject_scopes": null,
            });
            let mut question = counter.question(gateway, &whose);
            question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            question
        };
        let for_mcp = own_token(server, gateway, &[("resource", RESOURCE)]).await;
        let (said, _) = Presented::by(gateway, &for_mcp)
            .allowed(server, question(gateway, json!({ "subject_scopes": ["read"] }))).await;
        assert_eq!(said["way"], "subject");
        // For the server itself, with all that the client is registered for.
        let for_us = own_token(server, gateway, &[]).await;
        let (said, _) = Presented::by(gateway, &for_us)
            .allowed(server, question(gateway, json!({ "source": [] }))).await;
        assert_eq!(said["scopes"], json!(["list", "read"]));
        let theirs = own_token(server, &stranger, &[("resource", RESOURCE)]).await;
        let question = question(&stranger, json!({ "subject_scopes": ["read"] }));
        let reason = "cross_client_not_allowed";
        Presented::by(gateway, &theirs).refused(server, question, "cross_client", reason).await;
    }

    async fn the_dry_run_of_a_self_exchange_says_what_happens(server: Server)
    with [("AUTHPLANE_TOKEN_EXCHANGE_ALLOW_SELF_EXCHANGE", "true")] {
        let counter = Counter::open(server).await;
        let (agent, gateway) = (&counter.agent, &counter.gateway);
        let subject = counter.subject(server).await;
        let own = Presented::by(agent, &subject);
        let (said, _) = own.allowed(server, counter.question(agent, &json!({}))).await;
        assert_eq!((&said["scopes"], &said["way"]), (&json!(["read", "write"]), &json!("subject")));
        own.allowed(server, counter.question(agent, &json!({ "scopes": ["read"] }))).await;
        own.allowed(server, counter.question(agent, &json!({ "resource": "files" }))).await;
        let theirs = Presented::by(gateway, &subject);
        let question = counter.question(gateway, &json!({}));
        theirs.refused(server, question, "self_exchange", "no_target").await;
        let both = [("resource", RESOURCE), ("resource", OTHER_RESOURCE), ("scope", "read list")];
        let several = counter.stage.tokens_for(server, agent, &both).await.access;
        let question = json!({ "source": ["mcp", "files"], "subject_scopes": ["read", "list"] });
        let question = counter.question(agent, &question);
        Presented::by(agent, &several).refused(server, question, "self_exchange", "no_target").await;
    }

    async fn the_dry_run_knows_who_may_not_exchange_at_all(server: Server) {
        let counter = Counter::open(server).await;
        let (agent, gateway) = (&counter.agent, &counter.gateway);
        counter.agree(server, "read").await;
        counter.let_in(server, "files", gateway).await;
        let subject = counter.subject(server).await;
        let plain = TokenClient::of(&server.client(machine("read")).await);
        let to_files = json!({ "resource": "files" });
        for client in [&counter.stage.app, &plain] {
            let question = counter.question(client, &to_files);
            let reason = "unauthorized_client";
            Presented::by(client, &subject).refused(server, question, "grant", reason).await;
        }
        let cross = Presented::by(gateway, &subject);
        let question = || counter.question(gateway, &to_files);
        cross.allowed(server, question()).await;
        set_status(server, gateway, ClientStatus::Suspended).await;
        let said = cross.refused(server, question(), "client", "client_not_active").await;
        assert!(said["remedy"].as_str().unwrap().contains("reactivate"), "{said}");
        set_status(server, gateway, ClientStatus::Active).await;
        set_status(server, agent, ClientStatus::Suspended).await;
        cross.refused(server, question(), "subject_token", "subject_inactive").await;
        set_status(server, agent, ClientStatus::Active).await;
        server.set_disabled(counter.stage.person.id, true).await;
        let said = cross.refused(server, question(), "subject_token", "subject_inactive").await;
        assert!(said["remedy"].as_str().unwrap().contains("user enable"), "{said}");
    }

    /// As it is with a row that an older version wrote.
    async fn the_dry_run_knows_that_no_token_can_be_for_a_resource_without_uri(server: Server) {
        let counter = Counter::open(server).await;
        let subject = counter.subject(server).await;
        let gone = server.services.store.write(|transaction| {
            Box::pin(async move {
                catalog_version::advance(transaction).await?;
                let sql = "UPDATE resources SET uri = '' WHERE slug = 'files'";
                Ok(transaction.execute_unprepared(sql).await?.rows_affected())
            })
        });
        assert_eq!(gone.await.unwrap(), 1);
        let uri = || server.services.keepers.catalog.resources().by_slug("files").map(|it| it.uri.clone());
        for _ in 0..100 {
            server.wait(1);
            if uri() == Some(String::new()) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let question = counter.question(&counter.agent, &json!({ "resource": "files" }));
        let own = Presented::by(&counter.agent, &subject);
        own.refused(server, question, "target", "invalid_target").await;
    }

    async fn the_dry_run_knows_that_the_grant_is_switched_off(server: Server)
    with [("AUTHPLANE_TOKEN_EXCHANGE_ENABLED", "false")] {
        let counter = Counter::open(server).await;
        let subject = counter.subject(server).await;
        let question = counter.question(&counter.agent, &json!({ "resource": "files" }));
        let own = Presented::by(&counter.agent, &subject);
        own.refused(server, question, "enabled", "unsupported_grant_type").await;
    }
}
