//! `prompt`, `max_age` and `login_hint` (OpenID Connect Core §3.1.2.1).

use super::refused;
use crate::kit::browser::{hidden_fields, param};
use crate::kit::scene::{EMAIL, REDIRECT};
use crate::kit::{Browser, Scene, Server, on_both_databases};

on_both_databases! {
    async fn a_silent_request_shows_nothing_and_says_what_would_have_been_shown(server: Server) {
        let scene = Scene::set(server).await;
        let silent = scene.path(&[("prompt", "none")]);
        refused(&Browser::new().get(server, &silent).await, REDIRECT, "login_required");

        let browser = Browser::signed_in(server, EMAIL).await;
        refused(&browser.get(server, &silent).await, REDIRECT, "consent_required");

        browser.authorize(server, &scene.request(&[]), EMAIL).await;
        let back = browser.get(server, &silent).await.location();
        assert_eq!(scene.redeem(server, &back).await.member("scope"), "read");
        let wider = scene.path(&[("prompt", "none"), ("scope", "read write")]);
        refused(&browser.get(server, &wider).await, REDIRECT, "consent_required");
    }

    async fn a_wish_that_contradicts_itself_or_is_not_known_is_refused(server: Server) {
        let scene = Scene::set(server).await;
        for prompt in
            ["none login", "consent none", "none select_account", "NONE", "create", "login x"]
        {
            let answer = Browser::new().get(server, &scene.path(&[("prompt", prompt)])).await;
            refused(&answer, REDIRECT, "invalid_request");
        }
    }

    async fn who_has_to_sign_in_again_does(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        browser.authorize(server, &scene.request(&[]), EMAIL).await;

        for prompt in ["login", "select_account", "login consent"] {
            server.wait(1);
            let answer = browser.get(server, &scene.path(&[("prompt", prompt)])).await;
            answer.asks_to_sign_in();
            let page = browser.follow(server, answer).await;
            let mut answer = browser.sign_in(server, &page, EMAIL).await;
            if prompt.contains("consent") {
                answer = browser.decide(server, &answer, "approve").await;
            }
            assert!(param(&answer.location(), "code").is_some());
        }
    }

    async fn whoever_asks_for_another_account_gets_a_token_of_the_account_that_is_chosen(
        server: Server
    ) {
        let scene = Scene::set(server).await;
        let grace = server.person("grace@example.com").await;
        let browser = Browser::signed_in(server, EMAIL).await;
        browser.authorize(server, &scene.request(&[]), EMAIL).await;

        server.wait(1);
        let page = browser.visit(server, &scene.path(&[("prompt", "select_account")])).await;
        page.is_page(200, "name=\"password\"");
        let page = browser.sign_in(server, &page, "grace@example.com").await;
        assert!(page.words().contains("grace@example.com"), "she has not agreed to anything yet");
        let back = browser.decide(server, &page, "approve").await.location();
        let tokens = scene.redeem(server, &back).await;
        let claims = crate::kit::client::claims(&tokens.member("access_token"));
        assert_eq!(claims["sub"], grace.id.to_string());
    }

    async fn an_age_of_nothing_means_now_and_nobody_is_asked_silently(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        browser.authorize(server, &scene.request(&[]), EMAIL).await;
        server.wait(1);
        let silent = scene.path(&[("max_age", "0"), ("prompt", "none")]);
        refused(&browser.get(server, &silent).await, REDIRECT, "login_required");

        let page = browser.visit(server, &scene.path(&[("max_age", "0")])).await;
        server.wait(10);
        let back = browser.sign_in(server, &page, EMAIL).await.location();
        let tokens = scene.redeem(server, &back).await;
        let claims = crate::kit::client::claims(&tokens.member("access_token"));
        assert_eq!(claims["auth_time"], server.services.environment.now().timestamp());
    }

    async fn an_old_sign_in_cannot_decide_a_request_that_wants_a_new_one(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        browser.authorize(server, &scene.request(&[]), EMAIL).await;

        for wish in [("prompt", "login"), ("max_age", "0")] {
            server.wait(1);
            let answer = browser.get(server, &scene.path(&[wish])).await;
            answer.asks_to_sign_in();
            let page = browser.follow(server, answer).await;
            let fields = hidden_fields(&page);
            let id = &fields.iter().find(|(name, _)| name == "request").unwrap().1;

            browser.get(server, &format!("/consent?request={id}")).await.asks_to_sign_in();
            browser
                .decide_on(server, &page, "approve", &["read".to_owned()])
                .await
                .asks_to_sign_in();
            browser.decide(server, &page, "deny").await.asks_to_sign_in();
            let back = browser.sign_in(server, &page, EMAIL).await.location();
            assert!(param(&back, "code").is_some(), "{back}");
        }
    }

    async fn a_sign_in_that_is_too_old_is_not_enough(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        browser.authorize(server, &scene.request(&[]), EMAIL).await;
        server.wait(60);

        let back = browser.get(server, &scene.path(&[("max_age", "60")])).await.location();
        assert!(param(&back, "code").is_some());
        let answer = browser.get(server, &scene.path(&[("max_age", "59")])).await;
        answer.asks_to_sign_in();
        let silent = scene.path(&[("max_age", "59"), ("prompt", "none")]);
        refused(&browser.get(server, &silent).await, REDIRECT, "login_required");

        let page = browser.follow(server, answer).await;
        let back = browser.sign_in(server, &page, EMAIL).await.location();
        assert!(param(&back, "code").is_some());
    }

    async fn an_age_that_is_no_number_is_refused(server: Server) {
        let scene = Scene::set(server).await;
        for age in ["-1", "+1", "1.5", "1e3", "0x10", "soon", "99999999999999999999", " 1"] {
            let answer = Browser::new().get(server, &scene.path(&[("max_age", age)])).await;
            refused(&answer, REDIRECT, "invalid_request");
        }
    }

    async fn a_client_can_have_the_person_asked_again(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        browser.authorize(server, &scene.request(&[]), EMAIL).await;

        let path = scene.path(&[("prompt", "consent")]);
        browser.get(server, &path).await.asks_for_consent();
        let page = browser.visit(server, &path).await;
        page.is_page(200, "name=\"decision\"");
    }

    async fn the_sign_in_page_starts_with_whom_the_client_expects(server: Server) {
        let scene = Scene::set(server).await;
        let page = Browser::new().visit(server, &scene.path(&[("login_hint", EMAIL)])).await;
        page.is_page(200, "value=\"ada@example.com\"");

        let markup = "\"><script>alert(1)</script>";
        let page = Browser::new().visit(server, &scene.path(&[("login_hint", markup)])).await;
        page.is_page(200, "name=\"password\"");
        assert!(!page.text.contains("<script"), "{}", page.text);
    }
}
