//! Who is let in: nobody without a key, nobody without the right, and before anything is read.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::admin::{Area, Right};

use super::{Entry, ask, ask_with, key_with, operations};
use crate::kit::server::ADMIN_KEY;
use crate::kit::{Answer, Server, on_both_databases};

/// A request that announces a body and never sends it; the status line of the answer.
async fn announced(server: &Server, entry: &Entry, key: Option<&str>, query: &str) -> String {
    let key = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
    let request = format!(
        "{} {}{query} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: 1000\r\n{key}\r\n",
        entry.method,
        entry.path()
    );
    let address = server.admin_address;
    let answered = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = [0_u8; 4096];
        let read = stream.read(&mut answer).expect("an answer without the body");
        String::from_utf8_lossy(&answer[..read]).into_owned()
    });
    answered.await.unwrap()
}

/// A right in another area than that of `right`.
fn elsewhere(right: Right) -> String {
    let area = if right.area == Area::Keys { Area::Audit } else { Area::Keys };
    Right::read(area).to_string()
}

on_both_databases! {
    async fn no_operation_is_reached_without_a_key_and_its_right(server: Server)
    with [("AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", "0")]
    {
        let (keys, audit) = (key_with(server, "keys:read").await, key_with(server, "audit:read").await);
        for entry in operations() {
            let name = entry.name;
            for key in [None, Some("not-the-key"), Some("")] {
                let answer = announced(server, &entry, key, "").await;
                assert!(answer.starts_with("HTTP/1.1 401"), "{name} {key:?}: {answer}");
                assert!(answer.contains("invalid_admin_key"), "{name}: {answer}");
            }
            let in_url = announced(server, &entry, None, &format!("?key={ADMIN_KEY}")).await;
            assert!(in_url.starts_with("HTTP/1.1 401"), "{name}: {in_url}");
            let Some(right) = entry.right else { continue };
            let other = if elsewhere(right) == "keys:read" { &keys } else { &audit };
            let answer = announced(server, &entry, Some(other), "").await;
            assert!(answer.starts_with("HTTP/1.1 403"), "{name}: {answer}");
            assert!(answer.contains("insufficient_rights"), "{name}: {answer}");
            assert!(answer.contains(&right.to_string()), "{name} names what is missing: {answer}");
        }
    }

    async fn metrics_are_for_who_has_their_password_and_for_nobody_else(server: Server)
    with [("AUTHPLANE_OBSERVABILITY_METRICS_BASIC_AUTH", "scraper:a password: of two parts")] {
        let right = "scraper:a password: of two parts";
        let scrape = async |header: Option<String>| {
            let request = reqwest::Client::new().get(server.admin_url("/metrics"));
            let request = match header {
                Some(header) => request.header("authorization", header),
                None => request,
            };
            Answer::of(request.send().await.unwrap()).await
        };
        let basic = |text: &str| Some(format!("Basic {}", STANDARD.encode(text)));
        for header in [
            None,
            Some(String::new()),
            Some("Basic".to_owned()),
            Some("Basic !!!".to_owned()),
            Some(format!("Basic {right}")),
            basic(""),
            basic("scraper"),
            basic("scraper:"),
            basic(":a password: of two parts"),
            basic("scraper:wrong"),
            basic("Scraper:a password: of two parts"),
            basic(&right[..right.len() - 1]),
            basic(&format!("{right} ")),
            basic(&format!("{right}\0")),
            basic(&format!("scraper:{ADMIN_KEY}")),
            Some(format!("Bearer {}", STANDARD.encode(right))),
            Some(format!("Bearer {ADMIN_KEY}")),
            Some(format!("Basic  {}", STANDARD.encode(right))),
        ] {
            let answer = scrape(header.clone()).await;
            assert_eq!(answer.status, 401, "{header:?}");
            assert_eq!(answer.header("www-authenticate"), "Basic realm=\"metrics\"");
            assert!(!answer.text.contains("authserver_"), "{header:?}: {answer:?}");
        }
        let answer = scrape(basic(right)).await;
        assert_eq!(answer.status, 200);
        assert!(answer.text.contains("authserver_keeper_up"), "{answer:?}");
        // And it is good for nothing else.
        let keys = reqwest::Client::new().get(server.admin_url("/admin/keys"));
        let keys = keys.basic_auth("scraper", Some("a password: of two parts"));
        Answer::of(keys.send().await.unwrap()).await.refused(401, "invalid_admin_key");
    }

    async fn nothing_but_life_and_metrics_is_outside_of_the_operations(server: Server) {
        let mut paths = ["/", "/metrics/", "/livez/", "/debug/pprof", "/env", "/favicon.ico", "/admin",
            "/admin/", "//admin/keys", "/ADMIN/keys", "/admin/nothing", "/x/../admin/nothing"]
            .map(str::to_owned).to_vec();
        let public = authserver::http::public_document();
        let public = public["paths"].as_object().unwrap().keys();
        paths.extend(public.filter(|path| *path != "/livez").cloned());
        for path in &paths {
            let answer = reqwest::get(server.admin_url(path)).await.unwrap();
            let status = answer.status().as_u16();
            assert!([401, 404].contains(&status), "{path} answers {status}");
            let text = answer.text().await.unwrap();
            assert!(text.contains("invalid_admin_key") || text.contains("not_found"), "{text}");
        }
        for path in ["/metrics", "/livez"] {
            assert_eq!(reqwest::get(server.admin_url(path)).await.unwrap().status(), 200, "{path}");
        }
    }

    async fn looking_does_not_include_changing_nor_the_other_way_round(server: Server) {
        let key = key_with(server, "clients:read").await;
        let ask = async |method: &str, path: &str| {
            ask_with(server, &key, method, path, None).await.status
        };
        assert_eq!(ask("GET", "/admin/clients").await, 200);
        assert_eq!(ask("POST", "/admin/clients").await, 403);
        assert_eq!(ask("DELETE", "/admin/clients/x").await, 403);
        assert_eq!(ask("GET", "/admin/users").await, 403);
        assert_eq!(ask("POST", "/admin/auth/verify").await, 200);
    }

    async fn other_methods_and_paths_are_refused_and_the_methods_named(server: Server) {
        let answer = ask(server, "PUT", "/admin/clients", None).await;
        answer.refused(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), "GET, POST");
        assert!(answer.header("content-type").starts_with("application/problem+json"));
        for path in ["/livez", "/metrics"] {
            let answer = ask(server, "DELETE", path, None).await;
            answer.refused(405, "method_not_allowed");
            assert_eq!(answer.header("allow"), "GET", "{path}");
        }
        ask(server, "GET", "/admin/nothing", None).await.refused(404, "not_found");
        ask(server, "GET", "/elsewhere", None).await.refused(404, "not_found");
    }
}

/// Whoever has a key may know that it is one, and read what there is; nothing else is free.
#[test]
fn only_two_operations_need_no_right() {
    let free: Vec<&str> =
        operations().iter().filter(|it| it.right.is_none()).map(|it| it.name).collect();
    assert_eq!(free, ["VerifyKey", "GetOpenapi"]);
}

/// What the last test cannot try: a path that nobody thought of.
#[test]
fn the_admin_listener_has_two_routes_of_its_own() {
    let source = include_str!("../../../src/http/routes.rs");
    let (_, routes) = source.split_once("pub fn admin_routes").expect("they are there");
    let added: Vec<&str> =
        routes.lines().map(str::trim).filter(|line| line.starts_with("app.")).collect();
    let [metrics, livez, nothing] = added[..] else { panic!("{added:#?}") };
    assert!(metrics.contains("(&settings.path, web::get().to(metrics::metrics)"));
    assert!(livez.contains("(\"/livez\", web::get().to(health::livez)"));
    assert!(nothing.starts_with("app.default_service("));
    assert_eq!(routes.matches("routes(app)").count(), 1, "the operations");
}
