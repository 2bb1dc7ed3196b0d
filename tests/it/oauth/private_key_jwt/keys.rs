//! Keys that a client publishes: when they are fetched, how often, and from where not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use super::{UNLIMITED, publishing_robot, robot, with};
use crate::kit::client_key::{ClientKey, ask, ask_with, claims, jwks};
use crate::kit::publisher::Publisher;
use crate::kit::scene::register;
use crate::kit::stage::{REDIRECT, Stage};
use crate::kit::{Server, on_both_databases};

const HTTPS: &str = "AUTHPLANE_CIMD_REQUIRE_HTTPS";
const PRIVATE: &str = "AUTHPLANE_CIMD_ALLOW_PRIVATE_ADDRESSES";
const TIMEOUT: &str = "AUTHPLANE_CIMD_FETCH_TIMEOUT";

/// An assertion by `key` that names another one.
fn naming(server: &Server, key: &ClientKey, id: &str, kid: &str) -> String {
    key.signed(&with(key.header(), "kid", json!(kid)), &claims(server, id))
}

on_both_databases! {
    async fn keys_are_fetched_once_however_many_ask_and_again_after_an_hour(server: Server)
    with [(HTTPS, "false"), (PRIVATE, "true"), UNLIMITED] {
        let key = ClientKey::new("ES256", "k");
        let publisher = Publisher::of(&jwks(&[&key])).await;
        publisher.be_slow(Duration::from_millis(100));
        let id = publishing_robot(server, publisher.url()).await;
        let assertions: Vec<String> = (0..40).map(|_| key.assertion(server, &id)).collect();
        let answers = join_all(assertions.iter().map(|assertion| ask(server, assertion))).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
        assert_eq!(publisher.fetches(), 1);
        server.wait(3599);
        assert_eq!(ask(server, &key.assertion(server, &id)).await.status, 200);
        assert_eq!(publisher.fetches(), 1);
        server.wait(1);
        assert_eq!(ask(server, &key.assertion(server, &id)).await.status, 200);
        assert_eq!(publisher.fetches(), 2);
    }

    async fn a_new_key_is_found_by_looking_once_more(server: Server)
    with [(HTTPS, "false"), (PRIVATE, "true"), UNLIMITED] {
        let (old, new) = (ClientKey::new("ES256", "old"), ClientKey::new("EdDSA", "new"));
        let publisher = Publisher::of(&jwks(&[&old])).await;
        let id = publishing_robot(server, publisher.url()).await;
        assert_eq!(ask(server, &old.assertion(server, &id)).await.status, 200);
        publisher.publish(&jwks(&[&old, &new]));
        let assertions: Vec<String> = (0..20).map(|_| new.assertion(server, &id)).collect();
        let answers = join_all(assertions.iter().map(|assertion| ask(server, assertion))).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
        assert_eq!(publisher.fetches(), 2);
        assert_eq!(ask(server, &old.assertion(server, &id)).await.status, 200);
        publisher.publish(&jwks(&[&new]));
        server.wait(3600);
        ask(server, &old.assertion(server, &id)).await.refused(401, "invalid_client");
        assert_eq!(ask(server, &new.assertion(server, &id)).await.status, 200);
    }

    async fn a_flood_of_unknown_keys_is_one_fetch_in_half_a_minute(server: Server)
    with [(HTTPS, "false"), (PRIVATE, "true"), UNLIMITED] {
        let (key, stranger) = (ClientKey::new("ES256", "k"), ClientKey::new("ES256", "s"));
        let publisher = Publisher::of(&jwks(&[&key])).await;
        let id = publishing_robot(server, publisher.url()).await;
        assert_eq!(ask(server, &key.assertion(server, &id)).await.status, 200);
        for round in 1..=3 {
            let flood: Vec<String> =
                (0..60).map(|n| naming(server, &stranger, &id, &format!("{round}-{n}"))).collect();
            for answer in join_all(flood.iter().map(|assertion| ask(server, assertion))).await {
                answer.refused(401, "invalid_client");
            }
            assert_eq!(publisher.fetches(), 1 + round);
            assert_eq!(ask(server, &key.assertion(server, &id)).await.status, 200);
            server.wait(30);
        }
        // A wrong signature under a name that is known is no reason to look.
        ask(server, &naming(server, &stranger, &id, "k")).await.refused(401, "invalid_client");
        assert_eq!(publisher.fetches(), 4);
    }

    async fn keys_that_cannot_be_had_are_left_alone_for_half_a_minute(server: Server)
    with [(HTTPS, "false"), (PRIVATE, "true"), UNLIMITED] {
        let key = ClientKey::new("ES256", "k");
        let publisher = Publisher::of(&jwks(&[&key])).await;
        publisher.answer_with("HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\n");
        let id = publishing_robot(server, publisher.url()).await;
        let assertion = key.assertion(server, &id);
        for _ in 0..10 {
            ask(server, &assertion).await.refused(401, "invalid_client");
        }
        assert_eq!(publisher.fetches(), 1);
        publisher.publish(&jwks(&[&key]));
        server.wait(29);
        ask(server, &assertion).await.refused(401, "invalid_client");
        server.wait(1);
        assert_eq!(ask(server, &assertion).await.status, 200, "nothing spent it meanwhile");
        assert_eq!(publisher.fetches(), 2);
    }

    async fn what_needs_no_key_to_be_refused_causes_no_fetch(server: Server)
    with [(HTTPS, "false"), (PRIVATE, "true"), UNLIMITED] {
        let key = ClientKey::new("ES256", "k");
        let publisher = Publisher::of(&jwks(&[&key])).await;
        let id = publishing_robot(server, publisher.url()).await;
        for (member, value) in
            [("aud", json!("x")), ("exp", json!(0)), ("jti", json!("")), ("iss", json!("x"))]
        {
            let claims = with(claims(server, &id), member, value);
            let assertion = key.signed(&key.header(), &claims);
            ask(server, &assertion).await.refused(401, "invalid_client");
        }
        assert_eq!(publisher.fetches(), 0);
    }

    /// RFC 8725 §3.10: whoever followed these would let an attacker say where to send requests.
    async fn an_address_of_keys_in_a_header_is_not_asked(server: Server)
    with [(HTTPS, "false"), (PRIVATE, "true"), UNLIMITED] {
        let (key, stranger) = (ClientKey::new("ES256", "k"), ClientKey::new("ES256", "s"));
        let publisher = Publisher::of(&jwks(&[&key])).await;
        let bait = Publisher::of(&jwks(&[&stranger])).await;
        let stage = Stage::set(server).await;
        let access = stage.tokens(server).await.access;
        let publishing = publishing_robot(server, publisher.url()).await;
        let registered = robot(server, &[&key]).await;
        for member in ["jku", "x5u"] {
            for kid in ["s", "k"] {
                let header = with(stranger.header(), "kid", json!(kid));
                let header = with(header, member, json!(bait.url()));
                for id in [&publishing, &registered] {
                    let assertion = stranger.signed(&header, &claims(server, id));
                    ask(server, &assertion).await.refused(401, "invalid_client");
                }
                let header = with(header, "typ", json!("at+jwt"));
                let token = stranger.signed(&header, &crate::kit::client::claims(&access));
                assert!(!stage.active(server, &token).await, "{header}");
            }
        }
        assert_eq!(bait.fetches(), 0);
        for id in [&publishing, &registered] {
            let header = with(key.header(), "jku", json!(bait.url()));
            let genuine = key.signed(&header, &claims(server, id));
            assert_eq!(ask(server, &genuine).await.status, 200, "it says nothing to us");
        }
        assert_eq!(bait.fetches(), 0);
    }

    async fn documents_that_are_not_as_they_should_be_are_refused(server: Server)
    with [(HTTPS, "false"), (PRIVATE, "true"), UNLIMITED, (TIMEOUT, "2s")] {
        let key = ClientKey::new("ES256", "k");
        let good = jwks(&[&key]);
        let target = Publisher::of(&good).await;
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type:";
        let secret = json!({ "keys": [key.jwk(), { "kty": "oct", "k": "c2VjcmV0" }] });
        let answers = [
            format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nConnection: close\r\n\r\n", target.url()),
            format!("{head} text/html\r\n\r\n{good}"),
            format!("{head} application/json\r\n\r\n{}{good}", " ".repeat(300_000)),
            format!("{head} application/json\r\n\r\n{secret}"),
            format!("{head} application/json\r\n\r\nnonsense"),
            "SSH-2.0-OpenSSH\r\n".to_owned(),
        ];
        for answer in &answers {
            let publisher = Publisher::of(&good).await;
            publisher.answer_with(answer);
            let id = publishing_robot(server, publisher.url()).await;
            ask(server, &key.assertion(server, &id)).await.refused(401, "invalid_client");
            assert_eq!(publisher.fetches(), 1);
        }
        assert_eq!(target.fetches(), 0, "no redirect is followed");
        let endless = Publisher::of(&json!({})).await;
        endless.answer_with(&format!("{head} application/json\r\n\r\n"));
        endless.never_end();
        let id = publishing_robot(server, endless.url()).await;
        ask(server, &key.assertion(server, &id)).await.refused(401, "invalid_client");
        let silent = Publisher::of(&good).await;
        silent.be_slow(Duration::from_secs(60));
        let id = publishing_robot(server, silent.url()).await;
        ask(server, &key.assertion(server, &id)).await.refused(401, "invalid_client");
    }

    async fn a_slow_document_holds_up_nobody_else(server: Server)
    with [(HTTPS, "false"), (PRIVATE, "true"), UNLIMITED, (TIMEOUT, "8s")] {
        let key = ClientKey::new("ES256", "k");
        let (fast, slow) = (Publisher::of(&jwks(&[&key])).await, Publisher::of(&json!({})).await);
        slow.be_slow(Duration::from_secs(60));
        let quick = publishing_robot(server, fast.url()).await;
        assert_eq!(ask(server, &key.assertion(server, &quick)).await.status, 200);
        let stuck = publishing_robot(server, slow.url()).await;
        let (http, heard) = (reqwest::Client::new(), AtomicUsize::new(0));
        let assertions: Vec<String> = (0..100).map(|_| key.assertion(server, &stuck)).collect();
        let waiting = assertions.iter().map(|assertion| async {
            let status = ask_with(&http, server, assertion).await.status;
            heard.fetch_add(1, Ordering::Relaxed);
            status
        });
        // When the 36 that may not wait have heard so, the others wait for the document.
        let others = async {
            while heard.load(Ordering::Relaxed) < 36 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            for _ in 0..10 {
                let answer = ask_with(&http, server, &key.assertion(server, &quick)).await;
                assert_eq!(answer.status, 200, "{answer:?}");
            }
            heard.load(Ordering::Relaxed)
        };
        let (stuck, heard) = tokio::join!(join_all(waiting), others);
        assert_eq!(heard, 36, "the others were answered while 64 waited");
        let count = |status: u16| stuck.iter().filter(|it| **it == status).count();
        assert_eq!((count(401), count(503)), (64, 36), "so many wait, the others hear it at once");
        assert_eq!(slow.fetches(), 1);
    }

    async fn a_name_that_leads_inside_is_not_connected_to(server: Server)
    with [(HTTPS, "false")] {
        let key = ClientKey::new("ES256", "k");
        let publisher = Publisher::of(&jwks(&[&key])).await;
        let id = publishing_robot(server, publisher.url_by_name()).await;
        ask(server, &key.assertion(server, &id)).await.refused(401, "invalid_client");
        assert_eq!(publisher.fetches(), 0);
    }

    async fn an_address_inside_cannot_be_registered(server: Server) {
        for uri in [
            "https://127.0.0.1/jwks",
            "https://169.254.169.254/latest/meta-data/",
            "https://[::1]/jwks",
            "https://[::ffff:127.0.0.1]/jwks",
            "https://[64:ff9b::a9fe:a9fe]/jwks",
            "https://10.0.0.1/jwks",
            "https://2130706433/jwks",
            "https://0x7f.1/jwks",
            "https://0177.0.0.1/jwks",
            "https://100.100.100.200/jwks",
            "http://app.example/jwks",
            "https://user@app.example/jwks",
        ] {
            let document = json!({
                "redirect_uris": [REDIRECT],
                "token_endpoint_auth_method": "private_key_jwt",
                "jwks_uri": uri,
            });
            register(server, &document).await.refused(400, "invalid_client_metadata");
        }
    }
}

/// What a developer's configuration let in is judged again by the one that counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_was_registered_under_looser_rules_is_not_fetched_from() {
    let loose = [(HTTPS, "false"), (PRIVATE, "true")];
    let mut server = Server::start_with(crate::kit::Backend::Sqlite, &loose).await;
    let key = ClientKey::new("ES256", "k");
    let publisher = Publisher::of(&jwks(&[&key])).await;
    let id = publishing_robot(&server, publisher.url()).await;
    assert_eq!(ask(&server, &key.assertion(&server, &id)).await.status, 200);
    for stricter in [(HTTPS, "true"), (PRIVATE, "false")] {
        server.restart_with(&loose).await;
        server.restart_with(&[stricter]).await;
        let answer = ask(&server, &key.assertion(&server, &id)).await;
        answer.refused(401, "invalid_client");
    }
    assert_eq!(publisher.fetches(), 1);
    server.stop().await;
}
