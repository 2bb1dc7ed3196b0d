//! The front door itself: what browsers, proxies and rude clients do to it.

use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::kit::browser::{hidden_fields, param};
use crate::kit::scene::{EMAIL, REDIRECT, RESOURCE, public_app, register};
use crate::kit::server::{ADMIN_KEY, ISSUER, PASSWORD};
use crate::kit::stage::machine;
use crate::kit::{Answer, Browser, Pkce, Scene, Server, TokenClient, on_both_databases};

/// Where a browser lets the forms of a page end.
fn form_action(page: &Answer) -> &str {
    let policy = page.header("content-security-policy");
    let directive = policy.split("; ").find(|it| it.starts_with("form-action "));
    directive.unwrap_or_else(|| panic!("no form-action: {page:?}"))
}

/// How many authorization requests are kept.
async fn kept_requests(server: &Server) -> u64 {
    server.execute("UPDATE authorization_requests SET id = id").await
}

/// A form as a page of another site sends it: the browser keeps its cookies back.
async fn from_another_site(server: &Server, form: &[(&str, &str)]) -> Answer {
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let request = http.build().unwrap().post(server.url("/oauth/authorize"));
    let request = request.header("origin", "https://app.example").form(form);
    Answer::of(request.send().await.unwrap()).await
}

