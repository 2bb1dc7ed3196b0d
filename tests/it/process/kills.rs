//! Power cuts, one after the other, in the middle of everything.

use super::load::{Acknowledged, Load};
use super::record::{all_of_it_is_on_record, every_tip_lives};
use crate::kit::on_both_databases;
use crate::kit::process::{Installation, ServerProcess};
use crate::kit::tenant::{App, Machine};

const KILLS: u64 = 20;
const MACHINES: usize = 6;
const FAMILIES: usize = 6;
const REDEEMERS: usize = 2;

on_both_databases! {
    /// Machines, rotations and code redemptions; killed after more answers each time, so that the
    /// blow falls somewhere else each time.
    async fn twenty_kills_in_a_row_lose_nothing_and_double_nothing(backend: Backend) {
        // A token whose successor was committed and never arrived is used again after the restart,
        // however long that takes on a machine that is busy.
        let installation = Installation::new(backend).await;
        let installation = installation.with("AUTHPLANE_OAUTH_REFRESH_GRACE", "5m");
        let mut server = installation.start().await;
        let machine = Machine::create(&installation, &mut server).await;
        let (app, mut tips) = App::sign_in(&installation, &server.url(""), FAMILIES).await;
        let mut told = Vec::new();

        for kill in 0..KILLS {
            let endpoint = server.url("/oauth/token");
            let mut load = Load::start(endpoint, &machine, MACHINES, &app, tips);
            for redeemer in 0..REDEEMERS {
                load.redeem_codes(server.url(""), &app, &format!("{kill} {redeemer}"));
            }
            // What PostgreSQL had begun for the server that is gone may hold rows for a moment: who
            // waits for them too long is told to come again.
            load.expect_a_storm();
            load.answers(40 + 13 * kill).await;
            load.expect_the_end();
            server.kill();
            let heard = load.finish().await;
            server = installation.start().await;
            no_code_works_twice(&server, &app, &heard).await;
            tips = heard.iter().filter_map(|it| Some(it.tip.as_ref()?.0.clone())).collect();
            told.extend(heard);
        }

        all_of_it_is_on_record(&installation, &told).await;
        let last = told.split_off(told.len() - MACHINES - FAMILIES - REDEEMERS);
        every_tip_lives(&server, &app, &last).await;
        server.stop().await;
    }
}

/// A code whose tokens arrived gives none again. One whose redemption was never heard of may give
/// some, once.
async fn no_code_works_twice(server: &ServerProcess, app: &App, heard: &[Acknowledged]) {
    let endpoint = server.url("/oauth/token");
    for it in heard.iter().flat_map(|heard| &heard.codes) {
        let mut successes = u32::from(it.acknowledged);
        let mut asked = 0;
        while asked < 2 {
            let again = app.redeem(&endpoint, &it.code, &it.pkce).await.unwrap();
            match again.status {
                200 => successes += 1,
                503 => {
                    assert!(!again.header("retry-after").is_empty(), "{again:?}");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
                _ => again.refused(400, "invalid_grant"),
            }
            asked += 1;
        }
        assert!(successes <= 1, "one code gave tokens {successes} times\n{}", server.tail());
    }
}
