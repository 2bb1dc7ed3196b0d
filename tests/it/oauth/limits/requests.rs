//! How often one address may ask, and how much it may say.

use crate::kit::stage::machine;
use crate::kit::{Answer, Backend, Browser, Server, TokenClient, on_both_databases};

/// As good as no refill: what is left after the burst is a matter of counting.
const SLOW: (&str, &str) = ("AUTHPLANE_RATE_LIMIT_RPS", "1");
const BURST: (&str, &str) = ("AUTHPLANE_RATE_LIMIT_BURST", "5");

async fn server(settings: &[(&str, &str)]) -> Server {
    Server::start_with(Backend::Sqlite, settings).await
}

/// How many of `count` requests for the sign-in page are answered with 200.
async fn pages(server: &Server, count: usize) -> usize {
    let mut shown = 0;
    for _ in 0..count {
        shown += usize::from(Browser::new().get(server, "/login").await.status == 200);
    }
    shown
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_asks_too_often_is_told_when_to_come_back() {
    let server = server(&[SLOW, BURST]).await;
    let spent = pages(&server, 20).await;
    assert!((5..12).contains(&spent), "{spent}");

    let page = Browser::new().get(&server, "/login").await;
    page.is_page(429, "Too many requests");
    assert_eq!(page.header("retry-after"), "1");
    let script = TokenClient::new("x", None).token(&server, &[("grant_type", "x")]).await;
    script.refused(429, "slow_down");
    assert_eq!(script.header("retry-after"), "1");
    assert_eq!(script.header("cache-control"), "no-store");
    assert_eq!(script.header("access-control-allow-origin"), "*", "a script can read it");
    assert!(!script.header("x-request-id").is_empty());

    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    Browser::new().get(&server, "/login").await.is_page(200, "name=\"password\"");
    server.stop().await;
}

/// Clients fetch these in herds, load balancers all the time, and resource servers ask for all
/// their users.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn discovery_health_and_introspection_are_there_for_everybody() {
    let server = server(&[SLOW, BURST]).await;
    let guard = TokenClient::of(&server.client(machine("tools")).await);
    assert!(pages(&server, 20).await < 12);
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/jwks.json",
        "/livez",
        "/ready",
        "/health",
    ] {
        for _ in 0..10 {
            assert_eq!(server.get(path).await.status, 200, "{path}");
        }
    }
    for _ in 0..10 {
        assert!(!guard.sees_active(&server, "nonsense").await);
        let http = reqwest::Client::new();
        let preflight = http.request(reqwest::Method::OPTIONS, server.url("/oauth/token"));
        assert_eq!(preflight.send().await.unwrap().status(), 204);
    }
    // What the budget has meanwhile back is spent first: nobody knows how long this took.
    let mut dotted = Vec::new();
    while dotted.len() < 20 && !dotted.contains(&429) {
        dotted.push(server.get("/.well-known/../login").await.status);
    }
    assert!(dotted.contains(&429), "dots lead nowhere else: {dotted:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_can_be_switched_off() {
    let server = server(&[SLOW, BURST, ("AUTHPLANE_RATE_LIMIT_ENABLED", "false")]).await;
    assert_eq!(pages(&server, 30).await, 30);
    server.stop().await;
}

on_both_databases! {
    async fn what_is_too_long_is_refused_and_nothing_breaks(server: Server) {
        let http = reqwest::Client::new();
        for path in ["/oauth/authorize", "/login", "/nowhere", "/.well-known/x"] {
            let long = format!("{path}?state={}", "x".repeat(17_000));
            server.get(&long).await.refused(414, "invalid_request");
            Browser::new().get(server, &long).await.is_page(414, "The request is too long");
        }
        let fits = format!("/login?state={}", "x".repeat(15_000));
        assert_eq!(server.get(&fits).await.status, 200);
        let headed = |length: usize| http.get(server.url("/login")).header("x", "y".repeat(length));
        let answer = Answer::of(headed(33_000).send().await.unwrap()).await;
        answer.refused(431, "invalid_request");
        let page = headed(33_000).header("accept", "text/html,*/*;q=0.8").send().await.unwrap();
        Answer::of(page).await.is_page(431, "delete the cookies of this site");
        let admin = http.get(server.admin_url(&format!("/admin/keys?{}", "x".repeat(17_000))));
        let answer = Answer::of(admin.header("accept", "text/html").send().await.unwrap()).await;
        answer.refused(414, "invalid_request");
        assert!(answer.header("content-type").starts_with("application/problem+json"));
        assert_eq!(headed(20_000).send().await.unwrap().status(), 200);
        let mut many = http.get(server.url("/login"));
        for number in 0..200 {
            many = many.header(format!("x-{number}"), "y");
        }
        let answer = many.send().await.unwrap();
        assert!(answer.status().is_client_error(), "{answer:?}");
        server.get("/login").await.is_page(200, "name=\"password\"");
    }
}
