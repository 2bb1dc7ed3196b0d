//! What the person sees and what an answer changes.

use std::collections::BTreeSet;

use actors::audit::Origin;
use authserver::administration::resource::{self, ResourcePatch};
use authserver::administration::{Change, grant};
use protocol::resource::ScopeEntry;

use super::{APPROVED, Exchange, NOT_APPROVED, NOTHING_TO_APPROVE, QUESTION};
use crate::kit::browser::ticked_scopes;
use crate::kit::scene::EMAIL;
use crate::kit::{Browser, Server, on_both_databases};

on_both_databases! {
    async fn the_person_signs_in_sees_who_asks_for_what_and_approves(server: Server) {
        let exchange = Exchange::set(server).await;
        let browser = Browser::new();
        let login = browser.visit(server, &exchange.path(server, "list put")).await;
        login.is_page(200, "name=\"password\"");
        let page = browser.sign_in(server, &login, EMAIL).await;

        page.is_page(200, QUESTION);
        let words = page.words();
        for said in [
            "“An app” asks for access",
            "Self-declared name",
            "https://files.example/mcp",
            "What list means",
            "What put means",
            "each access ends after 1 hour at most",
            EMAIL,
        ] {
            assert!(words.contains(said), "not said: {said}\n{words}");
        }
        assert_eq!(ticked_scopes(&page), ["list", "put"]);
        let policy = page.header("content-security-policy");
        assert!(policy.contains("form-action 'self';"), "{policy}");

        browser.decide(server, &page, "approve").await.is_page(200, APPROVED);
        assert_eq!(exchange.agreed(server).await, ["list", "put"]);
        let details = ["resource=files", "list put", "for=exchange"];
        assert_eq!(server.audited("consent.granted", &details).await, 1);
    }

    async fn what_is_unticked_is_not_agreed_to(server: Server) {
        let exchange = Exchange::set(server).await;
        let (browser, page) = exchange.asked(server, "list get put").await;
        let answer = browser.decide_on(server, &page, "approve", &["get".to_owned()]).await;
        answer.is_page(200, APPROVED);
        assert_eq!(exchange.agreed(server).await, ["get"]);

        let again = browser.get(server, &exchange.path(server, "list get")).await;
        assert_eq!(ticked_scopes(&again), ["list"], "what was agreed to is not asked again");
    }

    async fn a_no_and_ticking_nothing_change_nothing(server: Server) {
        let exchange = Exchange::set(server).await;
        let (browser, page) = exchange.asked(server, "list").await;
        browser.decide(server, &page, "deny").await.is_page(200, NOT_APPROVED);
        browser.decide_on(server, &page, "approve", &[]).await.is_page(200, NOT_APPROVED);
        assert!(exchange.agreed(server).await.is_empty());
        assert_eq!(server.audited("consent.denied", &["for=exchange"]).await, 2);

        // They may think better of it, and a no later on does not take it back.
        browser.decide(server, &page, "approve").await.is_page(200, APPROVED);
        browser.decide(server, &page, "deny").await.is_page(200, NOT_APPROVED);
        assert_eq!(exchange.agreed(server).await, ["list"]);
    }

    async fn denials_do_not_size_the_audit_log(server: Server) {
        let exchange = Exchange::set(server).await;
        let (browser, page) = exchange.asked(server, "list").await;
        for _ in 0..15 {
            browser.decide(server, &page, "deny").await.is_page(200, NOT_APPROVED);
        }
        assert_eq!(server.audited("consent.denied", &[]).await, 10);
    }

    async fn approving_again_is_approving_once(server: Server) {
        let exchange = Exchange::set(server).await;
        let (browser, page) = exchange.asked(server, "list").await;
        let at_once = [(); 4].map(|()| browser.decide(server, &page, "approve"));
        for answer in futures::future::join_all(at_once).await {
            answer.is_page(200, APPROVED);
        }
        assert_eq!(server.audited("consent.granted", &[]).await, 1);
        browser.get(server, &exchange.path(server, "list")).await.is_page(200, APPROVED);
    }

    async fn agreeing_adds_to_what_was_agreed_to(server: Server) {
        let exchange = Exchange::set(server).await;
        for (scopes, then) in
            [("list", vec!["list"]), ("get", vec!["get", "list"]), ("list put", vec!["get", "list", "put"])]
        {
            let (browser, page) = exchange.asked(server, scopes).await;
            browser.decide(server, &page, "approve").await.is_page(200, APPROVED);
            assert_eq!(exchange.agreed(server).await, then);
        }
    }

    /// Two tabs, an app with two exchanges: neither agreement forgets the other.
    async fn agreements_that_meet_are_all_kept(server: Server) {
        let mut exchange = Exchange::set(server).await;
        for round in 0..5 {
            let names: Vec<String> = (0..6).map(|number| format!("r{round}n{number}")).collect();
            let all: Vec<&str> = names.iter().map(String::as_str).collect();
            let slug = format!("round{round}");
            let uri = format!("https://round{round}.example/");
            exchange.files = server.resource(&slug, &uri, &all).await.id;
            let mut asked = Vec::new();
            for scope in &names {
                asked.push(exchange.asked(server, scope).await);
            }
            let at_once = asked.iter().map(|(browser, page)| browser.decide(server, page, "approve"));
            for answer in futures::future::join_all(at_once).await {
                answer.is_page(200, APPROVED);
            }
            let agreed: BTreeSet<String> = exchange.agreed(server).await.into_iter().collect();
            assert_eq!(agreed, names.into_iter().collect());
        }
    }

    async fn a_consent_that_was_taken_back_is_given_again_by_the_person(server: Server) {
        let exchange = Exchange::set(server).await;
        let (browser, page) = exchange.asked(server, "list put").await;
        browser.decide(server, &page, "approve").await.is_page(200, APPROVED);
        let origin = Origin::local();
        let desk = server.desk(&origin);
        let given = grant::of_user(&desk, EMAIL, grant::GrantQuery::default()).await.unwrap();
        let id = given.consent_grants[0].id;
        grant::revoke(&desk, id).await.unwrap();
        assert!(exchange.agreed(server).await.is_empty());

        let (browser, page) = exchange.asked(server, "list").await;
        browser.decide(server, &page, "approve").await.is_page(200, APPROVED);
        assert_eq!(exchange.agreed(server).await, ["list"], "not what was taken back with it");
    }

    async fn what_left_the_catalog_or_the_ceiling_since_is_not_agreed_to(server: Server) {
        let exchange = Exchange::set(server).await;
        let (browser, page) = exchange.asked(server, "list get put").await;
        let origin = Origin::local();
        let entry = |name: &str| ScopeEntry { name: name.to_owned(), description: None, default: false };
        let left = ["list", "get"].map(entry).to_vec();
        let narrowed = ResourcePatch { scopes: Change::Set(left), ..ResourcePatch::default() };
        resource::patch(&server.desk(&origin), "files", narrowed).await.unwrap();
        server.change_client(&exchange.scene.app.id, "scope = 'get put'").await;

        browser.decide(server, &page, "approve").await.is_page(200, APPROVED);
        assert_eq!(exchange.agreed(server).await, ["get"]);
        let page = browser.get(server, &exchange.path(server, "list put")).await;
        page.is_page(400, NOTHING_TO_APPROVE);
    }

    async fn nothing_is_agreed_to_with_a_client_that_is_off_or_about_what_is_gone(
        server: Server
    ) {
        let exchange = Exchange::set(server).await;
        let (browser, page) = exchange.asked(server, "list").await;
        server.change_client(&exchange.scene.app.id, "status = 'suspended'").await;
        let path = exchange.path(server, "list");
        browser.get(server, &path).await.is_page(400, NOTHING_TO_APPROVE);
        for decision in ["approve", "deny"] {
            browser.decide(server, &page, decision).await.is_page(400, NOTHING_TO_APPROVE);
        }
        server.change_client(&exchange.scene.app.id, "status = 'active'").await;
        let origin = Origin::local();
        resource::delete(&server.desk(&origin), "files", true).await.unwrap();
        browser.decide(server, &page, "approve").await.is_page(400, NOTHING_TO_APPROVE);
        browser.get(server, &path).await.is_page(400, NOTHING_TO_APPROVE);
        assert!(exchange.agreed(server).await.is_empty());
        assert_eq!(server.audited("consent.granted", &[]).await, 0);
    }

    async fn a_link_of_one_replica_is_answered_at_another(server: Server) {
        let exchange = Exchange::set(server).await;
        let other = server.replica().await;
        let browser = Browser::signed_in(&other, EMAIL).await;
        let page = browser.get(&other, &exchange.path(server, "list")).await;
        page.is_page(200, QUESTION);
        browser.decide(server, &page, "approve").await.is_page(200, APPROVED);
        assert_eq!(exchange.agreed(&other).await, ["list"]);
        other.stop().await;
    }
}
