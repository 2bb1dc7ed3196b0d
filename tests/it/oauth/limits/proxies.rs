//! Whose address it is, and who may say so.

use serde_json::json;

use crate::kit::browser::param;
use crate::kit::client::claims;
use crate::kit::scene::{EMAIL, REDIRECT, RESOURCE};
use crate::kit::server::{ISSUER, PASSWORD};
use crate::kit::{Answer, Backend, Browser, Scene, Server, on_both_databases};

const FROM_PROXIES: (&str, &str) =
    ("AUTHPLANE_SERVER_TRUSTED_PROXIES", "127.0.0.0/8,10.0.0.0/8,fd00::/8");

/// Registers an app with these headers; the address the audit log has for it.
async fn noted(server: &Server, headers: &[(&str, &str)]) -> String {
    let document = json!({ "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none" });
    let mut request = reqwest::Client::new().post(server.url("/oauth/register")).json(&document);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let id = answer.member("client_id");
    let events = server
        .services
        .store
        .read(|db| async move { entities::audit_event::newest(&db, 1000).await });
    let events = events.await.unwrap();
    let event = events.into_iter().find(|event| event.client_id.as_ref() == Some(&id));
    event.unwrap().ip.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_word_of_a_trusted_proxy_counts_in_the_audit_log_and_in_the_limits() {
    let settings =
        [FROM_PROXIES, ("AUTHPLANE_RATE_LIMIT_RPS", "1"), ("AUTHPLANE_RATE_LIMIT_BURST", "30")];
    let server = Server::start_with(Backend::Sqlite, &settings).await;
    for (headers, address) in [
        (&[("x-forwarded-for", "203.0.113.7")] as &[(&str, &str)], "203.0.113.7"),
        (&[("x-forwarded-for", "6.6.6.6, 203.0.113.7, 10.1.1.1")], "203.0.113.7"),
        (&[("x-forwarded-for", "203.0.113.7"), ("x-forwarded-for", "10.1.1.1")], "203.0.113.7"),
        (&[("forwarded", "for=\"[2001:db8::7]:4711\";proto=https")], "2001:db8::7"),
        (&[("forwarded", "for=unknown")], "127.0.0.1"),
        (&[("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "203.0.113.7")], "127.0.0.1"),
        (&[("x_forwarded_for", "203.0.113.7"), ("x-real-ip", "203.0.113.7")], "127.0.0.1"),
        (&[], "127.0.0.1"),
    ] {
        assert_eq!(noted(&server, headers).await, address, "{headers:?}");
    }

    let http = reqwest::Client::new();
    let login = async |client: &str| {
        let request = http.get(server.url("/login")).header("x-forwarded-for", client);
        request.send().await.unwrap().status()
    };
    // One IPv6 network is one client, whatever address in it is used.
    let mut refused = 0;
    for host in 0..60 {
        refused += usize::from(login(&format!("2001:db8:1:1::{host:x}")).await == 429);
    }
    assert!((20..=30).contains(&refused), "{refused}");
    assert_eq!(login("2001:db8:1:2::1").await, 200, "the neighbours are not affected");
    assert_eq!(login("2001:db8:1:1::1, 198.51.100.9").await, 200, "another client");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_of_somebody_who_is_no_proxy_change_nothing() {
    let settings = [
        ("AUTHPLANE_SERVER_TRUSTED_PROXIES", "10.0.0.0/8"),
        ("AUTHPLANE_RATE_LIMIT_RPS", "1"),
        ("AUTHPLANE_RATE_LIMIT_BURST", "10"),
    ];
    let server = Server::start_with(Backend::Sqlite, &settings).await;
    for header in ["x-forwarded-for", "forwarded", "x-real-ip", "x-client-ip", "cf-connecting-ip"] {
        let value = if header == "forwarded" { "for=6.6.6.6" } else { "6.6.6.6" };
        assert_eq!(noted(&server, &[(header, value)]).await, "127.0.0.1", "{header}");
    }
    let mut refused = 0;
    for host in 0..30 {
        let request = reqwest::Client::new().get(server.url("/login"));
        let request = request.header("x-forwarded-for", format!("198.51.100.{host}"));
        refused += usize::from(request.send().await.unwrap().status() == 429);
    }
    assert!(refused >= 20, "{refused}");
    server.stop().await;
}

/// Not even a trusted proxy says what the server is called, or over what it was reached.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_header_of_a_trusted_proxy_changes_the_issuer() {
    let server = Server::start_with(Backend::Sqlite, &[FROM_PROXIES]).await;
    let request = reqwest::Client::new()
        .get(server.url("/.well-known/oauth-authorization-server"))
        .header("forwarded", "for=203.0.113.7;host=evil.example;proto=https")
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-proto", "https")
        .header("host", "evil.example");
    let metadata = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(metadata.member("issuer"), ISSUER);
    assert!(!metadata.text.contains("evil"), "{metadata:?}");
    server.stop().await;
}

/// What says, in every way there is, that the server is somewhere else.
const ELSEWHERE: [(&str, &str); 17] = [
    ("host", "evil.example"),
    ("forwarded", "for=203.0.113.7;host=evil.example;proto=https;by=evil.example"),
    ("x-forwarded-for", "203.0.113.7"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-server", "evil.example"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-scheme", "https"),
    ("x-forwarded-ssl", "on"),
    ("x-forwarded-port", "666"),
    ("x-forwarded-prefix", "/evil"),
    ("x-forwarded-path", "/evil"),
    ("x-original-url", "/evil"),
    ("x-rewrite-url", "/evil"),
    ("x-original-host", "evil.example"),
    ("x_forwarded_host", "evil.example"),
    ("x_forwarded_proto", "https"),
    ("x-host", "evil.example"),
];

/// What an answer says, without what is random in it.
fn said(answer: &Answer) -> String {
    let cookies = answer.headers.get_all("set-cookie").iter().map(|cookie| {
        let (pair, attributes) = cookie.to_str().unwrap().split_once(';').unwrap();
        format!("{}{attributes}", pair.split('=').next().unwrap())
    });
    let cookies: Vec<String> = cookies.collect();
    let (location, _) = answer.header("location").split_once('?').unwrap_or_default();
    format!("{} {location} {} {cookies:?}", answer.status, answer.header("www-authenticate"))
}

/// Every answer on the way of one authorization, and of what goes wrong on it.
async fn told(server: &Server, scene: &Scene, headers: &[(&'static str, &str)]) -> Vec<Answer> {
    let browser = Browser::sending(headers);
    let wrong = browser.get(server, &scene.path(&[("response_type", "token")])).await;
    assert_eq!(param(&wrong.location(), "iss").as_deref(), Some(ISSUER));
    let sent = browser.get(server, &scene.path(&[("scope", "read write")])).await;
    assert!(sent.header("location").starts_with("/login?request="), "{sent:?}");
    let login = browser.get(server, sent.header("location")).await;
    let typed = browser.type_in(server, &login, EMAIL, PASSWORD).await;
    assert!(typed.header("location").starts_with("/consent?request="), "{typed:?}");
    let question = browser.get(server, typed.header("location")).await;
    let decided = browser.decide(server, &question, "approve").await;
    let back = decided.location();
    assert_eq!(param(&back, "iss").as_deref(), Some(ISSUER));
    let code = param(&back, "code").unwrap();
    let redeem = [
        ("grant_type", "authorization_code"),
        ("client_id", &scene.app.id),
        ("code", &code),
        ("redirect_uri", &scene.redirect_uri),
        ("code_verifier", &scene.pkce.verifier),
    ];
    let tokens = browser.post(server, "/oauth/token", &redeem).await;
    let access = claims(&tokens.member("access_token"));
    assert_eq!(access["iss"], ISSUER);
    assert_eq!(access["aud"], json!([RESOURCE]));
    let denied =
        browser.post(server, "/oauth/token", &[("grant_type", "client_credentials")]).await;
    assert!(denied.header("www-authenticate").starts_with("Basic realm="), "{denied:?}");
    let mut answers = vec![wrong, sent, login, typed, question, decided, tokens, denied];
    for path in
        ["/nowhere", "/consent", "/oauth/token", "/.well-known/oauth-protected-resource/mcp"]
    {
        answers.push(browser.get(server, path).await);
    }
    answers
}

on_both_databases! {
    /// Where a browser is sent, what a cookie is good for and who issued a token is not for a
    /// header to say, be it a proxy's that is trusted with addresses.
    async fn no_header_says_where_the_server_is(backend: Backend) {
        for settings in [[FROM_PROXIES].as_slice(), &[]] {
            let server = Server::start_with(backend, settings).await;
            let scene = Scene::set(&server).await;
            let plain = told(&server, &scene, &[]).await;
            // Who agreed before is not asked again.
            server.execute("DELETE FROM consent_grants").await;
            let forged = told(&server, &scene, &ELSEWHERE).await;
            for (plain, forged) in plain.iter().zip(&forged) {
                assert_eq!(said(forged), said(plain));
                let whole = format!("{forged:?}");
                for trace in ["evil", ":666", "Domain=", "Secure", "203.0.113.7"] {
                    assert!(!whole.contains(trace), "{trace}: {whole}");
                }
            }
            server.stop().await;
        }
    }
}
