//! PostgreSQL goes away under load and comes back.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::load::Load;
use super::record::{all_of_it_is_on_record, every_tip_lives};
use crate::kit::Answer;
use crate::kit::postgres::PrivateCluster;
use crate::kit::process::{Installation, ServerProcess};
use crate::kit::tenant::{App, Machine};

const AWAY: Duration = Duration::from_secs(10);
/// How soon everything works again once the database does.
const RECOVERY: Duration = Duration::from_secs(20);
/// What needs no database.
const ALWAYS_THERE: [&str; 4] = [
    "/livez",
    "/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource/mcp",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_seconds_without_postgresql_are_answered_503_and_nothing_is_half_done() {
    let cluster = PrivateCluster::start();
    let installation = Installation::in_cluster(&cluster).await;
    let mut server = installation.start().await;
    let machine = Machine::create(&installation, &mut server).await;
    let (app, families) = App::sign_in(&installation, &server.url(""), 6).await;
    let mut load = Load::start(server.url("/oauth/token"), &machine, 6, &app, families);
    load.answers(200).await;

    load.expect_a_storm();
    cluster.go_away();
    let gone = Instant::now();
    let before = load.so_far();
    while gone.elapsed() < AWAY {
        for path in ALWAYS_THERE {
            assert_eq!(get(&server, path).await.status, 200, "{path}\n{}", server.tail());
        }
        sleep(Duration::from_millis(250)).await;
    }
    let refused = machine.token(&server.url("/oauth/token")).await.expect("an answer in time");
    refused.refused(503, "temporarily_unavailable");
    assert!(!refused.header("retry-after").is_empty(), "{refused:?}");
    assert_eq!(get(&server, "/ready").await.status, 503);
    let meanwhile = load.so_far() - before;
    assert!(meanwhile < 50, "{meanwhile} answers without a database");

    cluster.come_back();
    let back = Instant::now();
    while get(&server, "/ready").await.status != 200 {
        assert!(back.elapsed() < RECOVERY, "not ready again\n{}", server.tail());
        sleep(Duration::from_millis(100)).await;
    }
    load.answers(before + meanwhile + 200).await;

    let told = load.end().await;
    assert!(told.iter().all(|it| it.refusals > 0), "every client noticed");
    all_of_it_is_on_record(&installation, &told).await;
    every_tip_lives(&server, &app, &told).await;
    server.stop().await;
}

async fn get(server: &ServerProcess, path: &str) -> Answer {
    let asked = reqwest::Client::new().get(server.url(path)).timeout(Duration::from_secs(10));
    Answer::of(asked.send().await.expect(path)).await
}
