//! `systemctl reload`, or whatever renews a certificate, sends SIGHUP.

use std::fs;
use std::time::Duration;

use tokio::time::sleep;

use crate::kit::Backend;
use crate::kit::process::{Installation, ServerProcess};

const FIRST: [&str; 2] =
    [include_str!("../kit/certificates/first.pem"), include_str!("../kit/certificates/first.key")];
const SECOND: [&str; 2] = [
    include_str!("../kit/certificates/second.pem"),
    include_str!("../kit/certificates/second.key"),
];

fn put(installation: &Installation, [cert, key]: [&str; 2]) {
    fs::write(installation.folder().join("key.pem"), key).unwrap();
    fs::write(installation.folder().join("cert.pem"), cert).unwrap();
}

/// Whether whoever trusts this certificate alone gets in.
async fn shows(installation: &Installation, [cert, _]: [&str; 2]) -> bool {
    let cert = reqwest::Certificate::from_pem(cert.as_bytes()).unwrap();
    let http = reqwest::Client::builder().tls_certs_only([cert]).build().unwrap();
    let url = installation.url("/livez").replace("http://", "https://");
    http.get(url).send().await.is_ok()
}

/// Waits until the log has `line` so many times.
async fn logs(server: &ServerProcess, line: &str, times: usize) {
    for _ in 0..600 {
        if server.out().matches(line).count() >= times {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("not {times} times in the log: {line}\n{}", server.tail());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_has_the_certificate_read_again_and_a_broken_one_changes_nothing() {
    let installation = Installation::new(Backend::Sqlite).await;
    let installation = installation
        .with("AUTHPLANE_SERVER_ISSUER", "https://localhost:9000")
        .with("AUTHPLANE_SESSION_SECRET", "0123456789abcdef0123456789abcdef")
        .with("AUTHPLANE_ADMIN_API_KEY", "0123456789abcdef")
        .with("AUTHPLANE_SERVER_TLS_CERT", "cert.pem")
        .with("AUTHPLANE_SERVER_TLS_KEY", "key.pem");
    put(&installation, FIRST);
    let server = installation.launch();
    logs(&server, "is ready", 1).await;
    while !shows(&installation, FIRST).await {
        sleep(Duration::from_millis(50)).await;
    }
    let used = "the certificate was read and is in use\",\"ordered\":true";

    server.hang_up();
    logs(&server, used, 1).await;

    put(&installation, SECOND);
    server.hang_up();
    logs(&server, used, 2).await;
    assert!(shows(&installation, SECOND).await && !shows(&installation, FIRST).await);

    put(&installation, [SECOND[0], FIRST[1]]);
    let refused = "the one before stays in use\"";
    for times in 1..=2 {
        server.hang_up();
        logs(&server, refused, times).await;
        assert!(shows(&installation, SECOND).await);
    }
    assert!(server.out().contains("does not fit"), "{}", server.tail());
    server.stop().await;
}
