//! A decision is made once, by the person who was asked, in the browser that asked.

use authserver::administration::Change;
use authserver::administration::resource::{self, ResourcePatch};
use protocol::resource::ScopeEntry;

use crate::kit::browser::{hidden_fields, param};
use crate::kit::client::claims;
use crate::kit::scene::{EMAIL, REDIRECT, RESOURCE};
use crate::kit::server::ISSUER;
use crate::kit::{Answer, Browser, Scene, Server, on_both_databases};

const GONE: &str = "no longer open";
const SESSION: &str = "authserver_session";
const BROWSER: &str = "authserver_session_browser";

fn ticks(scopes: &[&str]) -> Vec<String> {
    scopes.iter().map(|scope| (*scope).to_owned()).collect()
}

/// A signed-in browser in front of the consent page for `read write`.
async fn in_front_of_the_page(server: &Server, scene: &Scene) -> (Browser, Answer) {
    let browser = Browser::signed_in(server, EMAIL).await;
    let page = browser.visit(server, &scene.path(&[("scope", "read write")])).await;
    page.is_page(200, "name=\"decision\"");
    (browser, page)
}

/// Nothing that was tried before has spent the request or granted anything.
async fn approves(server: &Server, scene: &Scene, browser: &Browser, page: &Answer) {
    assert_eq!(server.audited("consent.granted", &[]).await, 0);
    let back = browser.decide(server, page, "approve").await.location();
    assert_eq!(scene.redeem(server, &back).await.member("scope"), "read write");
}

/// The answer at `back` leads to a token for `read` alone, and so does its refresh token.
async fn never_more_than_read(server: &Server, scene: &Scene, back: &url::Url) {
    let tokens = scene.redeem(server, back).await;
    let next = scene.app.refresh(server, &tokens.member("refresh_token")).await;
    for answer in [&tokens, &next] {
        assert_eq!(answer.member("scope"), "read");
        assert_eq!(claims(&answer.member("access_token"))["scope"], "read");
    }
}

