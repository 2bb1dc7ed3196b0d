//! Deleting clients, also while they are getting tokens.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use authserver::administration::client;
use futures::future::join_all;
use protocol::client::ClientStatus;

use super::{at_the_desk, dependents, is_missing, noted};
use crate::kit::stage::{RESOURCE, Stage, Tokens, machine, public_app};
use crate::kit::{Server, TokenClient, on_both_databases};

const FORM: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("resource", RESOURCE)];

/// Machine tokens that `robot` got while `act` was done somewhere in the middle: several ask
/// at once, over and over, until they are refused.
async fn tokens_during(
    robot: &TokenClient,
    servers: &[&Server],
    act: impl Future<Output = ()>,
) -> Vec<String> {
    let given = AtomicUsize::new(0);
    let asks = (0..8).map(|n| {
        let (given, server) = (&given, servers[n % servers.len()]);
        async move {
            let mut tokens = Vec::new();
            loop {
                let answer = robot.token(server, &FORM).await;
                if answer.status != 200 {
                    answer.refused(401, "invalid_client");
                    return tokens;
                }
                tokens.push(answer.member("access_token"));
                given.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let act_in_the_middle = async {
        while given.load(Ordering::Relaxed) < 24 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        act.await;
    };
    let (tokens, ()) = tokio::join!(join_all(asks), act_in_the_middle);
    tokens.concat()
}

/// Tokens in the database that nobody revoked, of this client.
async fn unrevoked(server: &Server, client_id: &str) -> u64 {
    let none = format!(
        "UPDATE issuances SET scopes = scopes WHERE client_id = '{client_id}' AND revoked_at IS NULL"
    );
    server.execute(&none).await
}

on_both_databases! {
    async fn a_client_that_holds_something_is_deleted_only_with_force(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let (app, code) = (&stage.app.id, stage.code(server).await);
        let refused = at_the_desk!(server, desk => client::delete(&desk, app, false));
        let held = [("families".to_owned(), 1), ("issuances".to_owned(), 1)];
        assert_eq!(dependents(refused), held);
        assert!(stage.active(server, &tokens.access).await, "nothing happened");

        let reach = at_the_desk!(server, desk => client::delete(&desk, app, true)).unwrap();
        assert_eq!((reach.families, reach.issuances), (1, 1));
        let said = "admin:test revoked_families=1 revoked_issuances=1";
        assert_eq!(noted(server, "client.deleted").await, said);
        assert!(!stage.active(server, &tokens.access).await);
        stage.app.refresh(server, &tokens.refresh).await.refused(401, "invalid_client");
        stage.redeem(server, &code).await.refused(401, "invalid_client");
        is_missing(at_the_desk!(server, desk => client::get(&desk, app)), "client_not_found");
        let again = at_the_desk!(server, desk => client::delete(&desk, app, true));
        is_missing(again, "client_not_found");
        assert!(stage.consent_grants(server).await.is_empty(), "nobody agreed to anything");
    }

    async fn a_client_that_holds_nothing_is_deleted_without_force(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let form = [("token", tokens.refresh.as_str())];
        stage.app.post(server, "/oauth/revoke", &form).await;
        let app = &stage.app.id;
        at_the_desk!(server, desk => client::delete(&desk, app, false)).unwrap();
        // What has expired is no reason either.
        let other = TokenClient::of(&server.client(public_app()).await);
        stage.tokens_for(server, &other, &[("resource", RESOURCE)]).await;
        server.wait(8 * 24 * 3600);
        at_the_desk!(server, desk => client::delete(&desk, &other.id, false)).unwrap();
    }

    /// The id may come back one day, at least where it is an URL; its authority must not.
    async fn a_deleted_client_acts_as_no_resource_any_more(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let guard = &stage.guard.id;
        at_the_desk!(server, desk => client::delete(&desk, guard, false)).unwrap();
        let resources = server.services.keepers.catalog.resources();
        assert!(resources.iter().all(|it| it.policy.runtime.client_ids.is_empty()));
        let form = [("token", tokens.access.as_str())];
        stage.guard.post(server, "/oauth/introspect", &form).await.refused(401, "invalid_client");
    }

    /// The ledger writes a token down only while its client is there, whatever the caches of
    /// the servers still say.
    async fn a_client_deleted_at_a_replica_keeps_no_token_it_was_getting(server: Server) {
        server.resource("mcp", RESOURCE, &["read"]).await;
        let replica = server.replica().await;
        for _ in 0..4 {
            let robot = TokenClient::of(&server.client(machine("read")).await);
            assert_eq!(robot.token(server, &FORM).await.status, 200);
            let act = async {
                at_the_desk!(replica, desk => client::delete(&desk, &robot.id, true)).unwrap();
            };
            let given = tokens_during(&robot, &[server, &replica], act).await;
            assert!(given.len() >= 24);
            assert_eq!(unrevoked(server, &robot.id).await, 0);
            // This server has not heard of it yet, and hands out nothing all the same.
            robot.token(server, &FORM).await.refused(401, "invalid_client");
            assert_eq!(unrevoked(server, &robot.id).await, 0);
        }
        replica.stop().await;
    }

    async fn a_client_revoked_at_a_replica_keeps_no_token_it_was_getting(server: Server) {
        server.resource("mcp", RESOURCE, &["read"]).await;
        let replica = server.replica().await;
        for _ in 0..4 {
            let robot = TokenClient::of(&server.client(machine("read")).await);
            assert_eq!(robot.token(server, &FORM).await.status, 200);
            let act = async {
                let revoked = ClientStatus::Revoked;
                at_the_desk!(replica, desk => client::set_status(&desk, &robot.id, revoked)).unwrap();
            };
            tokens_during(&robot, &[server], act).await;
            assert_eq!(unrevoked(server, &robot.id).await, 0);
            robot.token(server, &FORM).await.refused(401, "invalid_client");
        }
        replica.stop().await;
    }

    /// A decision that was under way must not leave a code for an id that may come back.
    async fn a_decision_after_the_client_was_deleted_gives_no_code(server: Server) {
        let stage = Stage::set(server).await;
        let decision = stage.decision(server).await;
        let replica = server.replica().await;
        let app = &stage.app.id;
        at_the_desk!(replica, desk => client::delete(&desk, app, true)).unwrap();
        let decided = server.services.keepers.consent.ask(decision).await.unwrap().unwrap();
        assert!(matches!(decided, actors::consent::Decided::Gone), "{decided:?}");
        assert!(stage.consent_grants(server).await.is_empty());
        replica.stop().await;
    }

    async fn a_client_deleted_while_its_sign_ins_are_used_leaves_nothing_alive(server: Server) {
        let stage = Stage::set(server).await;
        let mut tokens = Vec::new();
        let mut codes = Vec::new();
        for _ in 0..15 {
            tokens.push(stage.tokens(server).await);
            codes.push(stage.code(server).await);
        }
        let replica = server.replica().await;
        let app = &stage.app.id;
        let act = async {
            tokio::time::sleep(Duration::from_millis(4)).await;
            at_the_desk!(replica, desk => client::delete(&desk, app, true)).unwrap();
        };
        let refreshes = tokens.iter().map(|it| stage.app.refresh(server, &it.refresh));
        let redemptions = codes.iter().map(|code| stage.redeem(server, code));
        let (refreshed, redeemed, ()) = tokio::join!(join_all(refreshes), join_all(redemptions), act);
        for answer in refreshed.iter().chain(&redeemed) {
            assert!(matches!(answer.status, 200 | 400 | 401), "{answer:?}");
        }
        let given = refreshed.iter().chain(&redeemed).filter(|answer| answer.status == 200);
        let access: Vec<String> =
            given.map(|answer| Tokens::of(answer).access).chain(tokens.into_iter().map(|it| it.access)).collect();
        assert_eq!(stage.active_among(server, &access).await, 0);
        assert_eq!(unrevoked(server, app).await, 0);
        let live = format!(
            "UPDATE families SET scopes = scopes WHERE client_id = '{app}' AND revoked_at IS NULL"
        );
        assert_eq!(server.execute(&live).await, 0);
        replica.stop().await;
    }
}
