//! The sign-in page, the session behind it, and what others try with both.

use std::collections::BTreeSet;

use crate::kit::browser::{hidden_fields, param};
use crate::kit::scene::EMAIL;
use crate::kit::server::PASSWORD;
use crate::kit::{Answer, Browser, Scene, Server, on_both_databases};

const SESSION: &str = "authserver_session";
const BROWSER: &str = "authserver_session_browser";

/// The page without what differs from one rendering to the next.
fn without_tokens(page: &Answer, typed: &str) -> String {
    let mut text = page.text.replace(typed, "[typed]");
    for (_, value) in hidden_fields(page) {
        text = text.replace(&value, "[hidden]");
    }
    text
}

/// The `Set-Cookie` header of this cookie, attributes in lower case.
fn set_cookie(answer: &Answer, name: &str) -> String {
    let cookies = answer.headers.get_all("set-cookie").iter().map(|it| it.to_str().unwrap());
    let mut named = cookies.filter(|cookie| cookie.starts_with(&format!("{name}=")));
    let cookie = named.next().unwrap_or_else(|| panic!("no {name}: {answer:?}"));
    assert_eq!(named.next(), None, "{name} is set twice: {answer:?}");
    cookie.split("; ").skip(1).collect::<Vec<_>>().join("; ").to_lowercase()
}

async fn is_signed_in(server: &Server, browser: &Browser) -> bool {
    browser.get(server, "/login").await.text.contains("You are signed in")
}

