//! What stands in front of the admin surface.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use actors::audit::Origin;
use authserver::administration::lockout::{self, LockoutTarget};

use crate::kit::server::ADMIN_KEY;
use crate::kit::{Answer, Backend, Server, on_both_databases};

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
    assert_eq!(refused.header("retry-after"), "900");
    assert!(refused.header("content-type").starts_with("application/problem+json"));
    server.wait(900);
    guess().await.refused(401, "invalid_admin_key");
    server.stop().await;
}

/// A refusal in the one form that all of this listener have.
#[track_caller]
fn is_a_problem(answer: &Answer, status: u16, error: &str) {
    answer.refused(status, error);
    assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    let waits = answer.header("retry-after").parse().is_ok_and(|seconds: u16| seconds > 0);
    assert_eq!(waits, status == 429, "{answer:?}");
    let detail = answer.member("detail");
    assert!(!detail.is_empty() && !answer.member("title").is_empty(), "{answer:?}");
    assert_eq!(answer.member("error_description"), detail);
    assert_eq!(answer.member("type"), format!("https://authplane.dev/errors/{error}"));
    let body = answer.json();
    assert_eq!(body["status"], status);
    let names: Vec<&String> = body.as_object().unwrap().keys().collect();
    let known = ["detail", "error", "error_description", "member", "status", "title", "type"];
    assert!(names.iter().all(|name| known.contains(&name.as_str())), "{names:?}");
}

/// Whoever reads problems must not have to know which part of the server refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_admin_port_refuses_is_a_problem_of_one_form() {
    let settings = [
        ("AUTHPLANE_ADMIN_REQUESTS_PER_SECOND", "1"),
        ("AUTHPLANE_ADMIN_BURST", "20"),
        ("AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", "1"),
        ("AUTHPLANE_OBSERVABILITY_METRICS_BASIC_AUTH", "scraper:its password"),
    ];
    let server = Server::start_with(Backend::Sqlite, &settings).await;
    let http = reqwest::Client::new();
    let get = |path: &str| http.get(server.admin_url(path));
    let keyed = |path: &str| get(path).bearer_auth(ADMIN_KEY);
    let answer =
        async |request: reqwest::RequestBuilder| Answer::of(request.send().await.unwrap()).await;

    // In front of everything, and before anybody's share of requests is spent.
    for path in ["/admin/keys", "/metrics", "/livez", "/nowhere"] {
        let long = answer(get(&format!("{path}?{}", "x".repeat(17_000)))).await;
        is_a_problem(&long, 414, "invalid_request");
        let headed = answer(get(path).header("x", "y".repeat(33_000))).await;
        is_a_problem(&headed, 431, "invalid_request");
        let elsewhere = answer(get(path).header("host", "evil.example")).await;
        is_a_problem(&elsewhere, 421, "unknown_host");
    }
    // In front of the operations, and by them.
    is_a_problem(&answer(get("/admin/keys")).await, 401, "invalid_admin_key");
    is_a_problem(&answer(get("/metrics")).await, 401, "invalid_metrics_password");
    is_a_problem(&answer(get("/nowhere")).await, 404, "not_found");
    is_a_problem(&answer(keyed("/admin/nowhere")).await, 404, "not_found");
    let put = http.put(server.admin_url("/admin/keys")).bearer_auth(ADMIN_KEY);
    is_a_problem(&answer(put).await, 405, "method_not_allowed");
    is_a_problem(&answer(keyed("/admin/clients?limit=x")).await, 400, "invalid_request");
    is_a_problem(&answer(keyed("/admin/clients?limit=9999")).await, 422, "invalid_value");
    let wrong = || get("/admin/keys").bearer_auth("wrong-admin-key-0123456789");
    is_a_problem(&answer(wrong()).await, 401, "invalid_admin_key");
    let guessing = answer(wrong()).await;
    is_a_problem(&guessing, 429, "slow_down");
    assert!(guessing.member("detail").contains("wrong admin keys"), "{guessing:?}");

    let mut asked_too_often = answer(keyed("/admin/keys")).await;
    while asked_too_often.status == 200 {
        asked_too_often = answer(keyed("/admin/keys")).await;
    }
    is_a_problem(&asked_too_often, 429, "slow_down");
    // The other listener is OAuth's, whose clients read nothing but JSON (RFC 6749 §5.2).
    let public = server.get(&format!("/oauth/token?{}", "x".repeat(17_000))).await;
    assert_eq!((public.status, public.header("content-type")), (414, "application/json"));
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

on_both_databases! {
    /// Two servers are no more guesses than one.
    async fn wrong_admin_keys_are_counted_by_all_servers_together(server: Server) {
        const WRONG: &str = "wrong-admin-key-0123456789";
        let replica = server.replica().await;
        let places = [&*server, &replica];
        for guess in 0..10 {
            ask(places[guess % 2], None, WRONG).await.refused(401, "invalid_admin_key");
        }
        for place in places {
            let answer = ask(place, None, WRONG).await;
            answer.refused(429, "slow_down");
            let wait: u64 = answer.header("retry-after").parse().unwrap();
            assert!((890..=900).contains(&wait), "{wait}");
            assert_eq!(ask(place, None, ADMIN_KEY).await.status, 200);
        }
        assert_eq!(server.audited("auth.locked_out", &["kind=admin_key"]).await, 1);

        let origin = Origin::local();
        let listed = lockout::list(&replica.desk(&origin)).await.unwrap();
        let kinds: Vec<&str> = listed.lockouts.iter().map(|it| it.kind.as_str()).collect();
        assert_eq!(kinds, ["admin_key"]);
        let address = LockoutTarget { address: Some("127.0.0.1".to_owned()), ..Default::default() };
        let lifted = lockout::lift(&replica.desk(&origin), address).await.unwrap();
        assert_eq!(lifted.lifted, 1);
        ask(server, None, WRONG).await.refused(401, "invalid_admin_key");
        replica.stop().await;
    }

    /// A guess that cannot be counted is not looked at: whoever can make the database busy would have
    /// as many as they like. The right key opens what needs no database.
    async fn a_wrong_key_that_cannot_be_counted_is_told_to_come_again(server: Server) {
        let replica = server.replica().await;
        replica.services.store.close().await;
        for _ in 0..3 {
            let answer = ask(&replica, None, "wrong-admin-key-0123456789").await;
            assert_eq!(answer.status, 503, "{answer:?}");
            assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
        }
        let status = replica.admin_get("/admin/system/status").await;
        assert_eq!(status.status, 200, "{status:?}");
        assert_eq!(status.json()["database"]["reachable"], false);
        replica.stop().await;
        ask(server, None, "wrong-admin-key-0123456789").await.refused(401, "invalid_admin_key");
    }

    /// Many at once get through as often as one after the other.
    async fn guesses_at_once_are_no_more_than_one_after_the_other(server: Server) {
        let replica = server.replica().await;
        let guesses = (0..40).map(|guess| {
            let place: &Server = if guess % 2 == 0 { &*server } else { &replica };
            ask(place, None, "wrong-admin-key-0123456789")
        });
        let answers = futures::future::join_all(guesses).await;
        let heard = |status| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((heard(401), heard(429)), (10, 30));
        server.wait(900);
        ask(server, None, "wrong-admin-key-0123456789").await.refused(401, "invalid_admin_key");
        replica.stop().await;
    }
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
