//! An exchange that the user has not agreed to, and the way to their agreement.

use serde_json::json;

use super::{Counter, exchange, given};
use crate::kit::browser::ticked_scopes;
use crate::kit::server::ISSUER;
use crate::kit::stage::{OTHER_RESOURCE, RESOURCE};
use crate::kit::{Answer, Browser, Server, on_both_databases};

/// The agent, which has a token of a person with a password; and the person's browser.
struct Agreeing {
    counter: Counter,
    subject: String,
    browser: Browser,
}

impl Agreeing {
    async fn set(server: &Server) -> Agreeing {
        let mut counter = Counter::open(server).await;
        // Both resources have these scopes.
        counter.stage.person = server.person("bea@example.com").await;
        let wide = server.resource("wide", "https://wide.example/", &["read", "write", "list"]);
        wide.await;
        let subject = counter.subject(server).await;
        let browser = Browser::signed_in(server, "bea@example.com").await;
        Agreeing { counter, subject, browser }
    }

    async fn exchange(&self, server: &Server, scopes: &str) -> Answer {
        let more = [("resource", "wide"), ("scope", scopes)];
        exchange(server, &self.counter.agent, &self.subject, &more).await
    }

    /// The page that the refusal leads to.
    async fn page(&self, server: &Server, refusal: &Answer) -> Answer {
        refusal.refused(400, "consent_required");
        assert_eq!(refusal.member("service_id"), "wide");
        let url = refusal.member("consent_url");
        let path = url.strip_prefix(ISSUER).unwrap_or_else(|| panic!("not ours: {url}"));
        self.browser.visit(server, path).await
    }
}