on_both_databases! {
    async fn an_address_nobody_has_and_a_wrong_password_get_the_same_answer(server: Server) {
        server.person(EMAIL).await;
        let mut answers = Vec::new();
        for (email, password) in [
            (EMAIL, "wrong horse battery"),
            ("nobody@example.com", PASSWORD),
            ("not an address", ""),
            ("", PASSWORD),
        ] {
            let browser = Browser::new();
            let page = browser.get(server, "/login").await;
            let answer = browser.type_in(server, &page, email, password).await;
            answer.is_page(401, "name=\"password\"");
            assert!(browser.cookie(server, SESSION).is_none(), "{email} is signed in");
            assert!(!answer.text.contains(PASSWORD), "the password is shown");
            answers.push((email, answer));
        }
        let of = |index: usize| without_tokens(&answers[index].1, answers[index].0);
        assert_eq!(of(0), of(1));
        let headers = |index: usize| {
            answers[index].1.headers.keys().map(ToString::to_string).collect::<BTreeSet<_>>()
        };
        assert_eq!(headers(0), headers(1));
    }

    async fn a_password_is_taken_as_a_whole_and_as_it_is_typed(server: Server) {
        server.person(EMAIL).await;
        let long = format!("{PASSWORD}{}", "x".repeat(5000));
        let padded = format!("{PASSWORD}{}", "x".repeat(100));
        let cut = &PASSWORD[..8];
        let upper = PASSWORD.to_uppercase();
        let spaced = format!(" {PASSWORD} ");
        for wrong in [cut, &padded, &long, &upper, &spaced, ""] {
            let browser = Browser::new();
            let page = browser.get(server, "/login").await;
            browser.type_in(server, &page, EMAIL, wrong).await.is_page(401, "not right");
        }
    }

    async fn signing_in_changes_the_session_and_ends_the_old_one(server: Server) {
        server.person(EMAIL).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        let first = browser.cookie(server, SESSION).unwrap();
        let name = browser.cookie(server, BROWSER).unwrap();

        let form = browser.get(server, "/login?request=01900000-0000-7000-8000-000000000000").await;
        browser.type_in(server, &form, EMAIL, PASSWORD).await;
        let second = browser.cookie(server, SESSION).unwrap();

        assert_ne!(first, second);
        let thief = Browser::new();
        thief.plant(server, BROWSER, &name);
        thief.plant(server, SESSION, &first);
        assert!(!is_signed_in(server, &thief).await, "the old session lives");
        thief.plant(server, SESSION, &second);
        assert!(is_signed_in(server, &thief).await, "the test does not plant cookies well");
    }

    async fn a_session_planted_before_sign_in_is_not_adopted(server: Server) {
        server.person(EMAIL).await;
        let planted = "a-session-id-that-the-attacker-chose-beforehand";
        let victim = Browser::new();
        victim.plant(server, SESSION, planted);
        let page = victim.get(server, "/login").await;
        victim.sign_in(server, &page, EMAIL).await.is_page(200, "You are signed in");

        assert_ne!(victim.cookie(server, SESSION).unwrap(), planted);
        let attacker = Browser::new();
        attacker.plant(server, SESSION, planted);
        assert!(!is_signed_in(server, &attacker).await);
    }

    async fn a_form_without_the_pages_own_token_is_refused(server: Server) {
        server.person(EMAIL).await;
        let browser = Browser::new();
        let page = browser.get(server, "/login").await;
        let token = hidden_fields(&page).remove(0).1;
        let elsewhere = Browser::new().get(server, "/login").await;
        let foreign = hidden_fields(&elsewhere).remove(0).1;
        let credentials = [("email", EMAIL), ("password", PASSWORD)];

        for forged in [None, Some(""), Some("AAAA"), Some(&token[1..]), Some(&foreign), Some("%%%")]
        {
            let mut form = credentials.to_vec();
            form.extend(forged.map(|forged| ("csrf", forged)));
            browser.post(server, "/login", &form).await.is_page(403, "could not be accepted");
            assert!(browser.cookie(server, SESSION).is_none(), "signed in with {forged:?}");
        }
        let twice = [credentials[0], credentials[1], ("csrf", &token), ("csrf", &token)];
        browser.post(server, "/login", &twice).await.is_page(403, "could not be accepted");

        // Somebody else's page makes the victim's browser send the form without its cookies.
        let form = [credentials[0], credentials[1], ("csrf", &token)];
        Browser::new().post(server, "/login", &form).await.is_page(403, "accept cookies");
        assert_eq!(browser.post(server, "/login", &form).await.status, 303);
    }

    async fn a_token_from_before_sign_in_is_worth_nothing_afterwards(server: Server) {
        server.person(EMAIL).await;
        let browser = Browser::new();
        let before = browser.get(server, "/login").await;
        browser.sign_in(server, &before, EMAIL).await.is_page(200, "You are signed in");
        browser
            .send(server, "/logout", &hidden_fields(&before))
            .await
            .is_page(403, "not be accepted");
        assert!(is_signed_in(server, &browser).await);
    }

    async fn the_cookies_are_for_the_server_alone(server: Server) {
        server.person(EMAIL).await;
        let browser = Browser::new();
        let page = browser.get(server, "/login").await;
        let answer = browser.type_in(server, &page, EMAIL, PASSWORD).await;

        assert_eq!(set_cookie(&page, BROWSER), "httponly; samesite=lax; path=/");
        let session = set_cookie(&answer, SESSION);
        assert_eq!(session, "httponly; samesite=lax; path=/; max-age=86400");
        let value = browser.cookie(server, SESSION).unwrap();
        assert!(value.len() >= 43, "{value} can be guessed");
        assert!(!answer.header("location").contains(&value));
    }

    async fn the_cookies_of_an_https_server_never_travel_in_the_clear(server: Server)
    with [
        ("AUTHPLANE_SERVER_ISSUER", "https://as.example/tenant"),
        ("AUTHPLANE_SESSION_SECRET", "0123456789abcdef0123456789abcdef"),
        ("AUTHPLANE_SESSION_SAME_SITE", "none"),
        ("AUTHPLANE_SESSION_COOKIE_NAME", "who"),
    ] {
        server.person(EMAIL).await;
        let page = Browser::new().get(server, "/tenant/login").await;
        let cookie = set_cookie(&page, "who_browser");
        assert_eq!(cookie, "httponly; samesite=lax; secure; path=/tenant");

        // Over plain http the browser keeps the cookie to itself, so it gets another.
        let browser = Browser::new();
        browser.plant(server, "who_browser", "a-browser-cookie-that-is-long-enough-to-be-one");
        let page = browser.get(server, "/tenant/login").await;
        let mut form = hidden_fields(&page);
        form.extend(
            [("email", EMAIL), ("password", PASSWORD)]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let answer = browser.send(server, "/tenant/login", &form).await;
        assert_eq!(answer.header("location"), "/tenant/login");
        let cookie = set_cookie(&answer, "who");
        assert_eq!(cookie, "httponly; samesite=none; secure; path=/tenant; max-age=86400");
    }

    async fn signing_out_ends_the_session_for_whoever_has_its_cookie(server: Server) {
        server.person(EMAIL).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        let session = browser.cookie(server, SESSION).unwrap();
        let page = browser.get(server, "/login").await;

        let forged = browser.post(server, "/logout", &[("csrf", "AAAA")]).await;
        forged.is_page(403, "could not be accepted");
        assert_eq!(browser.get(server, "/logout").await.status, 405);
        assert!(is_signed_in(server, &browser).await);

        let answer = browser.send(server, "/logout", &hidden_fields(&page)).await;
        answer.is_page(200, "signed out");
        assert!(set_cookie(&answer, SESSION).contains("max-age=0"));
        assert!(!is_signed_in(server, &browser).await);
        browser.plant(server, SESSION, &session);
        assert!(!is_signed_in(server, &browser).await, "the session lives on the server");
    }

    /// A page of somebody else posts the form: the browser sends no cookie along with it
    /// (`SameSite`), and did it do so, the token would still be of another browser.
    async fn nobody_else_can_sign_a_person_out(server: Server) {
        server.person(EMAIL).await;
        server.person("mallory@example.com").await;
        let browser = Browser::signed_in(server, EMAIL).await;
        let mallory = Browser::signed_in(server, "mallory@example.com").await;
        let hers = hidden_fields(&mallory.get(server, "/login").await);
        let nobodys = hidden_fields(&Browser::new().get(server, "/login").await);
        let own = hidden_fields(&browser.get(server, "/login").await);
        let token = own.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
        let cut = vec![("csrf".to_owned(), token[..token.len() - 1].to_owned())];
        let twice = vec![("csrf".to_owned(), token.clone()), ("csrf".to_owned(), token)];
        for forged in [hers, nobodys, cut, twice, Vec::new()] {
            let answer = browser.send(server, "/logout", &forged).await;
            answer.is_page(403, "could not be accepted");
            assert!(!answer.headers.contains_key("set-cookie"), "{answer:?}");
            assert!(is_signed_in(server, &browser).await, "{forged:?}");
        }
    }

    async fn somebody_who_is_disabled_is_out_and_stays_out(server: Server) {
        let person = server.person(EMAIL).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        server.set_disabled(person.id, true).await;

        assert!(!is_signed_in(server, &browser).await);
        let stranger = Browser::new();
        let page = stranger.get(server, "/login").await;
        let answer = stranger.type_in(server, &page, EMAIL, PASSWORD).await;
        answer.is_page(401, "not right");
        assert!(stranger.cookie(server, SESSION).is_none());
    }

    async fn a_session_ends_by_itself(server: Server)
    with [("AUTHPLANE_SESSION_MAX_AGE", "1h")] {
        server.person(EMAIL).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        let session = browser.cookie(server, SESSION).unwrap();
        server.wait(3599);
        assert!(is_signed_in(server, &browser).await);
        server.wait(1);
        browser.plant(server, SESSION, &session);
        assert!(!is_signed_in(server, &browser).await);
    }

    async fn somebody_else_can_take_over_at_the_consent_page(server: Server) {
        let scene = Scene::set(server).await;
        let grace = server.person("grace@example.com").await;
        let browser = Browser::signed_in(server, EMAIL).await;
        let page = browser.visit(server, &scene.path(&[])).await;
        assert!(page.words().contains(EMAIL), "{}", page.words());
        let old = browser.cookie(server, SESSION).unwrap();

        let answer = browser.send(server, "/logout", &hidden_fields(&page)).await;
        answer.asks_to_sign_in();
        let page = browser.follow(server, answer).await;
        let page = browser.sign_in(server, &page, "grace@example.com").await;
        assert!(page.words().contains("grace@example.com"), "{}", page.words());
        let back = browser.decide(server, &page, "approve").await.location();

        let tokens = scene.redeem(server, &back).await;
        let claims = crate::kit::client::claims(&tokens.member("access_token"));
        assert_eq!(claims["sub"], grace.id.to_string());
        browser.plant(server, SESSION, &old);
        assert!(!is_signed_in(server, &browser).await, "the first person is still signed in");
    }

    async fn a_reference_that_is_none_leads_nowhere_else(server: Server) {
        server.person(EMAIL).await;
        for reference in ["https://evil.example/", "//evil.example", "x", "", "%00", "a&request=b"]
        {
            let browser = Browser::new();
            let page = browser.get(server, &format!("/login?request={reference}")).await;
            page.is_page(200, "name=\"password\"");
            assert!(!page.text.contains("evil"), "{}", page.text);
            let mut form = hidden_fields(&page);
            form.retain(|(name, _)| name != "request");
            form.push(("request".to_owned(), reference.to_owned()));
            form.push(("email".to_owned(), EMAIL.to_owned()));
            form.push(("password".to_owned(), PASSWORD.to_owned()));
            let answer = browser.send(server, "/login", &form).await;
            if answer.status == 303 {
                assert_eq!(answer.header("location"), "/login");
            } else {
                answer.is_page(403, "could not be accepted");
            }
            let page = browser.get(server, &format!("/consent?request={reference}")).await;
            page.is_page(400, "no longer open");
        }
    }

    async fn the_log_knows_who_signed_in_and_not_with_what(server: Server) {
        server.person(EMAIL).await;
        let browser = Browser::new();
        let page = browser.get(server, "/login").await;
        let page = browser.type_in(server, &page, EMAIL, "wrong horse battery").await;
        browser.sign_in(server, &page, EMAIL).await.is_page(200, "You are signed in");

        server.until_audited("user.login_failed", &[], 1).await;
        let log = server.audit().await;
        let of = |action: &str| log.iter().filter(|line| line.starts_with(action)).count();
        assert_eq!(of("user.login_failed "), 1, "{log:#?}");
        assert_eq!(of("user.login "), 1, "{log:#?}");
        let logins = || log.iter().filter(|line| line.starts_with("user.login"));
        assert!(logins().all(|line| !line.contains('@') && !line.contains("horse")), "{log:#?}");
        let session = browser.cookie(server, SESSION).unwrap();
        assert!(log.iter().all(|line| !line.contains(&session)));
    }

    async fn signing_in_for_an_app_leads_to_the_question_and_names_the_app_before(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::new();
        let page = browser.visit(server, &scene.path(&[])).await;
        assert!(page.words().contains("calling itself “An app” sent you here"), "{}", page.words());
        let page = browser.type_in(server, &page, EMAIL, "wrong horse battery").await;
        assert!(page.words().contains("calling itself “An app” sent you here"), "{}", page.words());

        let page = browser.sign_in(server, &page, EMAIL).await;
        page.is_page(200, "name=\"decision\"");
        let back = browser.decide(server, &page, "approve").await.location();
        assert!(param(&back, "code").is_some());
    }

    async fn the_sign_in_page_tells_another_browser_nothing_about_a_request(server: Server) {
        let scene = Scene::set(server).await;
        let answer = Browser::new().get(server, &scene.path(&[("login_hint", EMAIL)])).await;
        let page = Browser::new().get(server, answer.header("location")).await;
        page.is_page(200, "name=\"password\"");
        assert!(!page.text.contains("An app") && !page.text.contains(EMAIL), "{}", page.text);
    }
}
