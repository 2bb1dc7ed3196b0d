//! TLS in the server itself.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::kit::{Backend, Server};

/// Two pairs for `localhost`, of no use to anybody else.
const FIRST: [&str; 2] = [
    include_str!("../../kit/certificates/first.pem"),
    include_str!("../../kit/certificates/first.key"),
];
const SECOND: [&str; 2] = [
    include_str!("../../kit/certificates/second.pem"),
    include_str!("../../kit/certificates/second.key"),
];

/// Puts the pair where the server finds it; its certificate.
fn issue(folder: &Path, [cert, key]: [&'static str; 2]) -> &'static str {
    fs::write(folder.join("key.pem"), key).unwrap();
    fs::write(folder.join("cert.pem"), cert).unwrap();
    cert
}

/// A client that trusts this certificate alone.
fn trusting(certificate: &str) -> reqwest::Client {
    let certificate = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();
    reqwest::Client::builder().tls_certs_only([certificate]).build().unwrap()
}

async fn status(server: &Server, http: &reqwest::Client) -> Option<u16> {
    let url = format!("https://127.0.0.1:{}/livez", server.address.port());
    Some(http.get(url).send().await.ok()?.status().as_u16())
}

/// Waits until the server has looked at its files and whoever trusts `certificate` gets in.
async fn is_used(server: &Server, certificate: &str) {
    for _ in 0..200 {
        server.wait(5);
        if status(server, &trusting(certificate)).await == Some(200) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the certificate is not in use");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_certificate_is_used_without_a_restart_and_a_broken_one_is_not() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let first = issue(folder.path(), FIRST);
    let settings = [
        ("AUTHPLANE_SERVER_ISSUER", "https://localhost:9000"),
        ("AUTHPLANE_SESSION_SECRET", "0123456789abcdef0123456789abcdef"),
        ("AUTHPLANE_SERVER_TLS_CERT", &path("cert.pem")),
        ("AUTHPLANE_SERVER_TLS_KEY", &path("key.pem")),
    ];
    let server = Server::start_with(Backend::Sqlite, &settings).await;
    let early = trusting(first);
    let login = format!("https://127.0.0.1:{}/login", server.address.port());
    let page = early.get(&login).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["strict-transport-security"], "max-age=31536000");
    assert!(page.headers()["set-cookie"].to_str().unwrap().contains("Secure"));
    assert!(reqwest::get(server.url("/livez")).await.is_err(), "nothing is said without TLS");
    let admin = server.admin_get("/admin/keys").await;
    assert_eq!(admin.status, 200, "loopback needs none");
    // RFC 6797 §7.2: not on what was not sent over TLS.
    assert!(!admin.headers.contains_key("strict-transport-security"), "{admin:?}");

    let second = issue(folder.path(), SECOND);
    is_used(&server, second).await;
    assert_eq!(status(&server, &early).await, Some(200), "what is connected stays connected");
    assert_eq!(status(&server, &trusting(first)).await, None);

    for broken in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", first] {
        fs::write(folder.path().join("cert.pem"), broken).unwrap();
        server.wait(5);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(status(&server, &trusting(second)).await, Some(200), "{broken}");
    }
    let metrics = server.admin_get("/metrics").await.text;
    assert!(metrics.contains("authserver_tls_certificate_current 0"), "it shows");

    issue(folder.path(), FIRST);
    is_used(&server, first).await;
    server.stop().await;
}
