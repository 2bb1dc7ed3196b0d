//! What stands in front of the admin surface.

use crate::kit::server::ADMIN_KEY;
use crate::kit::{Answer, Backend, Server};

/// Asks the admin surface for its keys.
async fn ask(server: &Server, host: Option<&str>, key: &str) -> Answer {
    let mut request = reqwest::Client::new().get(server.admin_url("/admin/keys")).bearer_auth(key);
    if let Some(host) = host {
        request = request.header("host", host);
    }
    Answer::of(request.send().await.unwrap()).await
}

/// A page in the operator's browser whose name was made to point to the admin port.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admin_port_answers_to_its_own_names_only() {
    let settings = [("AUTHPLANE_ADMIN_ALLOWED_HOSTS", "admin.internal, authserver-admin.ns.svc")];
    let server = Server::start_with(Backend::Sqlite, &settings).await;
    for host in [
        "127.0.0.1:9001",
        "localhost:9001",
        "[::1]:9001",
        "Admin.Internal",
        "authserver-admin.ns.svc:80",
    ] {
        assert_eq!(ask(&server, Some(host), ADMIN_KEY).await.status, 200, "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:9001",
        "localhost.evil.example",
        "admin.internal.evil.example",
    ] {
        for path in ["/admin/keys", "/metrics", "/livez", "/nowhere"] {
            let request = reqwest::Client::new().get(server.admin_url(path)).bearer_auth(ADMIN_KEY);
            let request = request.header("host", host).header("x-forwarded-host", "localhost");
            let answer = Answer::of(request.send().await.unwrap()).await;
            answer.refused(421, "unknown_host");
            assert!(answer.header("content-type").starts_with("application/problem+json"));
        }
    }
    // The public surface goes by whatever name a proxy gives it.
    let public = reqwest::Client::new().get(server.url("/livez")).header("host", "any.example");
    assert_eq!(public.send().await.unwrap().status(), 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_admin_keys_cannot_be_tried_one_after_the_other() {
    let server = Server::start(Backend::Sqlite).await;
    let guess = || ask(&server, None, "wrong-admin-key-0123456789");
    for _ in 0..10 {
        guess().await.refused(401, "invalid_admin_key");
    }
    let refused = guess().await;
    refused.refused(429, "slow_down");
    assert_eq!(refused.header("retry-after"), "600");
    assert!(refused.header("content-type").starts_with("application/problem+json"));
    server.wait(600);
    guess().await.refused(401, "invalid_admin_key");
    server.stop().await;
}

/// Whoever shares the operator's address (a proxy, an office, a cluster's gateway).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_admin_keys_shut_nobody_out_who_has_a_right_one() {
    let server = Server::start(Backend::Sqlite).await;
    for _ in 0..30 {
        ask(&server, None, "wrong-admin-key-0123456789").await;
    }
    ask(&server, None, "wrong-admin-key-0123456789").await.refused(429, "slow_down");
    assert_eq!(ask(&server, None, ADMIN_KEY).await.status, 200);
    let unsigned = reqwest::Client::new().get(server.admin_url("/admin/keys"));
    let unsigned = Answer::of(unsigned.send().await.unwrap()).await;
    unsigned.refused(401, "invalid_admin_key");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_asks_the_admin_surface_as_often_as_configured() {
    let settings = [("AUTHPLANE_ADMIN_REQUESTS_PER_SECOND", "1"), ("AUTHPLANE_ADMIN_BURST", "4")];
    let server = Server::start_with(Backend::Sqlite, &settings).await;
    let mut passed = 0;
    for _ in 0..20 {
        passed += usize::from(ask(&server, None, ADMIN_KEY).await.status == 200);
    }
    assert!((4..12).contains(&passed), "{passed}");
    ask(&server, None, ADMIN_KEY).await.refused(429, "slow_down");
    server.stop().await;
}