on_both_databases! {
    async fn the_person_follows_the_link_agrees_and_the_exchange_works(server: Server) {
        let agreeing = Agreeing::set(server).await;
        let refusal = agreeing.exchange(server, "read write").await;
        assert_eq!(refusal.member("cause"), "consent_missing");
        let page = agreeing.page(server, &refusal).await;
        let words = page.words();
        for said in ["An agent asks for access", "https://wide.example/", "What read means"] {
            assert!(words.contains(said), "not said: {said}\n{words}");
        }
        agreeing.exchange(server, "read write").await.refused(400, "consent_required");
        agreeing.browser.decide(server, &page, "approve").await.is_page(200, "You approved");

        let claims = given(&agreeing.exchange(server, "read write").await);
        assert_eq!(claims["aud"], json!(["https://wide.example/"]));
        assert_eq!(claims["scope"], "read write");
        assert_eq!(claims["sub"], json!(agreeing.counter.stage.person.id));
        let elsewhere = exchange(
            server,
            &agreeing.counter.agent,
            &agreeing.subject,
            &[("resource", OTHER_RESOURCE), ("scope", "read")],
        );
        assert_ne!(elsewhere.await.status, 200, "what was agreed to is about one resource");
    }

    /// Whatever a person could do, it would not help: so they are not asked to do anything.
    async fn what_the_consent_page_cannot_offer_is_not_asked_of_the_person(server: Server) {
        let agreeing = Agreeing::set(server).await;
        let agent = &agreeing.counter.agent;
        let gateway = &agreeing.counter.gateway;
        agreeing.counter.let_in(server, "wide", gateway).await;
        let more = [("resource", "wide"), ("scope", "read write")];
        let ask = || exchange(server, gateway, &agreeing.subject, &more);
        let before = ask().await;
        before.refused(400, "consent_required");
        server.change_client(&agent.id, "scope = 'read'").await;
        for _ in 0..2 {
            let answer = ask().await;
            answer.refused(400, "invalid_scope");
            assert_eq!(answer.json().get("consent_url"), None);
            assert!(answer.member("error_description").contains("'write'"), "{answer:?}");
        }
        let told = ["reason=scope_exceeds_subject_ceiling"];
        server.until_audited("token.exchange_denied", &told, 2).await;
        // The page of the address from before offers what is left, and is right to.
        let page = agreeing.page(server, &before).await;
        assert_eq!(ticked_scopes(&page), ["read"]);
        agreeing.browser.decide(server, &page, "approve").await.is_page(200, "You approved");
        ask().await.refused(400, "invalid_scope");
        // Who asks for all there is, is sent to agree to what can be agreed to, and gets that.
        let all = [("resource", "wide")];
        let claims = given(&exchange(server, gateway, &agreeing.subject, &all).await);
        assert_eq!(claims["scope"], "read");
        server.change_client(&agent.id, "scope = 'write'").await;
        let claims = given(&exchange(server, gateway, &agreeing.subject, &all).await);
        assert_eq!(claims["scope"], "read", "what was agreed to stays agreed to");
    }

    async fn what_was_agreed_to_is_enough_when_the_client_is_registered_for_less(server: Server) {
        let agreeing = Agreeing::set(server).await;
        let gateway = &agreeing.counter.gateway;
        agreeing.counter.let_in(server, "wide", gateway).await;
        let more = [("resource", "wide"), ("scope", "read write")];
        let refusal = exchange(server, gateway, &agreeing.subject, &more).await;
        let page = agreeing.page(server, &refusal).await;
        agreeing.browser.decide(server, &page, "approve").await.is_page(200, "You approved");
        server.change_client(&agreeing.counter.agent.id, "scope = 'list'").await;
        let claims = given(&exchange(server, gateway, &agreeing.subject, &more).await);
        assert_eq!(claims["scope"], "read write");
    }

    async fn a_no_leaves_it_refused(server: Server) {
        let agreeing = Agreeing::set(server).await;
        let refusal = agreeing.exchange(server, "read").await;
        let page = agreeing.page(server, &refusal).await;
        agreeing.browser.decide(server, &page, "deny").await.is_page(200, "You did not approve");
        agreeing.exchange(server, "read").await.refused(400, "consent_required");
    }

    async fn what_was_unticked_is_not_given_and_asked_for_alone_next_time(server: Server) {
        let agreeing = Agreeing::set(server).await;
        let refusal = agreeing.exchange(server, "read write").await;
        let page = agreeing.page(server, &refusal).await;
        let read = ["read".to_owned()];
        let answer = agreeing.browser.decide_on(server, &page, "approve", &read).await;
        answer.is_page(200, "You approved");

        assert_eq!(given(&agreeing.exchange(server, "read").await)["scope"], "read");
        let refusal = agreeing.exchange(server, "read write").await;
        assert_eq!(refusal.member("cause"), "scope_insufficient");
        let page = agreeing.page(server, &refusal).await;
        assert_eq!(ticked_scopes(&page), ["write"]);
        agreeing.browser.decide(server, &page, "approve").await.is_page(200, "You approved");
        let claims = given(&agreeing.exchange(server, "read write").await);
        assert_eq!(claims["scope"], "read write");
    }

    async fn with_more_scopes_than_a_link_holds_the_person_is_asked_in_parts(server: Server) {
        let mut agreeing = Agreeing::set(server).await;
        let names: Vec<String> = (0..40).map(|number| format!("{number:0>150}")).collect();
        let all: Vec<&str> = names.iter().map(String::as_str).collect();
        server.resource("vast", "https://vast.example/", &all).await;
        server.resource("vaster", "https://vaster.example/", &all).await;
        let wanted = names.join(" ");
        let stage = &agreeing.counter.stage;
        let more = [("resource", "https://vast.example/"), ("scope", wanted.as_str())];
        let tokens = stage.tokens_for(server, &agreeing.counter.agent, &more).await;
        agreeing.subject = tokens.access;
        let more = [("resource", "vaster"), ("scope", wanted.as_str())];
        let mut asked = 0;
        loop {
            let answer =
                exchange(server, &agreeing.counter.agent, &agreeing.subject, &more).await;
            if answer.status == 200 {
                break;
            }
            let url = answer.member("consent_url");
            assert!(url.len() < 5000, "{}", url.len());
            let page = agreeing.browser.visit(server, url.strip_prefix(ISSUER).unwrap()).await;
            agreeing.browser.decide(server, &page, "approve").await.is_page(200, "You approved");
            asked += 1;
            assert!(asked < 5, "it never ends");
        }
        assert_eq!(asked, 2);
    }

    /// The subject token is the agent's, the exchange somebody else's: it is the agent that the
    /// person agrees to.
    async fn for_a_gateway_the_person_agrees_to_the_client_of_the_subject_token(server: Server) {
        let agreeing = Agreeing::set(server).await;
        let gateway = &agreeing.counter.gateway;
        agreeing.counter.let_in(server, "wide", gateway).await;
        let more = [("resource", "wide"), ("scope", "read")];
        let refusal = exchange(server, gateway, &agreeing.subject, &more).await;
        let page = agreeing.page(server, &refusal).await;
        assert!(page.words().contains("An agent asks for access"), "{}", page.words());
        agreeing.browser.decide(server, &page, "approve").await.is_page(200, "You approved");
        let claims = given(&exchange(server, gateway, &agreeing.subject, &more).await);
        assert_eq!(claims["act"]["sub"], json!(gateway.id));
        assert_eq!(claims["aud"], json!(["https://wide.example/"]));
        assert_ne!(claims["aud"], json!([RESOURCE]));
    }
}
