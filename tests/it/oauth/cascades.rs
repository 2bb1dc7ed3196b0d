//! What a revocation reaches (contract 02), also of what is in flight while it happens.

use actors::audit::Origin;
use actors::users::AccountAct;
use authserver::administration::{client, user};
use futures::future::join_all;
use protocol::client::ClientStatus;

use crate::kit::stage::{
    OTHER_RESOURCE, REDIRECT, RESOURCE, Stage, Tokens, machine, person, public_app, revoke_grant,
};
use crate::kit::{Answer, Server, TokenClient, on_both_databases};

/// Disables the stage's person, as an operator does.
async fn disable_the_person(server: &Server, stage: &Stage) {
    let origin = Origin::local();
    let who = stage.person.id.to_string();
    user::act(&server.desk(&origin), &who, AccountAct::Disable).await.unwrap();
}

/// Revokes a client, as an operator does.
async fn revoke_the_client(server: &Server, id: &str) {
    let origin = Origin::local();
    client::set_status(&server.desk(&origin), id, ClientStatus::Revoked).await.unwrap();
}

/// Sign-ins with rotated tokens and codes that wait, so that everything is in flight at once.
struct InFlight {
    tokens: Vec<Tokens>,
    codes: Vec<String>,
}

impl InFlight {
    async fn prepare(server: &Server, stage: &Stage) -> InFlight {
        let mut in_flight = InFlight { tokens: Vec::new(), codes: Vec::new() };
        for _ in 0..20 {
            in_flight.tokens.push(stage.tokens(server).await);
            in_flight.codes.push(stage.code(server).await);
        }
        // Rows that have been moved about are locked in another order than they were made in.
        for n in (0..20).rev().step_by(2) {
            let tokens = &mut in_flight.tokens[n];
            *tokens = Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);
        }
        in_flight
    }

    /// Uses every token and every code while `act` is done; all access tokens there are.
    async fn use_during(
        &self,
        server: &Server,
        stage: &Stage,
        act: impl Future<Output = ()>,
    ) -> Vec<Tokens> {
        let refreshes = self.tokens.iter().rev().map(|it| stage.app.refresh(server, &it.refresh));
        let redemptions = self.codes.iter().map(|code| stage.redeem(server, code));
        let delayed = async {
            tokio::time::sleep(std::time::Duration::from_millis(4)).await;
            act.await;
        };
        let (refreshed, redeemed, ()) =
            tokio::join!(join_all(refreshes), join_all(redemptions), delayed);
        let answers: Vec<Answer> = refreshed.into_iter().chain(redeemed).collect();
        for answer in &answers {
            let refused = answer.status == 400 && answer.member("error") == "invalid_grant";
            let clean = answer.status == 200 || answer.status == 401 || refused;
            assert!(clean, "neither done nor refused: {answer:?}");
        }
        let given = answers.iter().filter(|answer| answer.status == 200).map(Tokens::of);
        given.chain(self.tokens.iter().cloned()).collect()
    }
}

/// Asserts that none of `tokens` is worth anything, at either server.
async fn nothing_works(stage: &Stage, servers: &[&Server], tokens: &[Tokens]) {
    let access: Vec<String> = tokens.iter().map(|tokens| tokens.access.clone()).collect();
    for server in servers {
        assert_eq!(stage.active_among(server, &access).await, 0);
        for token in tokens {
            let answer = stage.app.refresh(server, &token.refresh).await;
            assert!(matches!(answer.status, 400 | 401), "{answer:?}");
        }
    }
}

