//! A disk that takes no more.
//!
//! The system refuses every write of the process to a file (`RLIMIT_FSIZE`), the log included.

use std::time::Duration;

use tokio::time::sleep;

use super::load::Load;
use super::record::{all_of_it_is_on_record, every_tip_lives};
use crate::kit::Backend;
use crate::kit::process::Installation;
use crate::kit::tenant::{App, Machine};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_nothing_is_issued_and_with_room_again_everything_goes_on() {
    let installation = Installation::new(Backend::Sqlite).await;
    let mut server = installation.start().await;
    let machine = Machine::create(&installation, &mut server).await;
    let (app, families) = App::sign_in(&installation, &server.url(""), 4).await;
    let mut load = Load::start(server.url("/oauth/token"), &machine, 4, &app, families);
    load.answers(100).await;

    load.expect_a_storm();
    server.may_write(false);
    sleep(Duration::from_secs(1)).await;
    let before = load.so_far();
    for _ in 0..3 {
        let refused = machine.token(&server.url("/oauth/token")).await.expect("an answer");
        refused.refused(503, "temporarily_unavailable");
        assert!(!refused.header("retry-after").is_empty(), "{refused:?}");
        sleep(Duration::from_millis(300)).await;
    }
    assert_eq!(load.so_far(), before, "nothing was issued that could not be written down");

    server.may_write(true);
    load.answers(before + 100).await;

    let told = load.end().await;
    assert!(told.iter().all(|it| it.refusals > 0), "every client noticed");
    all_of_it_is_on_record(&installation, &told).await;
    every_tip_lives(&server, &app, &told).await;
    server.stop().await;
}
