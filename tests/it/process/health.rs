//! `authserver health`: the health check of who has no shell.

use std::time::Duration;

use tokio::time::sleep;

use crate::kit::postgres::PrivateCluster;
use crate::kit::process::{Ended, Installation};
use crate::kit::{Backend, on_both_databases};

async fn asked(installation: &Installation, more: &[&str]) -> Ended {
    installation.run(&[&["health"], more].concat(), "").await
}

#[track_caller]
fn well(ended: &Ended) {
    assert!(ended.status.success() && ended.out == "ok\n" && ended.err.is_empty(), "{ended:?}");
}

#[track_caller]
fn unwell(ended: &Ended, names: &str) {
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.err.contains(names) && ended.out.is_empty(), "{names}: {ended:?}");
}

on_both_databases! {
    async fn a_server_that_runs_is_well_and_one_that_stopped_is_not(backend: Backend) {
        let installation = Installation::new(backend).await;
        let address = installation.url("/");
        let address = address.trim_start_matches("http://").trim_end_matches('/').to_owned();
        unwell(&asked(&installation, &[]).await, &address);

        let server = installation.start().await;
        well(&asked(&installation, &[]).await);
        well(&asked(&installation, &["--live"]).await);
        // No proxy has a say in it.
        let proxied = installation.clone().with("HTTP_PROXY", "http://127.0.0.1:1");
        well(&asked(&proxied, &[]).await);
        // Where it listens on every address, it is asked on this machine's own.
        let everywhere = format!(":{}", address.rsplit(':').next().unwrap());
        let everywhere = installation.clone().with("AUTHPLANE_SERVER_ADDRESS", &everywhere);
        well(&asked(&everywhere, &[]).await);
        server.stop().await;

        unwell(&asked(&installation, &["--live"]).await, &address);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_it_is_alive_and_not_ready() {
    let cluster = PrivateCluster::start();
    let installation = Installation::in_cluster(&cluster).await;
    let server = installation.start().await;
    well(&asked(&installation, &[]).await);

    cluster.go_away();
    // What is said of the database may be a second old.
    sleep(Duration::from_millis(1200)).await;
    unwell(&asked(&installation, &[]).await, "503, store_unreachable");
    well(&asked(&installation, &["--live"]).await);

    cluster.come_back();
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_tls_it_is_asked_by_tls_whatever_name_its_certificate_has() {
    let installation = Installation::new(Backend::Sqlite).await;
    let folder = installation.folder().to_owned();
    std::fs::write(folder.join("cert.pem"), include_str!("../kit/certificates/first.pem")).unwrap();
    std::fs::write(folder.join("key.pem"), include_str!("../kit/certificates/first.key")).unwrap();
    let installation = installation
        .with("AUTHPLANE_SERVER_ISSUER", "https://auth.example.com")
        .with("AUTHPLANE_SESSION_SECRET", "0123456789abcdef0123456789abcdef")
        .with("AUTHPLANE_ADMIN_API_KEY", "0123456789abcdef0123456789abcdef")
        .with("AUTHPLANE_SERVER_TLS_CERT", "cert.pem")
        .with("AUTHPLANE_SERVER_TLS_KEY", "key.pem");
    let server = installation.launch();
    for _ in 0..600 {
        if server.out().contains("is ready") {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    well(&asked(&installation, &[]).await);
    server.stop().await;
}
