//! A machine's clock is set right, back or forward: nothing fails for it, nothing that has ended comes
//! back, and what people hold goes on.

use actors::janitor::SweepNow;

use crate::kit::client::jose_header;
use crate::kit::jwt::Jwks;
use crate::kit::stage::{Stage, Tokens};
use crate::kit::{Server, on_both_databases};

const HOUR: u64 = 60 * 60;

on_both_databases! {
    /// What was handed out before now bears times that are still to come.
    async fn a_clock_that_is_set_back_takes_nothing_from_anybody(server: Server) {
        let stage = Stage::set(server).await;
        let held = stage.tokens(server).await;
        let code = stage.code(server).await;

        server.set_back(2 * HOUR);

        assert!(stage.active(server, &held.access).await);
        let next = Tokens::of(&stage.app.refresh(server, &held.refresh).await);
        let again = Tokens::of(&stage.app.refresh(server, &held.refresh).await);
        assert_eq!(again.refresh, next.refresh, "the same successor for who asks twice");
        let redeemed = Tokens::of(&stage.redeem(server, &code).await);
        for access in [&next.access, &redeemed.access] {
            assert!(stage.active(server, access).await);
        }
        stage.redeem(server, &code).await.refused(400, "invalid_grant");
        server.services.keepers.janitor.ask(SweepNow).await.unwrap().unwrap();
        assert!(stage.active(server, &next.access).await, "nothing was swept for it");
    }

    async fn a_clock_that_jumps_ahead_ends_what_has_expired_and_when_set_right_gives_it_back(
        server: Server
    ) {
        let stage = Stage::set(server).await;
        let held = stage.tokens(server).await;
        let code = stage.code(server).await;

        server.wait(2 * HOUR);
        assert!(!stage.active(server, &held.access).await);
        stage.redeem(server, &code).await.refused(400, "invalid_grant");
        server.set_back(2 * HOUR);

        assert!(stage.active(server, &held.access).await);
        let next = stage.app.refresh(server, &held.refresh).await;
        assert_eq!(next.status, 200, "{next:?}");
    }

    async fn what_was_revoked_while_the_clock_was_ahead_stays_revoked(server: Server) {
        let stage = Stage::set(server).await;
        let held = stage.tokens(server).await;

        server.wait(24 * HOUR);
        let next = Tokens::of(&stage.app.refresh(server, &held.refresh).await);
        let form = [("token", next.refresh.as_str())];
        let revoked = stage.app.post(server, "/oauth/revoke", &form).await;
        assert_eq!(revoked.status, 200, "{revoked:?}");
        server.set_back(24 * HOUR);

        for access in [&held.access, &next.access] {
            assert!(!stage.active(server, access).await);
        }
        stage.app.refresh(server, &next.refresh).await.refused(400, "invalid_grant");
    }

    /// The key that signs is published, whatever the clock did to the schedule.
    async fn every_token_verifies_with_what_is_published_on_either_side_of_a_step(server: Server) {
        let stage = Stage::set(server).await;
        let rotation = server.admin_post("/admin/keys/rotate", &serde_json::json!({})).await;
        assert_eq!(rotation.status, 200, "{rotation:?}");

        let mut held = vec![stage.tokens(server).await.access];
        for hours_ahead in [3, 0, 1] {
            server.wait(hours_ahead * HOUR);
            held.push(stage.tokens(server).await.access);
            server.set_back(hours_ahead * HOUR);
            held.push(stage.tokens(server).await.access);
        }

        let published = Jwks::of(server).await.kids();
        let newest = jose_header(held.last().unwrap())["kid"].as_str().unwrap().to_owned();
        assert!(published.contains(&newest), "{newest} signs, {published:?} are published");
    }
}
