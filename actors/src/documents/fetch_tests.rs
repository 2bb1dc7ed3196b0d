//! Fetches from a server in this process; the addresses that may not be asked are local
//! ones, so that is where the guard is tried too.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const LOCAL: FetchPolicy = FetchPolicy { require_https: false, allow_private_addresses: true };
const NAMED_ONLY: FetchPolicy =
    FetchPolicy { require_https: false, allow_private_addresses: false };
/// RFC 7515 Appendix A.3
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

fn settings(policy: FetchPolicy) -> DocumentSettings {
    DocumentSettings {
        policy,
        fetch_timeout: Duration::from_millis(500),
        keep_for: Duration::from_secs(3600),
    }
}

/// Answers every connection with these bytes, and `endless` more if so wished.
async fn serve(answer: impl Into<Vec<u8>>, endless: bool) -> SocketAddr {
    let answer: Vec<u8> = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                drop(stream.read(&mut request).await);
                drop(stream.write_all(&answer).await);
                while endless && stream.write_all(&[b' '; 4096]).await.is_ok() {}
                drop(stream.shutdown().await);
            });
        }
    });
    address
}

fn response(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n{body}")
}

fn ok(more: &str, body: &str) -> String {
    response(&format!("200 OK\r\n{more}"), body)
}

async fn fetch_as(
    policy: FetchPolicy,
    url: &str,
) -> Result<(KeySet, Option<Duration>), FetchError> {
    Fetcher::new(settings(policy)).key_set(&DocumentUrl::parse(url, LOCAL).unwrap()).await
}

async fn fetch(answer: String) -> Result<(KeySet, Option<Duration>), FetchError> {
    let address = serve(answer, false).await;
    fetch_as(LOCAL, &format!("http://{address}/jwks")).await
}

#[tokio::test]
async fn a_key_set_is_fetched_with_what_its_server_says_about_keeping_it() {
    for (headers, keep) in [
        ("Content-Type: application/json", None),
        ("content-type: Application/JWK-Set+JSON; charset=utf-8", None),
        ("Content-Type: application/json\r\nCache-Control: public, max-age=120", Some(120)),
        ("Content-Type: application/json\r\nCache-Control: max-age=x", None),
        ("Content-Type: application/json\r\nCache-Control: no-store, max-age=9", Some(0)),
    ] {
        let (keys, kept) = fetch(ok(headers, KEYS)).await.unwrap();
        assert_eq!((keys.len(), kept), (1, keep.map(Duration::from_secs)), "{headers}");
    }
}

#[tokio::test]
async fn anything_else_than_a_small_json_key_set_is_refused() {
    let json = "Content-Type: application/json";
    let secret = r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#;
    for (answer, why) in [
        (response("302 Found\r\nLocation: /other", ""), "302"),
        (response("301 Moved\r\nLocation: http://169.254.169.254/", ""), "301"),
        (response("404 Not Found\r\nContent-Type: application/json", KEYS), "404"),
        (response("201 Created\r\nContent-Type: application/json", KEYS), "201"),
        (ok("Content-Type: text/html", KEYS), "text/html"),
        (ok("X: y", KEYS), "served as ''"),
        (ok("Content-Type: application/jsonp", KEYS), "application/jsonp"),
        (ok(json, "<html>"), "not JSON"),
        (ok(json, "{}"), "no key set"),
        (ok(json, secret), "key 1"),
        (ok(json, &" ".repeat(MAX_DOCUMENT + 1)), "longer"),
        ("garbage".to_owned(), ""),
        (String::new(), ""),
    ] {
        let refused = fetch(answer).await.unwrap_err().to_string();
        assert!(refused.contains(why), "{why}: {refused}");
    }
}

#[tokio::test]
async fn a_body_without_end_is_left_and_a_server_that_says_nothing_too() {
    let endless = serve(ok("Content-Type: application/json", ""), true).await;
    let refused = fetch_as(LOCAL, &format!("http://{endless}/")).await.unwrap_err();
    assert!(matches!(refused, FetchError::TooLong), "{refused}");
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let refused = fetch_as(LOCAL, &url).await.unwrap_err();
    assert!(matches!(refused, FetchError::Unreachable(_)), "{refused}");
}

/// `localhost` is a name like any other, which leads inside.
#[tokio::test]
async fn a_name_that_leads_inside_is_not_connected_to() {
    let address = serve(ok("Content-Type: application/json", KEYS), false).await;
    let url = format!("http://localhost:{}/", address.port());
    assert!(fetch_as(LOCAL, &url).await.is_ok());
    let refused = fetch_as(NAMED_ONLY, &url).await.unwrap_err().to_string();
    assert!(refused.contains("not a public address"), "{refused}");
}

