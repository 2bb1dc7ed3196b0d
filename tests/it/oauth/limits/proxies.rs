//! Whose address it is, and who may say so.

use serde_json::json;

use crate::kit::scene::REDIRECT;
use crate::kit::server::ISSUER;
use crate::kit::{Answer, Backend, Server};

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