on_both_databases! {
    async fn unticking_narrows_the_token_and_what_was_agreed_to(server: Server) {
        let scene = Scene::set(server).await;
        let (browser, page) = in_front_of_the_page(server, &scene).await;
        let back = browser.decide_on(server, &page, "approve", &ticks(&["write"])).await.location();
        let tokens = scene.redeem(server, &back).await;

        assert_eq!(tokens.member("scope"), "write");
        let refreshed = scene.app.refresh(server, &tokens.member("refresh_token")).await;
        assert_eq!(refreshed.member("scope"), "write");
        assert_eq!(server.audited("consent.granted", &["scopes=write"]).await, 1);
        browser.get(server, &scene.path(&[("scope", "read")])).await.asks_for_consent();
        let back = browser.get(server, &scene.path(&[("scope", "write")])).await.location();
        assert!(param(&back, "code").is_some());
    }

    async fn approving_nothing_is_a_denial(server: Server) {
        let scene = Scene::set(server).await;
        let (browser, page) = in_front_of_the_page(server, &scene).await;
        let back = browser.decide_on(server, &page, "approve", &[]).await.location();
        assert_eq!(param(&back, "error").as_deref(), Some("access_denied"));
        assert_eq!(server.audited("consent.granted", &[]).await, 0);
    }

    async fn a_denial_goes_back_with_state_and_issuer_and_grants_nothing(server: Server) {
        let scene = Scene::set(server).await;
        let (browser, page) = in_front_of_the_page(server, &scene).await;
        let back = browser.decide(server, &page, "deny").await.location();

        assert!(back.as_str().starts_with(REDIRECT));
        assert_eq!(param(&back, "error").as_deref(), Some("access_denied"));
        assert_eq!(param(&back, "state").as_deref(), Some("some state"));
        assert_eq!(param(&back, "iss").as_deref(), Some(ISSUER));
        assert_eq!(param(&back, "code"), None);
        assert_eq!(server.audited("consent.denied", &[]).await, 1);
        browser.decide(server, &page, "approve").await.is_page(400, GONE);
        browser.get(server, &scene.path(&[])).await.asks_for_consent();
    }

    async fn a_request_is_decided_once(server: Server) {
        let scene = Scene::set(server).await;
        let (browser, page) = in_front_of_the_page(server, &scene).await;
        let at_once = [(); 4].map(|()| browser.decide(server, &page, "approve"));
        let answers = futures::future::join_all(at_once).await;

        let (went, stayed): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 303);
        assert_eq!(went.len(), 1, "{went:#?}");
        stayed.iter().for_each(|answer| answer.is_page(400, GONE));
        for decision in ["approve", "deny"] {
            browser.decide(server, &page, decision).await.is_page(400, GONE);
        }
        scene.redeem(server, &went[0].location()).await;
    }

    async fn a_request_waits_ten_minutes_and_no_longer(server: Server) {
        let scene = Scene::set(server).await;
        let (browser, page) = in_front_of_the_page(server, &scene).await;
        let (patient, late) = (page, browser.visit(server, &scene.path(&[])).await);
        server.wait(599);
        let back = browser.decide(server, &patient, "approve").await.location();
        assert!(param(&back, "code").is_some());
        server.wait(1);
        browser.decide(server, &late, "approve").await.is_page(400, GONE);
        let id = &hidden_fields(&late).into_iter().find(|(name, _)| name == "request").unwrap().1;
        browser.get(server, &format!("/consent?request={id}")).await.is_page(400, GONE);
    }

    async fn another_browser_can_neither_see_nor_decide_the_request(server: Server) {
        let scene = Scene::set(server).await;
        let (victim, page) = in_front_of_the_page(server, &scene).await;
        server.person("eve@example.com").await;
        let id = hidden_fields(&page).into_iter().find(|(name, _)| name == "request").unwrap().1;

        for email in ["eve@example.com", EMAIL] {
            let other = Browser::signed_in(server, email).await;
            other.get(server, &format!("/consent?request={id}")).await.is_page(400, GONE);
            let own = hidden_fields(&other.get(server, "/login").await);
            let mut form = own.clone();
            form.extend(
                [("request", id.as_str()), ("decision", "approve"), ("scope", "read")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned())),
            );
            other.send(server, "/consent", &form).await.is_page(400, GONE);
            other.decide(server, &page, "approve").await.is_page(403, "could not be accepted");
        }
        approves(server, &scene, &victim, &page).await;
    }

    async fn the_session_alone_does_not_make_it_the_same_browser(server: Server) {
        let scene = Scene::set(server).await;
        let (browser, page) = in_front_of_the_page(server, &scene).await;
        let thief = Browser::signed_in(server, EMAIL).await;
        thief.plant(server, SESSION, &browser.cookie(server, SESSION).unwrap());
        thief.decide(server, &page, "approve").await.is_page(403, "could not be accepted");

        let nobody = Browser::new();
        nobody.plant(server, BROWSER, &browser.cookie(server, BROWSER).unwrap());
        nobody.decide(server, &page, "approve").await.is_page(403, "could not be accepted");
        approves(server, &scene, &browser, &page).await;
    }

    async fn a_person_who_signed_out_meanwhile_has_to_sign_in_first(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::new();
        let page = browser.visit(server, &scene.path(&[("scope", "read write")])).await;
        let answer = browser.decide_on(server, &page, "approve", &ticks(&["read"])).await;
        answer.asks_to_sign_in();
        assert_eq!(server.audited("consent.granted", &[]).await, 0);
        let page = browser.sign_in(server, &page, EMAIL).await;
        approves(server, &scene, &browser, &page).await;
    }

    async fn somebody_disabled_in_front_of_the_page_approves_nothing(server: Server) {
        let scene = Scene::set(server).await;
        let (browser, page) = in_front_of_the_page(server, &scene).await;
        server.set_disabled(scene.person, true).await;
        browser.decide(server, &page, "approve").await.asks_to_sign_in();
        assert_eq!(server.audited("consent.granted", &[]).await, 0);
    }

    async fn a_forged_form_changes_nothing(server: Server) {
        let scene = Scene::set(server).await;
        let (browser, page) = in_front_of_the_page(server, &scene).await;
        let fields = hidden_fields(&page);
        let with = |name: &str, value: &str| {
            let mut form = fields.clone();
            form.retain(|(field, _)| field != name);
            form.push((name.to_owned(), value.to_owned()));
            form.push(("scope".to_owned(), "read".to_owned()));
            form
        };
        let decided = |mut form: Vec<(String, String)>| {
            form.push(("decision".to_owned(), "approve".to_owned()));
            form
        };

        for csrf in ["", "AAAA", "not base64!"] {
            let form = decided(with("csrf", csrf));
            browser.send(server, "/consent", &form).await.is_page(403, "could not be accepted");
        }
        let forms = [
            fields.clone(),
            with("decision", "Approve"),
            with("decision", ""),
            decided(with("decision", "deny")),
            decided(with("request", "https://evil.example")),
        ];
        for form in forms {
            browser.send(server, "/consent", &form).await.is_page(403, "could not be accepted");
        }
        let nobodys = decided(with("request", "01900000-0000-7000-8000-000000000000"));
        browser.send(server, "/consent", &nobodys).await.is_page(400, GONE);
        approves(server, &scene, &browser, &page).await;
    }

    async fn a_scope_that_was_not_asked_for_cannot_be_ticked(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        let page = browser.visit(server, &scene.path(&[("scope", "read")])).await;
        for extra in
            [&["read", "write"][..], &["write"], &["read", "offline_access"], &["read write"]]
        {
            let answer = browser.decide_on(server, &page, "approve", &ticks(extra)).await;
            answer.is_page(403, "could not be accepted");
        }
        let back = browser.decide(server, &page, "approve").await.location();
        assert_eq!(scene.redeem(server, &back).await.member("scope"), "read");
    }

    /// What the form says about the request is not believed.
    async fn fields_that_the_form_does_not_have_change_nothing(server: Server) {
        let scene = Scene::set(server).await;
        let (browser, page) = in_front_of_the_page(server, &scene).await;
        let mut form = hidden_fields(&page);
        form.extend(
            [
                ("decision", "approve"),
                ("scope", "read"),
                ("redirect_uri", "https://evil.example/"),
                ("client_id", "other"),
                ("user_id", "other"),
                ("resource", "https://evil.example/"),
                ("state", "other"),
                ("code_challenge", "other"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let back = browser.send(server, "/consent", &form).await.location();
        assert!(back.as_str().starts_with(REDIRECT), "{back}");
        assert_eq!(param(&back, "state").as_deref(), Some("some state"));
        assert_eq!(scene.redeem(server, &back).await.member("scope"), "read");
    }

    /// Not even a refusal goes to an address that is the client's no more.
    async fn whatever_is_decided_nobody_is_answered_who_was_switched_off_meanwhile(
        server: Server
    ) {
        let scene = Scene::set(server).await;
        let moved = r#"redirect_uris = '["https://app.example/elsewhere"]'"#;
        let back = format!("redirect_uris = '[\"{REDIRECT}\"]'");
        for (off, on, says) in [
            ("status = 'suspended'", "status = 'active'", "has been switched off"),
            (moved, back.as_str(), "wrong place"),
        ] {
            for decision in ["approve", "deny"] {
                let (browser, page) = in_front_of_the_page(server, &scene).await;
                server.change_client(&scene.app.id, off).await;
                browser.decide(server, &page, decision).await.is_page(400, says);
                server.change_client(&scene.app.id, on).await;
            }
        }
        assert_eq!(server.audited("consent.granted", &[]).await, 0);
    }

    /// The page still offers what it did when it was shown.
    async fn a_scope_that_left_the_resource_since_the_page_was_shown_is_not_granted(
        server: Server
    ) {
        let scene = Scene::set(server).await;
        let (browser, page) = in_front_of_the_page(server, &scene).await;
        let origin = actors::audit::Origin::local();
        let read = ScopeEntry { name: "read".to_owned(), description: None, default: true };
        let narrowed = ResourcePatch { scopes: Change::Set(vec![read]), ..ResourcePatch::default() };
        resource::patch(&server.desk(&origin), "mcp", narrowed).await.unwrap();

        let back = browser.decide(server, &page, "approve").await.location();

        never_more_than_read(server, &scene, &back).await;
    }

    async fn a_scope_above_a_ceiling_that_was_lowered_since_the_page_was_shown_is_not_granted(
        server: Server
    ) {
        let scene = Scene::set(server).await;
        let (browser, page) = in_front_of_the_page(server, &scene).await;
        server.change_client(&scene.app.id, "scope = 'read'").await;

        let back = browser.decide(server, &page, "approve").await.location();

        never_more_than_read(server, &scene, &back).await;
    }

    async fn a_client_that_lost_the_grant_since_the_page_was_shown_gets_no_tokens(
        server: Server
    ) {
        let scene = Scene::set(server).await;
        let (browser, page) = in_front_of_the_page(server, &scene).await;
        let lost = r#"grant_types = '["refresh_token"]'"#;
        server.change_client(&scene.app.id, lost).await;

        let back = browser.decide(server, &page, "approve").await.location();

        let code = param(&back, "code").expect("what a code is worth is decided when it comes");
        let answer = scene.app.redeem(server, &code, &scene.redirect_uri, &scene.pkce).await;
        answer.refused(400, "unauthorized_client");
    }

    async fn the_page_asks_who_is_there_before_it_shows_anything(server: Server) {
        let scene = Scene::set(server).await;
        let (browser, page) = in_front_of_the_page(server, &scene).await;
        let id = hidden_fields(&page).into_iter().find(|(name, _)| name == "request").unwrap().1;
        let same_browser = Browser::new();
        same_browser.plant(server, BROWSER, &browser.cookie(server, BROWSER).unwrap());
        let answer = same_browser.get(server, &format!("/consent?request={id}")).await;
        answer.asks_to_sign_in();
        assert!(!answer.text.contains(RESOURCE));
        browser.get(server, "/consent").await.is_page(400, GONE);
    }
}
