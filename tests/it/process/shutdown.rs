//! Stopping: what was answered was done, and is there afterwards.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::load::Load;
use super::record::{all_of_it_is_on_record, every_tip_lives};
use crate::kit::process::{Installation, ServerProcess};
use crate::kit::tenant::{App, Machine};
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
    let (app, families) = App::sign_in(installation, &server.url(""), FAMILIES).await;
    let load = Load::start(server.url("/oauth/token"), &machine, MACHINES, &app, families);
    (app, load)
}