#[tokio::test]
async fn plain_http_is_not_spoken_where_https_is_required() {
    let address = serve(ok("Content-Type: application/json", KEYS), false).await;
    let policy = FetchPolicy { require_https: true, ..LOCAL };
    assert!(fetch_as(policy, &format!("http://{address}/")).await.is_err());
}

#[test]
fn one_address_inside_spoils_the_others() {
    let public = "8.8.8.8:443".parse().unwrap();
    let inside = "[::ffff:10.0.0.1]:443".parse().unwrap();
    let strict = FetchPolicy::STRICT;
    assert_eq!(all_allowed([public].into_iter(), strict).unwrap(), [public]);
    assert!(all_allowed([public, inside].into_iter(), strict).is_err());
    assert_eq!(all_allowed([public, inside].into_iter(), LOCAL).unwrap().len(), 2);
}

/// A few kilobytes that would be fifty megabytes: nobody asked for them to be packed.
#[tokio::test]
async fn a_packed_answer_is_not_unpacked() {
    let packed = |content: &[u8]| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(content).unwrap();
        packer.finish().unwrap()
    };
    for content in [KEYS.as_bytes(), &vec![b' '; 50 << 20]] {
        let body = packed(content);
        assert!(body.len() < MAX_DOCUMENT);
        let head = ok("Content-Type: application/json\r\nContent-Encoding: gzip", "");
        let address = serve([head.into_bytes(), body].concat(), false).await;
        let refused = fetch_as(LOCAL, &format!("http://{address}/")).await.unwrap_err();
        assert!(matches!(refused, FetchError::NotJson), "{refused}");
    }
}

/// Each byte comes soon after the one before, and the last one never.
#[tokio::test]
async fn a_body_that_trickles_is_left_when_the_time_for_all_of_it_is_over() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let left = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = ok("Content-Type: application/json", "");
        stream.write_all(head.as_bytes()).await.unwrap();
        while stream.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let whole = Duration::from_secs(5);
    let refused = tokio::time::timeout(whole, fetch_as(LOCAL, &url)).await.expect("it is left");
    assert!(matches!(refused, Err(FetchError::Unreachable(_))), "{refused:?}");
    tokio::time::timeout(whole, left).await.expect("and the connection closed").unwrap();
}

/// A lookup that says something else each time, and counts how often it is asked.
fn changing(answers: &'static [&'static str]) -> (Lookup, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let lookup: Lookup = Arc::new(move |_| {
        let turn = count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        let address = SocketAddr::new(answers[turn].parse().unwrap(), 0);
        Box::pin(async move { Ok(vec![address]) })
    });
    (lookup, asked)
}

/// Between the check and the connection a name must not get another say.
#[tokio::test]
async fn a_name_is_looked_up_once_and_the_connection_goes_to_the_address_that_was_checked() {
    let first = serve(ok("Content-Type: application/json", KEYS), false).await;
    let other = TcpListener::bind(("127.0.0.2", first.port())).await.unwrap();
    let (lookup, asked) = changing(&["127.0.0.1", "127.0.0.2"]);
    let url = format!("http://rebound.example:{}/", first.port());
    let url = DocumentUrl::parse(&url, LOCAL).unwrap();
    let (keys, _) = Fetcher::looking_up(settings(LOCAL), lookup).key_set(&url).await.unwrap();
    assert_eq!((keys.len(), asked.load(Ordering::SeqCst)), (1, 1));
    let called = tokio::time::timeout(Duration::from_millis(100), other.accept()).await;
    assert!(called.is_err(), "nobody was asked at the second address");
}

#[tokio::test]
async fn a_name_that_turns_inward_is_refused_at_each_turn() {
    let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://rebound.example:{}/", inside.local_addr().unwrap().port());
    let url = DocumentUrl::parse(&url, NAMED_ONLY).unwrap();
    for answers in
        [&["127.0.0.1", "8.8.8.8"], &["::ffff:127.0.0.1", "8.8.8.8"], &["::1", "8.8.8.8"]]
    {
        let (lookup, asked) = changing(answers);
        let refused = Fetcher::looking_up(settings(NAMED_ONLY), lookup).key_set(&url).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("not a public address"), "{refused}");
        assert_eq!(asked.load(Ordering::SeqCst), 1, "nobody waits for a better answer");
    }
    let called = tokio::time::timeout(Duration::from_millis(100), inside.accept()).await;
    assert!(called.is_err(), "nobody was asked inside");
}
