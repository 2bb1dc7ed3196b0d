//! When a person is not asked again. Consent proves who asked only where the target
//! belongs to somebody (RFC 8252 §8.6).

use authserver::administration::client::NewClient;

use crate::kit::browser::param;
use crate::kit::scene::{EMAIL, REDIRECT};
use crate::kit::{Browser, Scene, Server, TokenClient, on_both_databases};

const BOTH: (&str, &str) = ("scope", "read write");
const READ: (&str, &str) = ("scope", "read");

/// Whether the page is shown for a request like one that was approved before.
async fn is_asked_again(server: &Server, scene: &Scene, browser: &Browser) -> bool {
    browser.authorize(server, &scene.request(&[BOTH]), EMAIL).await;
    let answer = browser.get(server, &scene.path(&[BOTH])).await;
    if answer.header("location").starts_with("/consent?") {
        browser.follow(server, answer).await.is_page(200, "name=\"decision\"");
        return true;
    }
    scene.redeem(server, &answer.location()).await;
    false
}

on_both_databases! {
    async fn a_person_is_asked_once_for_the_same_and_for_less(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        assert!(!is_asked_again(server, &scene, &browser).await);
        let back = browser.get(server, &scene.path(&[READ])).await.location();
        assert_eq!(scene.redeem(server, &back).await.member("scope"), "read");
        assert_eq!(server.audited("consent.granted", &[]).await, 1);
    }

    async fn a_person_is_asked_again_for_more(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        browser.authorize(server, &scene.request(&[READ]), EMAIL).await;
        browser.get(server, &scene.path(&[BOTH])).await.asks_for_consent();
    }

    async fn a_person_is_asked_again_for_another_resource_or_client(server: Server) {
        let mut scene = Scene::set(server).await;
        server.resource("mail", "https://mail.example/mcp", &["read"]).await;
        let mcp = ("resource", crate::kit::scene::RESOURCE);
        let browser = Browser::signed_in(server, EMAIL).await;
        browser.authorize(server, &scene.request(&[READ, mcp]), EMAIL).await;

        let mail = ("resource", "https://mail.example/mcp");
        browser.get(server, &scene.path(&[READ, mail])).await.asks_for_consent();
        let both = format!("{}&resource=https://mail.example/mcp", scene.path(&[READ, mcp]));
        browser.get(server, &both).await.asks_for_consent();
        scene.app = crate::kit::scene::public_app(server, &[REDIRECT]).await;
        browser.get(server, &scene.path(&[READ, mcp])).await.asks_for_consent();
    }

    async fn one_persons_consent_is_not_anothers(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        browser.authorize(server, &scene.request(&[BOTH]), EMAIL).await;
        server.person("grace@example.com").await;
        let grace = Browser::signed_in(server, "grace@example.com").await;
        grace.get(server, &scene.path(&[BOTH])).await.asks_for_consent();
    }

    async fn where_any_program_could_be_asking_the_person_is_asked_each_time(server: Server) {
        let mut scene = Scene::with_app_at(server, "http://127.0.0.1:4711/callback").await;
        let browser = Browser::signed_in(server, EMAIL).await;
        for uri in
            ["http://127.0.0.1:4711/callback", "http://localhost:1/cb", "com.example.app:/cb"]
        {
            scene.app = crate::kit::scene::public_app(server, &[uri]).await;
            scene.redirect_uri = uri.to_owned();
            assert!(is_asked_again(server, &scene, &browser).await, "{uri}");
            let silent = scene.path(&[BOTH, ("prompt", "none")]);
            let back = browser.get(server, &silent).await.location();
            assert_eq!(param(&back, "error").as_deref(), Some("consent_required"), "{uri}");
        }
    }

    async fn an_operators_client_on_this_machine_is_not_asked_for_each_time(server: Server) {
        let mut scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        for uri in ["http://127.0.0.1:4711/callback", "com.example.app:/cb"] {
            let created = server
                .client(NewClient {
                    name: "The company's tool".to_owned(),
                    redirect_uris: vec![uri.to_owned()],
                    auth_method: Some("none".to_owned()),
                    ..NewClient::default()
                })
                .await;
            scene.app = TokenClient::of(&created);
            scene.redirect_uri = uri.to_owned();
            browser.get(server, &scene.path(&[BOTH])).await.asks_for_consent();
            assert!(!is_asked_again(server, &scene, &browser).await, "{uri}");
        }
    }

    async fn a_denial_is_not_remembered_as_consent(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        let page = browser.visit(server, &scene.path(&[BOTH])).await;
        browser.decide(server, &page, "deny").await.location();
        browser.get(server, &scene.path(&[READ])).await.asks_for_consent();
    }

    async fn a_narrower_approval_now_takes_back_what_was_unticked(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        browser.authorize(server, &scene.request(&[BOTH]), EMAIL).await;
        let page = browser.visit(server, &scene.path(&[BOTH, ("prompt", "consent")])).await;
        browser.decide_on(server, &page, "approve", &["read".to_owned()]).await.location();

        browser.get(server, &scene.path(&[BOTH])).await.asks_for_consent();
        let back = browser.get(server, &scene.path(&[READ])).await.location();
        assert_eq!(scene.redeem(server, &back).await.member("scope"), "read");
    }
}