on_both_databases! {
    /// Browsers hold `form-action` against the redirects after a form: who agreed before is
    /// sent from the sign-in form to the consent page and on to the client.
    async fn the_sign_in_form_may_end_at_the_client(server: Server) {
        let scene = Scene::set(server).await;
        let anywhere = "form-action 'self'";
        let at_the_client = "form-action 'self' https://app.example";
        let browser = Browser::new();
        assert_eq!(form_action(&browser.get(server, "/login").await), anywhere);

        let page = browser.visit(server, &scene.path(&[])).await;
        assert_eq!(form_action(&page), at_the_client);
        let again = browser.type_in(server, &page, EMAIL, "wrong").await;
        assert_eq!((again.status, form_action(&again)), (401, at_the_client));

        let consent = browser.sign_in(server, &again, EMAIL).await;
        let fields = hidden_fields(&consent);
        let signed_out = browser.send(server, "/logout", &fields).await;
        let page = browser.follow(server, signed_out).await;
        assert_eq!(form_action(&page), at_the_client);
        assert!(page.text.contains("name=\"password\""), "{page:?}");

        let stranger = Browser::new().get(server, &format!("/login?request={}", fields[1].1)).await;
        assert_eq!(form_action(&stranger), anywhere, "another browser's request");
    }

    async fn the_sign_in_page_says_who_asks_and_expects_whom_the_client_expects(server: Server) {
        let scene = Scene::set(server).await;
        let page = Browser::new().visit(server, &scene.path(&[("login_hint", EMAIL)])).await;
        assert!(page.words().contains("calling itself “An app”"), "{}", page.words());
        assert!(page.text.contains(&format!("value=\"{EMAIL}\"")), "{page:?}");
    }

    async fn who_is_signed_in_already_goes_on_to_the_question(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::new();
        let login = browser.get(server, &scene.path(&[])).await.header("location").to_owned();
        let page = browser.get(server, "/login").await;
        browser.sign_in(server, &page, EMAIL).await.is_page(200, "You are signed in");

        browser.get(server, &login).await.asks_for_consent();

        server.wait(1);
        let path = scene.path(&[("prompt", "login")]);
        let login = browser.get(server, &path).await.header("location").to_owned();
        browser.get(server, &login).await.is_page(200, "name=\"password\"");
    }

    async fn a_reference_that_is_none_gets_a_page(server: Server) {
        let browser = Browser::new();
        for query in ["request=abc", "request=", "request=a&request=b", "request=%zz"] {
            let answer = browser.get(server, &format!("/login?{query}")).await;
            answer.is_page(200, "name=\"password\"");
            let answer = browser.get(server, &format!("/consent?{query}")).await;
            answer.is_page(400, "no longer open");
        }
    }

    async fn as_many_scopes_as_a_request_can_have_can_be_agreed_to(server: Server) {
        let scopes: Vec<String> = (0..256).map(|n| format!("scope-{n}*")).collect();
        let names: Vec<&str> = scopes.iter().map(String::as_str).collect();
        server.resource("mcp", RESOURCE, &names).await;
        server.resource("files", "https://files.example/mcp", &["list*"]).await;
        server.person(EMAIL).await;
        let scene = Scene {
            app: public_app(server, &[REDIRECT]).await,
            person: Default::default(),
            pkce: Pkce::new("many"),
            redirect_uri: REDIRECT.to_owned(),
        };
        let more = [("resource", RESOURCE), ("resource", "https://files.example/mcp")];

        let tokens = scene.tokens(server, &Browser::new(), &more).await;

        assert_eq!(tokens.member("scope").split(' ').count(), 257);
    }

    /// PostgreSQL keeps no text with U+0000; it must not get that far.
    async fn no_nul_reaches_the_database(server: Server) {
        Scene::set(server).await;
        for id in ["%00", "a%00b"] {
            let client = TokenClient::new(id, Some("secret"));
            let answer = client.token(server, &[("grant_type", "client_credentials")]).await;
            answer.refused(401, "invalid_client");
        }
        for jwks in [
            json!({ "keys": [{ "kty": "EC", "kid": "a\u{0}" }] }),
            json!({ "keys": [{ "kty": "EC", "a\u{0}": [] }] }),
        ] {
            let document = json!({ "redirect_uris": [REDIRECT], "jwks": jwks });
            register(server, &document).await.refused(400, "invalid_client_metadata");
        }
        let named = json!({ "redirect_uris": [REDIRECT], "client_name": "a\u{0}b", "contacts": ["\u{0}c"] });
        assert_eq!(register(server, &named).await.member("client_name"), "ab");
        for path in ["/login?request=%00", "/.well-known/oauth-protected-resource/%00"] {
            assert!(server.get(path).await.status < 500, "{path}");
        }
    }

    /// Fifty megabytes in fifty kilobytes: nothing is unpacked that has not been asked for.
    async fn a_packed_body_is_not_unpacked(server: Server) {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        for part in [b"grant_type=client_credentials&client_name=".as_slice(), &[b'x'; 50 << 20]] {
            std::io::Write::write_all(&mut packer, part).unwrap();
        }
        let bomb = packer.finish().unwrap();
        assert!(bomb.len() < 60_000, "{}", bomb.len());
        let form = "application/x-www-form-urlencoded";
        let json = "application/json";
        let public = |path: &str| server.url(path);
        for (url, media_type) in [
            (public("/oauth/token"), form),
            (public("/oauth/revoke"), form),
            (public("/oauth/authorize"), form),
            (public("/oauth/register"), json),
            (public("/consent"), form),
            (public("/login"), form),
            (server.admin_url("/admin/clients"), json),
        ] {
            for encoding in ["gzip", "x-gzip", "deflate", "gzip, gzip"] {
                let send = async || {
                    let request = reqwest::Client::new().post(&url).body(bomb.clone());
                    let request = request.header("content-type", media_type);
                    let request = request.header("content-encoding", encoding);
                    let begun = Instant::now();
                    let answer = request.bearer_auth(ADMIN_KEY).send().await.unwrap();
                    let answer = Answer::of(answer).await;
                    assert!((400..500).contains(&answer.status), "{url} {encoding}: {answer:?}");
                    begun.elapsed()
                };
                // Once of three times: the machine may be busy with something else.
                let took = [send().await, send().await, send().await];
                assert!(took.iter().any(|it| it.as_millis() < 1000), "{url} {encoding}: {took:?}");
            }
        }
        let asks = reqwest::Client::new().post(server.url("/oauth/introspect"));
        let asks = asks.header("content-type", form).header("content-encoding", "gzip").body(bomb);
        let answer = Answer::of(asks.send().await.unwrap()).await;
        assert_eq!(answer.json(), json!({ "active": false }));
    }

    async fn a_body_that_does_not_come_is_not_waited_for(server: Server)
    with [("AUTHPLANE_SERVER_READ_TIMEOUT", "1s")] {
        for (path, media_type) in
            [("/oauth/token", "application/x-www-form-urlencoded"), ("/oauth/register", "application/json")]
        {
            let mut connection = TcpStream::connect(server.address).await.unwrap();
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {media_type}\r\ncontent-length: 99\r\n\r\n{{"
            );
            connection.write_all(head.as_bytes()).await.unwrap();
            let mut answer = [0; 4096];
            let read = tokio::time::timeout(Duration::from_secs(5), connection.read(&mut answer));
            let length = read.await.expect("an answer in time").unwrap();
            let answer = String::from_utf8_lossy(&answer[..length]);
            assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
        }
    }

    /// The browser's name is what ties a person to what they have open here.
    async fn a_form_from_another_site_does_not_rename_the_browser(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        let request = scene.request(&[]);

        let answer = from_another_site(server, &request.params()).await;

        assert_eq!(answer.status, 303, "{answer:?}");
        assert!(!answer.headers.contains_key("set-cookie"), "{answer:?}");
        browser.get(server, answer.header("location")).await.asks_for_consent();

        // A program that is no browser has no cookies to lose.
        let answer = Browser::new().post(server, "/oauth/authorize", &request.params()).await;
        answer.asks_to_sign_in();
    }

    /// A popup finds the window that opened it only if no answer on the way cuts them apart.
    async fn a_popup_keeps_its_opener(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::new();
        let opener_policy = "cross-origin-opener-policy";
        let sent = browser.get(server, &scene.path(&[])).await;
        let login = browser.follow(server, Answer { status: 303, ..sent }).await;
        let typed = browser.type_in(server, &login, EMAIL, crate::kit::server::PASSWORD).await;
        let consent = browser.get(server, typed.header("location")).await;
        let left = browser.decide(server, &consent, "approve").await;
        for answer in [&login, &typed, &consent, &left] {
            assert!(!answer.headers.contains_key(opener_policy), "{answer:?}");
        }
        assert_eq!(server.get("/livez").await.header(opener_policy), "same-origin");
    }

    /// RFC 6749 §4.1.2.1: the client hears of it too, and can try again.
    async fn a_failure_of_ours_goes_to_the_client_as_an_error(server: Server) {
        let scene = Scene::set(server).await;
        server.execute("ALTER TABLE authorization_requests RENAME TO elsewhere").await;

        let location = Browser::new().get(server, &scene.path(&[])).await.location();

        assert!(location.as_str().starts_with(REDIRECT), "{location}");
        assert_eq!(param(&location, "error").as_deref(), Some("server_error"));
        assert_eq!(param(&location, "state").as_deref(), Some("some state"));
        assert_eq!(param(&location, "iss").as_deref(), Some(ISSUER));
        assert!(param(&location, "error_description").is_some());
        let metrics = server.admin_get("/metrics").await;
        let denied = "authserver_auth_denied_total{reason=\"server_error\"}";
        assert!(!metrics.text.contains(denied), "a fault of ours is no denial");
        server.execute("ALTER TABLE elsewhere RENAME TO authorization_requests").await;
    }

    async fn a_request_that_may_show_nothing_is_kept_only_to_be_granted(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        let silent = scene.path(&[("prompt", "none")]);
        for (browser, error) in [(&Browser::new(), "login_required"), (&browser, "consent_required")] {
            let location = browser.get(server, &silent).await.location();
            assert_eq!(param(&location, "error").as_deref(), Some(error));
        }
        assert_eq!(kept_requests(server).await, 0);

        scene.tokens(server, &browser, &[]).await;
        let location = browser.get(server, &silent).await.location();
        scene.redeem(server, &location).await;
    }

    /// RFC 9728 §3.1: the path and query of the resource, as they are.
    async fn a_resource_is_found_by_its_path_as_it_is_written(server: Server) {
        let prefix = "/.well-known/oauth-protected-resource";
        for (slug, tail) in [("one", "/a%20b/mcp"), ("two", "/mcp?tenant=a%2Fb"), ("three", "/mcp")] {
            let uri = format!("https://mcp.example{tail}");
            server.resource(slug, &uri, &["read"]).await;
            let answer = server.get(&format!("{prefix}{tail}")).await;
            assert_eq!((answer.status, answer.member("resource")), (200, uri), "{tail}");
        }
        let answer = server.get(&format!("{prefix}/mcp?nocache=1")).await;
        assert_eq!(answer.member("resource"), "https://mcp.example/mcp");
    }

    async fn a_script_can_read_that_a_document_is_not_here(server: Server) {
        for path in ["/.well-known/oauth-authorization-server/mcp", "/.well-known/x/y", "/.well-known/"] {
            let answer = server.get(path).await;
            assert_eq!(answer.status, 404, "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
            assert_eq!(answer.member("error"), "not_found");
        }
    }

    async fn a_spent_budget_says_when_to_come_back(server: Server)
    with [("AUTHPLANE_DCR_RATE_LIMIT_BURST", "1")] {
        let document = json!({ "redirect_uris": [REDIRECT] });
        assert_eq!(register(server, &document).await.status, 201);
        let refused = register(server, &document).await;
        refused.refused(429, "slow_down");
        assert_eq!(refused.header("retry-after"), "60");
    }

    /// Other applications of the same host have cookies too, in whatever encoding.
    async fn a_foreign_cookie_does_not_hide_ours(server: Server) {
        server.person(EMAIL).await;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let http = http.build().unwrap();
        let page = Answer::of(http.get(server.url("/login")).send().await.unwrap()).await;
        let (ours, _) = page.header("set-cookie").split_once(';').unwrap();
        let cookies = [b"foreign=caf\xe9; ", ours.as_bytes()].concat();
        let mut form = hidden_fields(&page);
        form.push(("email".to_owned(), EMAIL.to_owned()));
        form.push(("password".to_owned(), PASSWORD.to_owned()));

        let request = http.post(server.url("/login")).header("cookie", cookies).form(&form);
        let answer = Answer::of(request.send().await.unwrap()).await;

        assert_eq!(answer.status, 303, "{answer:?}");
    }

    async fn two_authorization_headers_are_no_credentials(server: Server) {
        let machine = server.client(machine("tools")).await;
        let secret = machine.secret.as_ref().unwrap().expose();
        let request = reqwest::Client::new().post(server.url("/oauth/token"));
        let request = request.basic_auth(&machine.client.id, Some(secret));
        let request = request.header("authorization", "Basic bm9ib2R5OnNlY3JldA==");
        let request = request.form(&[("grant_type", "client_credentials"), ("scope", "tools")]);
        Answer::of(request.send().await.unwrap()).await.refused(401, "invalid_client");
    }

    /// Resource servers in use take an error for "let it pass".
    async fn a_token_that_cannot_be_read_is_not_active(server: Server) {
        let machine = TokenClient::of(&server.client(machine("tools")).await);
        for token in ["x".repeat(17 * 1024), "a\u{0}b".to_owned()] {
            assert!(!machine.sees_active(server, &token).await);
        }
    }
}
