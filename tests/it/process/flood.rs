//! Thousands of connections that come to nothing: what they cost, and who notices.

use std::fs;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::kit::Backend;
use crate::kit::process::Installation;
use crate::kit::tenant::Machine;

/// As many as this process and the server may have open, at most.
const CONNECTIONS: u64 = 3_000;
/// What one of them may cost the server, in KiB: buffers for what it reads and sends, and a
/// request that was begun.
const COST_OF_ONE: u64 = 64;

/// What those who come to nothing have sent when they fall silent.
const BEGINNINGS: [&str; 3] = [
    "",
    "GET /oauth/authorize?client_id=x HTTP/1.1\r\nhost: x\r\nx-filler: yyyyyyyyyyyyyyyyyyyyyyyyyyyy",
    "POST /oauth/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\
     content-length: 999\r\n\r\ngrant_type=client_credentials",
];

/// How many files this process may have open; a server it starts has the same limit.
fn open_files() -> u64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    line.split_whitespace().nth(3).unwrap().parse().unwrap_or(u64::MAX)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_connections_costs_little_and_others_are_served_meanwhile() {
    // As behind a proxy: from one address alone only a quarter would get in.
    let installation = Installation::new(Backend::Sqlite)
        .await
        .with("AUTHPLANE_SERVER_TRUSTED_PROXIES", "127.0.0.0/8");
    let mut server = installation.start().await;
    let machine = Machine::create(&installation, &mut server).await;
    let url = server.url("/oauth/token");
    machine.token(&url).await.expect("an answer");
    let before = server.resident_kib();
    let count = CONNECTIONS.min(open_files().saturating_sub(500));
    assert!(count >= 500, "too few files may be open to try this: ulimit -n 4096");

    let mut held = Vec::new();
    for (_, beginning) in (0..count).zip(BEGINNINGS.into_iter().cycle()) {
        let mut stream = TcpStream::connect(installation.address()).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        held.push(stream);
    }

    for _ in 0..20 {
        let asked = tokio::time::timeout(Duration::from_secs(10), machine.token(&url)).await;
        let answer = asked.expect("in time").expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let cost = server.resident_kib().saturating_sub(before);
    assert!(cost < count * COST_OF_ONE, "{count} connections cost {cost} KiB");
    drop(held);
    server.stop().await;
}