on_both_databases! {
    async fn taking_consent_back_reaches_what_rests_on_it_and_nothing_else(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let code = stage.code(server).await;
        let elsewhere = [("resource", OTHER_RESOURCE), ("scope", "list")];
        let other_resource = stage.tokens_for(server, &stage.app, &elsewhere).await;
        let both = [("resource", RESOURCE), ("resource", OTHER_RESOURCE), ("scope", "read list")];
        let both = stage.tokens_for(server, &stage.app, &both).await;
        let other_app = TokenClient::of(&server.client(public_app()).await);
        let here = [("resource", RESOURCE)];
        let other_apps = stage.tokens_for(server, &other_app, &here).await;
        let grants = stage.consent_grants(server).await;
        let mcp = server.services.keepers.catalog.resources().by_slug("mcp").unwrap().id;
        let grant = grants.iter().find(|grant| grant.resource_id == mcp).unwrap();

        revoke_grant(server, grant.id).await;

        assert!(!stage.active(server, &tokens.access).await);
        assert!(!stage.active(server, &both.access).await);
        for dead in [&tokens, &both] {
            stage.app.refresh(server, &dead.refresh).await.refused(400, "invalid_grant");
        }
        stage.redeem(server, &code).await.refused(400, "invalid_grant");
        assert!(stage.active(server, &other_resource.access).await);
        Tokens::of(&stage.app.refresh(server, &other_resource.refresh).await);
        assert!(stage.active(server, &other_apps.access).await);
        Tokens::of(&other_app.refresh(server, &other_apps.refresh).await);
        let reach = ["revoked_issuances=2", "revoked_families=2"];
        assert_eq!(server.audited("consent_grant.revoked_admin", &reach).await, 1);
    }

    async fn disabling_a_user_reaches_all_that_stands_for_them(server: Server) {
        let mut stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let code = stage.code(server).await;
        disable_the_person(server, &stage).await;
        nothing_works(&stage, &[server], std::slice::from_ref(&tokens)).await;
        stage.redeem(server, &code).await.refused(400, "invalid_grant");

        // Enabling brings nothing back that was given before.
        server.set_disabled(stage.person.id, false).await;
        nothing_works(&stage, &[server], &[tokens]).await;
        stage.redeem(server, &code).await.refused(400, "invalid_grant");
        Tokens::of(&stage.redeem(server, &stage.code(server).await).await);

        let ada = std::mem::replace(&mut stage.person, person(server, "eve@example.com").await);
        let eves = stage.tokens(server).await;
        stage.person = ada;
        disable_the_person(server, &stage).await;
        assert!(stage.active(server, &eves.access).await, "only that user's");
    }

    async fn revoking_a_client_reaches_all_that_was_given_to_it(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let other_app = TokenClient::of(&server.client(public_app()).await);
        let others = stage.tokens_for(server, &other_app, &[("resource", RESOURCE)]).await;
        let robot = TokenClient::of(&server.client(machine("read")).await);
        let form = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
        let machines = robot.token(server, &form).await.member("access_token");

        revoke_the_client(server, &stage.app.id).await;
        revoke_the_client(server, &robot.id).await;
        assert_eq!(stage.active_among(server, &[tokens.access, machines]).await, 0);
        assert!(stage.active(server, &others.access).await);
        stage.app.refresh(server, &tokens.refresh).await.refused(401, "invalid_client");
        Tokens::of(&other_app.refresh(server, &others.refresh).await);
    }

    async fn consent_taken_back_catches_what_is_in_flight(server: Server) {
        let stage = Stage::set(server).await;
        let in_flight = InFlight::prepare(server, &stage).await;
        let replica = server.replica().await;
        let tokens =
            in_flight.use_during(server, &stage, stage.revoke_consent(&replica)).await;
        nothing_works(&stage, &[server, &replica], &tokens).await;
        replica.stop().await;
    }

    async fn disabling_a_user_catches_what_is_in_flight(server: Server) {
        let stage = Stage::set(server).await;
        let in_flight = InFlight::prepare(server, &stage).await;
        let replica = server.replica().await;
        let act = disable_the_person(&replica, &stage);
        let tokens = in_flight.use_during(server, &stage, act).await;
        nothing_works(&stage, &[server, &replica], &tokens).await;
        replica.stop().await;
    }

    async fn revoking_a_client_catches_what_is_in_flight(server: Server) {
        let stage = Stage::set(server).await;
        let in_flight = InFlight::prepare(server, &stage).await;
        let replica = server.replica().await;
        let act = revoke_the_client(&replica, &stage.app.id);
        let tokens = in_flight.use_during(server, &stage, act).await;
        let access: Vec<String> = tokens.iter().map(|tokens| tokens.access.clone()).collect();
        assert_eq!(stage.active_among(server, &access).await, 0);
        server.notices_the_client(&stage.app.id).await;
        nothing_works(&stage, &[server], &tokens).await;
        replica.stop().await;
    }

    async fn reuse_found_at_one_replica_catches_what_is_in_flight_at_another(server: Server) {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        for _ in 0..5 {
            let first = stage.tokens(server).await;
            let second = Tokens::of(&stage.app.refresh(server, &first.refresh).await);
            let third = Tokens::of(&stage.app.refresh(server, &second.refresh).await);
            let uses = join_all((0..10).map(|_| stage.app.refresh(server, &third.refresh)));
            let (uses, reuse) = tokio::join!(uses, stage.app.refresh(&replica, &first.refresh));
            reuse.refused(400, "invalid_grant");
            let given: Vec<Tokens> =
                uses.iter().filter(|answer| answer.status == 200).map(Tokens::of).collect();
            nothing_works(&stage, &[server, &replica], &given).await;
            nothing_works(&stage, &[server, &replica], &[third]).await;
        }
        replica.stop().await;
    }

    /// Both paths touch the family and its access tokens; neither may trip over the other.
    async fn a_code_used_twice_while_its_family_is_revoked_and_refreshed_ends_cleanly(
        server: Server
    ) {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        for _ in 0..12 {
            let code = stage.code(server).await;
            let tokens = Tokens::of(&stage.redeem(server, &code).await);
            let form = [("token", tokens.refresh.as_str())];
            let (twice, back, next) = tokio::join!(
                stage.app.redeem(&replica, &code, REDIRECT, &stage.pkce),
                stage.app.post(server, "/oauth/revoke", &form),
                stage.app.refresh(server, &tokens.refresh),
            );
            twice.refused(400, "invalid_grant");
            assert_eq!(back.status, 200, "{back:?}");
            assert!(matches!(next.status, 200 | 400), "{next:?}");
            nothing_works(&stage, &[server], &[tokens]).await;
        }
        replica.stop().await;
    }
}
