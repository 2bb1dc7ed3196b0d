//! Starting: what the server says, and what it refuses.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::tenant::Machine;
use crate::kit::process::{Ended, Installation, free_port};
use crate::kit::{Backend, on_both_databases};

/// The admin key that a start printed, if it did.
fn printed_key(out: &str) -> Option<String> {
    let line = out.lines().find_map(|line| line.strip_prefix("admin key"))?;
    Some(line.split_whitespace().next().unwrap().to_owned())
}

/// What the admin surface answers to this key.
async fn admitted(installation: &Installation, key: &str) -> u16 {
    let http = reqwest::Client::new();
    let request = http.get(installation.admin_url("/admin/keys")).bearer_auth(key);
    request.send().await.unwrap().status().as_u16()
}

/// A start that is refused names what is at fault.
#[track_caller]
fn refused(ended: &Ended, names: &str) {
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.err.contains(names), "{names} is not named: {ended:?}");
    assert_eq!(ended.out, "", "a start that is refused greets nobody");
}

on_both_databases! {
    async fn a_start_names_the_issuer_and_only_the_first_shows_the_admin_key(backend: Backend) {
        let installation = Installation::new(backend).await;

        let server = installation.start().await;
        let key = printed_key(&server.out()).expect("the first start shows the key");
        assert_eq!(admitted(&installation, &key).await, 200);
        assert_eq!(admitted(&installation, "another key").await, 401);
        let first = server.stop().await;
        assert_eq!(first.matches(&key).count(), 1, "shown once:\n{first}");

        let server = installation.start().await;
        assert_eq!(admitted(&installation, &key).await, 200, "the key stays");
        let second = server.stop().await;
        assert_eq!(printed_key(&second), None);
        for out in [first, second] {
            let names_issuer = |line: &str| {
                line.starts_with("issuer") && line.ends_with(installation.issuer())
            };
            assert!(out.lines().any(names_issuer), "{out}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_that_boot_at_once_on_an_empty_postgresql_both_come_up() {
    let one = Installation::new(Backend::Postgres).await;
    let other = one.replica();

    let (mut first, mut second) = (one.launch(), other.launch());
    first.ready().await;
    second.ready().await;

    let machine = Machine::create(&one, &mut first).await;
    second.knows("mcp").await;
    for server in [&first, &second] {
        let answer = machine.token(&server.url("/oauth/token")).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}\n{}", server.tail());
    }
    let keys = [first.stop().await, second.stop().await].map(|out| printed_key(&out));
    assert_eq!(keys.iter().flatten().count(), 1, "one of them made the admin key: {keys:?}");
}

// What follows is decided before the database is opened.

#[tokio::test]
async fn an_address_in_use_ends_the_start_and_names_the_setting() {
    for (variable, setting) in [
        ("AUTHPLANE_SERVER_ADDRESS", "server.address"),
        ("AUTHPLANE_ADMIN_ADDRESS", "admin.address"),
    ] {
        let taken = TcpListener::bind(("127.0.0.1", free_port())).unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let installation = Installation::new(Backend::Sqlite).await.with(variable, &address);

        let ended = installation.launch().end().await;

        refused(&ended, setting);
        refused(&ended, &address);
    }
}

#[tokio::test]
async fn an_unknown_setting_ends_the_start_and_is_named() {
    let installation = Installation::new(Backend::Sqlite).await;

    let variable = installation.clone().with("AUTHPLANE_SERVER_ISSUED", "http://localhost");
    refused(&variable.launch().end().await, "AUTHPLANE_SERVER_ISSUED");

    let file = installation.folder().join("config.yaml");
    std::fs::write(file, "oauth:\n  code_expirey: 30s\n").unwrap();
    refused(&installation.launch().end().await, "oauth.code_expirey");
}

#[tokio::test]
async fn a_start_in_an_empty_folder_needs_no_settings() {
    let installation = Installation::bare();

    let mut server = installation.start().await;
    let machine = Machine::create(&installation, &mut server).await;
    let answer = machine.token(&server.url("/oauth/token")).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let out = server.stop().await;

    assert!(printed_key(&out).is_some(), "{out}");
    assert!(installation.folder().join("data/authserver.db").exists());
}

/// Making a new one would be of no use to anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_root_secret_is_named_and_not_replaced() {
    let installation = Installation::new(Backend::Sqlite).await;
    installation.start().await.stop().await;
    let secret = installation.folder().join("keys").join("root-secret");
    let kept = std::fs::read(&secret).unwrap();
    std::fs::remove_file(&secret).unwrap();

    refused(&installation.launch().end().await, "root-secret is missing");

    assert!(!secret.exists(), "a new one was made");
    std::fs::write(&secret, kept).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    installation.start().await.stop().await;
}

/// Alerts and log volume must not be in the hands of strangers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_strangers_send_is_no_error_in_the_log() {
    let installation = Installation::new(Backend::Sqlite).await;
    let server = installation.start().await;
    let address = server.url("").replace("http://", "");
    for garbage in ["GET /\0 HTTP/1.1\r\n\r\n", "nonsense\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
        let mut peer = TcpStream::connect(&address).unwrap();
        peer.write_all(garbage.as_bytes()).unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut answer = Vec::new();
        peer.read_to_end(&mut answer).unwrap();
        assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 400"), "{garbage:?}");
    }
    let out = server.stop().await;
    assert!(out.contains("\"level\":\"INFO\""), "there is a log:\n{out}");
    assert!(!out.contains("\"level\":\"ERROR\""), "{out}");
}
