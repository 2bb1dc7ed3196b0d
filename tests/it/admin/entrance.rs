//! Who is let in: nobody without a key, nobody without the right, and before anything is read.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use protocol::admin::{Area, Right};

use super::{Entry, ask, ask_with, key_with, operations};
use crate::kit::server::ADMIN_KEY;
use crate::kit::{Server, on_both_databases};

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
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, POST"));
        ask(server, "GET", "/admin/fronting", None).await.refused(404, "not_found");
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
