//! Fetches from a server in this process; the addresses that may not be asked are local
//! ones, so that is where the guard is tried too.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const LOCAL: FetchPolicy = FetchPolicy { require_https: false, allow_private_addresses: true };
const NAMED_ONLY: FetchPolicy =
    FetchPolicy { require_https: false, allow_private_addresses: false };
/// RFC 7515 Appendix A.3
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

fn fetcher(policy: FetchPolicy) -> Fetcher {
    Fetcher::new(DocumentSettings {
        policy,
        fetch_timeout: Duration::from_millis(500),
        keep_for: Duration::from_secs(3600),
    })
}

/// Answers every connection with these bytes, and `endless` more if so wished.
async fn serve(answer: String, endless: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                drop(stream.read(&mut request).await);
                drop(stream.write_all(answer.as_bytes()).await);
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
    fetcher(policy).key_set(&DocumentUrl::parse(url, LOCAL).unwrap()).await
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
