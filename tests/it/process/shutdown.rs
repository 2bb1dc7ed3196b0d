//! Stopping: what was answered was done, and is there afterwards.

use std::collections::HashSet;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use entities::{Store, audit_event, issuance};
use uuid::Uuid;

use super::load::{Acknowledged, Load};
use super::tenant::{App, Machine};
use crate::kit::process::{Installation, ServerProcess};
use crate::kit::{Backend, on_both_databases};

const MACHINES: usize = 16;
const FAMILIES: usize = 16;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
const HALF_A_REQUEST: &[u8] = b"POST /oauth/token HTTP/1.1\r\nHost: localhost\r\n\
    Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant_type=";
/// Answers before the signal: enough for every client to be in the middle of something.
const UNDER_WAY: u64 = 400;

on_both_databases! {
    /// Thirty-two clients, SIGTERM in the middle.
    async fn a_stop_under_load_loses_nothing_that_was_acknowledged(backend: Backend) {
        let installation = Installation::new(backend).await;
        let mut server = installation.start().await;
        let (app, mut load) = put_under_load(&installation, &mut server).await;

        load.answers(UNDER_WAY).await;
        load.expect_the_end();
        server.terminate();
        server.ended_well().await;

        let told = load.finish().await;
        all_of_it_is_on_record(&installation, &told).await;
        let server = installation.start().await;
        every_tip_lives(&server, &app, &told).await;
        server.stop().await;
    }

    /// The same without a word of warning.
    async fn a_kill_under_load_loses_nothing_that_was_acknowledged(backend: Backend) {
        let installation = Installation::new(backend).await;
        let mut server = installation.start().await;
        let (app, mut load) = put_under_load(&installation, &mut server).await;

        load.answers(UNDER_WAY).await;
        load.expect_the_end();
        server.kill();

        let told = load.finish().await;
        let server = installation.start().await;
        all_of_it_is_on_record(&installation, &told).await;
        every_tip_lives(&server, &app, &told).await;
        server.stop().await;
    }
}

/// One connection that has nothing to say any more, and one that never finishes its request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_that_dawdle_delay_a_stop_by_the_shutdown_wait_at_most() {
    let installation = Installation::new(Backend::Sqlite).await;
    let mut server = installation.with("AUTHPLANE_SERVER_SHUTDOWN_WAIT", "1s").start().await;
    let idle = reqwest::Client::new();
    let answer = idle.get(server.url("/livez")).timeout(PATIENCE).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), r#"{"status":"ok"}"#);
    let address = server.url("").replace("http://", "");
    let mut dawdling = TcpStream::connect(address).unwrap();
    dawdling.write_all(HALF_A_REQUEST).unwrap();

    let asked = Instant::now();
    server.terminate();
    server.ended_well().await;

    // One second, and some for a machine that is busy; it would be ten had nobody set it.
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    drop((idle, dawdling));
}

async fn put_under_load(installation: &Installation, server: &mut ServerProcess) -> (App, Load) {
    let machine = Machine::create(installation, server).await;
    let (app, families) = App::sign_in(installation, server, FAMILIES).await;
    let load = Load::start(server.url("/oauth/token"), &machine, MACHINES, &app, families);
    (app, load)
}

/// Every access token that a client holds is in the database, and so is its audit row.
async fn all_of_it_is_on_record(installation: &Installation, told: &[Acknowledged]) {
    let tokens: HashSet<Uuid> = told.iter().flat_map(|it| it.tokens.clone()).collect();
    assert!(tokens.len() as u64 >= UNDER_WAY, "{} tokens", tokens.len());
    let store = installation.store().await;
    let recorded = recorded(&store, &tokens).await;
    let audited = audited(&store).await;
    store.close().await;
    let unrecorded: Vec<&Uuid> = tokens.difference(&recorded).collect();
    assert!(unrecorded.is_empty(), "tokens nobody wrote down: {unrecorded:?}");
    let unaudited: Vec<&Uuid> = tokens.difference(&audited).collect();
    assert!(unaudited.is_empty(), "tokens the audit log lacks: {unaudited:?}");
}

async fn recorded(store: &Store, tokens: &HashSet<Uuid>) -> HashSet<Uuid> {
    let mut found = HashSet::new();
    let tokens: Vec<Uuid> = tokens.iter().copied().collect();
    for some in tokens.chunks(1000) {
        let some = some.to_vec();
        let rows = store.read(|db| async move { issuance::find_all(&db, some).await });
        found.extend(rows.await.unwrap().iter().map(|row| row.jti));
    }
    found
}

async fn audited(store: &Store) -> HashSet<Uuid> {
    let events = store.read(|db| async move { audit_event::newest(&db, 1_000_000).await });
    let issued = ["client_credentials.issued", "token.refreshed"];
    let events = events.await.unwrap();
    let events = events.iter().filter(|event| issued.contains(&event.action.as_str()));
    let details = events.flat_map(|event| event.detail.split(' '));
    let jtis = details.filter_map(|pair| pair.strip_prefix("jti="));
    jtis.map(|jti| Uuid::parse_str(jti).unwrap()).collect()
}

/// The refresh token that was acknowledged last works: it is the tip, or the one before, whose
/// successor was committed and never arrived. An older one would be reuse and end the family; one
/// that the database does not know yet would be refused.
async fn every_tip_lives(server: &ServerProcess, app: &App, told: &[Acknowledged]) {
    let endpoint = server.url("/oauth/token");
    let tips: Vec<&(String, u64)> = told.iter().filter_map(|told| told.tip.as_ref()).collect();
    assert_eq!(tips.len(), FAMILIES);
    for (tip, rotations) in tips {
        assert!(*rotations > 0, "every family was rotated at least once");
        let next = app.refresh(&endpoint, tip).await.unwrap();
        assert_eq!(next.status, 200, "after {rotations} rotations: {next:?}\n{}", server.tail());
        let after = app.refresh(&endpoint, &next.member("refresh_token")).await.unwrap();
        assert_eq!(after.status, 200, "the family goes on: {after:?}\n{}", server.tail());
    }
}
