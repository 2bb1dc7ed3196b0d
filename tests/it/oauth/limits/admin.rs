//! What stands in front of the admin surface.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

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

/// Sends this to the admin port as it is; the status line of the answer.
async fn raw(server: &Server, request: Vec<u8>) -> String {
    let address = server.admin_address;
    let answered = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(&request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
    });
    answered.await.unwrap()
}

/// Names that no HTTP library sends, and that some proxy may read another way than we do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_with_no_name_two_names_or_an_odd_one_is_not_let_in() {
    let server = Server::start(Backend::Sqlite).await;
    let request = |target: &str, version: &str, hosts: &[&[u8]]| {
        let key = format!("Authorization: Bearer {ADMIN_KEY}\r\nConnection: close\r\n\r\n");
        let mut text = format!("GET {target} HTTP/{version}\r\n").into_bytes();
        for host in hosts {
            text.extend([b"Host: ", *host, b"\r\n"].concat());
        }
        text.extend(key.into_bytes());
        raw(&server, text)
    };
    let ours = b"localhost".as_slice();
    let evil = b"evil.example".as_slice();
    for (target, hosts) in [
        ("/admin/keys", [ours].as_slice()),
        ("http://localhost/admin/keys", &[ours]),
        ("http://127.0.0.1:9001/admin/keys", &[ours]),
    ] {
        let line = request(target, "1.1", hosts).await;
        assert!(line.starts_with("HTTP/1.1 200"), "{target}: {line}");
    }
    for (target, version, hosts) in [
        ("/admin/keys", "1.0", [].as_slice()),
        ("/admin/keys", "1.1", &[]),
        ("/admin/keys", "1.0", &[evil]),
        ("/admin/keys", "1.1", &[ours, evil]),
        ("/admin/keys", "1.1", &[evil, ours]),
        ("/admin/keys", "1.1", &[ours, ours]),
        ("http://evil.example/admin/keys", "1.1", &[ours]),
        ("http://evil.example/admin/keys", "1.1", &[]),
        ("http://localhost/admin/keys", "1.1", &[evil]),
        ("http://localhost@evil.example/admin/keys", "1.1", &[ours]),
        ("/admin/keys", "1.1", &["löcalhost".as_bytes()]),
        ("/admin/keys", "1.1", &[b"localhost\xff"]),
        ("/admin/keys", "1.1", &[b""]),
        ("/admin/keys", "1.1", &[b"localhost, evil.example"]),
        ("/admin/keys", "1.1", &[b"localhost evil.example"]),
    ] {
        let line = request(target, version, hosts).await;
        let refused = [" 400 ", " 421 "].iter().any(|status| line.contains(status));
        assert!(refused, "{target} {version} {hosts:?}: {line}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_admin_keys_are_slowed_down_after_ten_of_an_address() {
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
