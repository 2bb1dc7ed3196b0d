//! Starting: what the server says, and what it refuses.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::kit::behind::execute;
use crate::kit::process::{Ended, Installation, ServerProcess, free_port};
use crate::kit::tenant::Machine;
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

/// Adds to the schema, and notes it as a migration with this name.
async fn migrate_as(installation: &Installation, migration: &str) {
    let store = installation.store().await;
    let note =
        format!("INSERT INTO seaql_migrations (version, applied_at) VALUES ('{migration}', 0)");
    for sql in [&format!("ALTER TABLE clients ADD COLUMN of_{migration} text"), &note] {
        execute(&store, sql).await.unwrap();
    }
    store.close().await;
}

on_both_databases! {
    /// In the middle of an upgrade, or on the way back from one.
    async fn a_database_that_a_newer_version_has_migrated_is_used_as_it_is(backend: Backend) {
        let installation = Installation::new(backend).await;
        let mut server = installation.start().await;
        let machine = Machine::create(&installation, &mut server).await;
        server.stop().await;
        migrate_as(&installation, "m9001_more").await;

        let server = installation.start().await;
        let answer = machine.token(&server.url("/oauth/token")).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        let said = server.stop().await;
        let line = said.lines().find(|it| it.contains("a newer version has migrated the database"));
        assert!(line.is_some_and(|line| line.contains("m9001_more")), "{said}");

        migrate_as(&installation, "m9002_contract_more").await;
        refused(&installation.launch().end().await, "m9002_contract_more");
        let migrated = installation.run(&["migrate"], "").await;
        refused(&migrated, "restore the backup from before");
    }
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_with_a_root_key_that_can_be_guessed_says_so_and_does_not_repeat_it() {
    let key = "rules-the-world-4";
    let installation = Installation::new(Backend::Sqlite).await;
    let weak = installation.clone().with("AUTHPLANE_ADMIN_API_KEY", key);
    let said = weak.start().await.stop().await;
    let warns = |line: &&str| line.contains("WARN") && line.contains("admin.api_key");
    assert_eq!(said.lines().filter(warns).count(), 1, "{said}");
    assert!(!said.contains(key), "{said}");
    let strong = installation.with("AUTHPLANE_ADMIN_API_KEY", "8f5b7c1e93a04d62b1e7c05f2a9d3846");
    let said = strong.start().await.stop().await;
    assert_eq!(said.lines().filter(warns).count(), 0, "{said}");
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

/// In what a stranger says: line breaks of all kinds, and what makes a terminal show something else.
const FORGED: &str = "x\r\nFORGED line\n{\"level\":\"ERROR\",\"forged\":1}\u{1b}[2K\u{1b}]0;FORGED\u{7}\u{85}FORGED\u{2028}\
    FORGED\u{2029}FORGED\u{b}FORGED\u{c}FORGED\u{202e}FORGED\u{2066}FORGED\u{0}";

/// Says it wherever the public surface listens.
async fn say_it_everywhere(server: &ServerProcess) {
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let http = http.build().unwrap();
    // What has a control character in it is refused early; the rest comes further.
    let nul_free = FORGED.replace('\0', "");
    let printable = FORGED.replace(|letter: char| letter.is_control(), "");
    for said in [FORGED, &nul_free, &printable] {
        let authorize = http.get(server.url("/oauth/authorize"));
        let names = ["client_id", "redirect_uri", "scope", "state", "response_type", "resource"];
        let asked = authorize.query(&names.map(|name| (name, said)));
        let path: String = url::form_urlencoded::byte_serialize(said.as_bytes()).collect();
        let header = serde_json::json!({ "alg": said, "kid": said, "typ": said }).to_string();
        let claims = serde_json::json!({ "iss": said, "sub": said, "jti": said }).to_string();
        let base64url = |text: String| URL_SAFE_NO_PAD.encode(text);
        let assertion = format!("{}.{}.AAAA", base64url(header), base64url(claims));
        let document = serde_json::json!({
            "client_name": said, "client_uri": said, "redirect_uris": [said], "contacts": [said],
        });
        let named = serde_json::json!({
            "client_name": said, "redirect_uris": ["https://app.example/callback"],
        });
        let form = |form: &[(&str, &str)]| http.post(server.url("/oauth/token")).form(form);
        let jwt = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        for request in [
            asked,
            http.get(server.url(&format!("/{path}"))),
            http.get(server.url(&format!("/.well-known/oauth-protected-resource/{path}"))),
            http.post(server.url("/oauth/register")).json(&document),
            http.post(server.url("/oauth/register")).json(&named),
            form(&[("grant_type", said), ("client_id", said), ("scope", said)]),
            form(&[("grant_type", "refresh_token"), ("refresh_token", said), ("client_id", said)]),
            form(&[
                ("grant_type", "client_credentials"),
                ("client_id", said),
                ("client_secret", said),
            ]),
            form(&[("grant_type", "client_credentials")]).basic_auth(said, Some(said)),
            form(&[("client_assertion_type", jwt), ("client_assertion", &assertion)]),
            form(&[("client_assertion_type", said), ("client_assertion", said)]),
            http.post(server.url("/oauth/introspect")).form(&[("token", assertion.as_str())]),
            http.post(server.url("/login")).form(&[("email", said), ("password", said)]),
            http.get(server.url("/login")).header("user-agent", "x\u{2028}FORGED\u{202e}FORGED"),
            http.get(server.url("/login")).header("x-forwarded-for", "x\u{2028}FORGED"),
        ] {
            drop(request.send().await.unwrap().text().await);
        }
        // A sign-in that gets as far as the password.
        let page = http.get(server.url("/login")).send().await.unwrap();
        let cookie = page.headers()["set-cookie"].to_str().unwrap().to_owned();
        let page = page.text().await.unwrap();
        let (_, token) = page.split_once("name=\"csrf\" value=\"").unwrap();
        let fields =
            [("csrf", token.split('"').next().unwrap()), ("email", said), ("password", said)];
        let typed = http.post(server.url("/login")).form(&fields);
        let typed = typed.header("cookie", cookie.split(';').next().unwrap());
        drop(typed.send().await.unwrap().text().await);
    }
}

/// Whoever reads or searches the log must not be told by a stranger what is in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_a_stranger_says_makes_a_line_of_its_own_in_the_log() {
    for format in ["json", "text"] {
        let installation = Installation::new(Backend::Sqlite)
            .await
            .with("AUTHPLANE_OBSERVABILITY_LOGGING_FORMAT", format)
            .with("AUTHPLANE_OBSERVABILITY_LOGGING_LEVEL", "debug");
        let server = installation.start().await;
        say_it_everywhere(&server).await;
        let out = server.stop().await;
        assert!(out.contains("FORGED"), "it is written down, in some way:\n{out}");
        let breaks = ['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];
        for line in out.split(breaks) {
            let forged = ["FORGED", "{\"level\":\"ERROR\""].iter().any(|it| line.starts_with(it));
            assert!(!forged, "{format}: {line:?}");
        }
        // The text form is coloured by us, never by anybody else.
        let ours = |text: &str| text.strip_prefix('[').is_some_and(|it| it.contains('m'));
        let mut escapes = out.split('\u{1b}').skip(1);
        assert!(escapes.all(|text| ours(text) && !text.starts_with("[2K")), "{format}: {out:?}");
        for hidden in ['\u{7}', '\u{202e}', '\u{2066}', '\0'] {
            assert!(!out.contains(hidden), "{format} {hidden:?}: {out:?}");
        }
    }
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
