//! Who cannot answer, and with what.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;

use super::{APPROVED, Exchange, NOT_GOOD, QUESTION};
use crate::kit::behind::refuse_rows;
use crate::kit::browser::hidden_fields;
use crate::kit::scene::EMAIL;
use crate::kit::{Backend, Browser, Server, on_both_databases};

const SESSION: &str = "authserver_session";
const BROWSER: &str = "authserver_session_browser";
const NOT_OWN: &str = "could not be accepted";
const OTHER: &str = "for another account";

on_both_databases! {
    async fn somebody_else_learns_nothing_and_may_sign_in_as_the_right_one(server: Server) {
        let exchange = Exchange::set(server).await;
        server.person("eve@example.com").await;
        let eve = Browser::signed_in(server, "eve@example.com").await;
        let path = exchange.path(server, "list");

        let page = eve.get(server, &path).await;
        page.is_page(403, OTHER);
        for secret in [EMAIL, "Ada", "An app", "files", "What list means"] {
            assert!(!page.text.contains(secret), "{secret} in\n{}", page.text);
        }
        let mut form = hidden_fields(&page);
        form.push(("scope".to_owned(), "list".to_owned()));
        form.push(("decision".to_owned(), "approve".to_owned()));
        eve.send(server, "/agreement", &form).await.is_page(403, OTHER);
        assert!(exchange.agreed(server).await.is_empty());
        assert_eq!(server.audited("consent.denied", &[]).await, 0);

        let login = eve.send(server, "/logout", &hidden_fields(&page)).await;
        let login = eve.follow(server, login).await;
        let page = eve.sign_in(server, &login, EMAIL).await;
        page.is_page(200, QUESTION);
        eve.decide(server, &page, "approve").await.is_page(200, APPROVED);
        assert_eq!(exchange.agreed(server).await, ["list"]);
    }

    async fn a_link_is_good_for_ten_minutes_and_no_longer(server: Server) {
        let exchange = Exchange::set(server).await;
        let path = exchange.path(server, "list");
        let (browser, page) = exchange.asked(server, "list").await;
        server.wait(599);
        browser.get(server, &path).await.is_page(200, QUESTION);
        let login = Browser::new().visit(server, &path).await;
        server.wait(1);
        let late = browser.get(server, &path).await;
        late.is_page(400, NOT_GOOD);
        assert!(late.words().contains("Go back to the application and try again"));
        browser.decide(server, &page, "approve").await.is_page(400, NOT_GOOD);
        // Whoever took too long to sign in hears it after that.
        let visitor = Browser::new();
        let fresh = visitor.visit(server, &path).await;
        fresh.is_page(400, NOT_GOOD);
        let slow = Browser::new();
        let page = slow.get(server, "/login").await;
        let mut form = hidden_fields(&page);
        form.extend(hidden_fields(&login).into_iter().filter(|(name, _)| name == "ticket"));
        form.push(("email".to_owned(), EMAIL.to_owned()));
        form.push(("password".to_owned(), crate::kit::server::PASSWORD.to_owned()));
        let answer = slow.send(server, "/login", &form).await;
        slow.follow(server, answer).await.is_page(400, NOT_GOOD);
        assert!(exchange.agreed(server).await.is_empty());
    }

    async fn an_altered_or_made_up_ticket_is_good_for_nothing(server: Server) {
        let exchange = Exchange::set(server).await;
        let path = exchange.path(server, "list");
        let ticket = path.split_once("ticket=").unwrap().1.to_owned();
        let (browser, page) = exchange.asked(server, "list").await;
        let more = {
            let mut bytes = URL_SAFE_NO_PAD.decode(&ticket).unwrap();
            let at = bytes.len() - 32;
            bytes.splice(at..at, b" put".iter().copied());
            URL_SAFE_NO_PAD.encode(bytes)
        };
        let halves = ticket.split_at(ticket.len() / 2);
        let forged = [
            more,
            format!("{}A{}", halves.0, &halves.1[1..]),
            halves.0.to_owned(),
            format!("{ticket}AAAA"),
            format!("{ticket}=="),
            String::new(),
            "x".repeat(9000),
            "%00".to_owned(),
            exchange.files.to_string(),
        ];
        for forged in forged {
            let path = format!("/agreement?ticket={forged}");
            browser.get(server, &path).await.is_page(400, NOT_GOOD);
            Browser::new().get(server, &path).await.is_page(400, NOT_GOOD);
            let mut form = hidden_fields(&page);
            form.retain(|(name, _)| name != "ticket");
            for (name, value) in [("ticket", forged.as_str()), ("scope", "put"), ("decision", "approve")] {
                form.push((name.to_owned(), value.to_owned()));
            }
            browser.send(server, "/agreement", &form).await.is_page(403, NOT_OWN);
        }
        for path in ["/agreement", "/agreement?request=01900000-0000-7000-8000-000000000000"] {
            browser.get(server, path).await.is_page(400, NOT_GOOD);
        }
        let twice = format!("{path}&ticket={ticket}");
        browser.get(server, &twice).await.is_page(400, NOT_GOOD);
        assert!(exchange.agreed(server).await.is_empty());
    }

    /// The one database, another root secret.
    async fn a_ticket_of_another_installation_is_good_for_nothing(server: Server) {
        let exchange = Exchange::set(server).await;
        let stranger = Server::start(Backend::Sqlite).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        let theirs = exchange.path(&stranger, "list");
        browser.get(server, &theirs).await.is_page(400, NOT_GOOD);
        let ours = exchange.path(server, "list");
        browser.get(server, &ours).await.is_page(200, QUESTION);
        stranger.stop().await;
    }

    async fn only_a_form_that_was_shown_to_this_browser_decides(server: Server) {
        let exchange = Exchange::set(server).await;
        let (browser, page) = exchange.asked(server, "list").await;
        let with = |name: &str, value: &str| {
            let mut form = hidden_fields(&page);
            form.retain(|(field, _)| field != name);
            form.push((name.to_owned(), value.to_owned()));
            form.push(("scope".to_owned(), "list".to_owned()));
            form
        };
        let approving = |mut form: Vec<(String, String)>| {
            form.push(("decision".to_owned(), "approve".to_owned()));
            form
        };
        let forged = [
            approving(with("csrf", "")),
            approving(with("csrf", "AAAA")),
            approving(with("csrf", "not base64!")),
            with("decision", ""),
            with("decision", "Approve"),
            approving(with("decision", "deny")),
            hidden_fields(&page),
            vec![],
        ];
        for form in forged {
            browser.send(server, "/agreement", &form).await.is_page(403, NOT_OWN);
        }
        for scopes in [&["list", "put"][..], &["put"], &["list get"], &["offline_access"]] {
            let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            browser.decide_on(server, &page, "approve", &scopes).await.is_page(403, NOT_OWN);
        }
        // A page elsewhere can make the browser send a form, not read ours.
        let cross_site = Browser::sending(&[("origin", "https://evil.example")]);
        cross_site.decide(server, &page, "approve").await.is_page(403, NOT_OWN);
        let other_browser = Browser::signed_in(server, EMAIL).await;
        other_browser.decide(server, &page, "approve").await.is_page(403, NOT_OWN);
        assert!(exchange.agreed(server).await.is_empty());
        browser.decide(server, &page, "approve").await.is_page(200, APPROVED);
    }

    async fn neither_half_of_the_cookies_decides(server: Server) {
        let exchange = Exchange::set(server).await;
        let (browser, page) = exchange.asked(server, "list").await;
        let thief = Browser::signed_in(server, EMAIL).await;
        thief.plant(server, SESSION, &browser.cookie(server, SESSION).unwrap());
        thief.decide(server, &page, "approve").await.is_page(403, NOT_OWN);
        let nobody = Browser::new();
        nobody.plant(server, BROWSER, &browser.cookie(server, BROWSER).unwrap());
        nobody.decide(server, &page, "approve").await.is_page(403, NOT_OWN);
        assert!(exchange.agreed(server).await.is_empty());
    }

    /// A session that somebody planted before the sign-in is none after it.
    async fn a_session_that_was_fixed_before_the_sign_in_decides_nothing(server: Server) {
        let exchange = Exchange::set(server).await;
        let path = exchange.path(server, "list");
        let victim = Browser::new();
        victim.plant(server, SESSION, "apst_chosen-by-somebody-else-0123456789abcdefgh");
        let login = victim.visit(server, &path).await;
        let before = hidden_fields(&login);
        let page = victim.sign_in(server, &login, EMAIL).await;
        page.is_page(200, QUESTION);
        assert_ne!(
            victim.cookie(server, SESSION).as_deref(),
            Some("apst_chosen-by-somebody-else-0123456789abcdefgh")
        );
        // The form token of before the sign-in is worth nothing after it.
        let mut form = before;
        form.push(("scope".to_owned(), "list".to_owned()));
        form.push(("decision".to_owned(), "approve".to_owned()));
        victim.send(server, "/agreement", &form).await.is_page(403, NOT_OWN);
        assert!(exchange.agreed(server).await.is_empty());
    }

    async fn who_signed_out_or_was_disabled_meanwhile_decides_nothing(server: Server) {
        let exchange = Exchange::set(server).await;
        let (browser, page) = exchange.asked(server, "list").await;
        server.set_disabled(exchange.scene.person, true).await;
        let answer = browser.decide(server, &page, "approve").await;
        assert!(answer.header("location").starts_with("/login?ticket="), "{answer:?}");
        server.set_disabled(exchange.scene.person, false).await;

        let (browser, page) = exchange.asked(server, "list").await;
        let second_tab = browser.get(server, "/login").await;
        browser.send(server, "/logout", &hidden_fields(&second_tab)).await;
        let answer = browser.decide(server, &page, "approve").await;
        answer.is_page(403, NOT_OWN);
        assert!(exchange.agreed(server).await.is_empty());
    }

    async fn a_sign_in_leads_back_to_tickets_of_ours_and_nowhere_else(server: Server) {
        let exchange = Exchange::set(server).await;
        let path = exchange.path(server, "list");
        let ticket = path.split_once("ticket=").unwrap().1;
        let lures = [
            "https://evil.example/", "//evil.example", "/../evil", "x%26request=1", "x%0d%0aLocation:y",
        ];
        for lure in lures {
            let browser = Browser::new();
            let login = browser.get(server, &format!("/login?ticket={lure}")).await;
            assert!(!login.text.contains("name=\"ticket\""), "{}", login.text);
            let mut form = hidden_fields(&login);
            for (name, value) in [
                ("ticket", lure), ("email", EMAIL), ("password", crate::kit::server::PASSWORD),
            ] {
                form.push((name.to_owned(), value.to_owned()));
            }
            let answer = browser.send(server, "/login", &form).await;
            assert_eq!((answer.status, answer.header("location")), (303, "/login"), "{lure}");
        }
        let browser = Browser::signed_in(server, EMAIL).await;
        let answer = browser.get(server, &format!("/login?ticket={ticket}")).await;
        assert_eq!(answer.header("location"), path);
    }

    async fn the_page_is_shown_and_answered_and_nothing_else(server: Server) {
        let exchange = Exchange::set(server).await;
        let address = server.url(&exchange.path(server, "list"));
        let http = reqwest::Client::new();
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD, Method::OPTIONS] {
            let answer = http.request(method, &address).send().await.unwrap();
            assert_eq!(answer.status(), 405);
            assert_eq!(answer.headers()["allow"], "GET, POST");
        }
    }

    /// Anybody may exchange in vain as often as they like.
    async fn a_link_costs_no_row(server: Server) {
        let exchange = Exchange::set(server).await;
        for table in ["authorization_requests", "consent_grants", "audit_events"] {
            refuse_rows(&server.services.store, table).await;
        }
        let browser = Browser::new();
        let login = browser.visit(server, &exchange.path(server, "list get put")).await;
        login.is_page(200, "name=\"password\"");
        assert!(hidden_fields(&login).iter().any(|(name, _)| name == "ticket"));
    }
}
