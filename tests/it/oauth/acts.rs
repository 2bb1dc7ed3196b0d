//! What operators do to clients, people and consents, and what it does to tokens.

use std::time::Duration;

use actors::audit::Origin;
use actors::consent::Decided;
use actors::users::AccountAct;
use authserver::administration::grant::{self, GrantQuery};
use authserver::administration::{AdminError, client, user};
use protocol::client::ClientStatus;

use crate::kit::browser::AuthorizationRequest;
use crate::kit::stage::{REDIRECT, Stage, Tokens, machine};
use crate::kit::{Browser, Server, TokenClient, on_both_databases};

async fn set_status(server: &Server, id: &str, status: ClientStatus) -> Result<(), AdminError> {
    let origin = Origin::local();
    client::set_status(&server.desk(&origin), id, status).await.map(drop)
}

async fn act(server: &Server, who: &str, act: AccountAct) {
    let origin = Origin::local();
    user::act(&server.desk(&origin), who, act).await.unwrap();
}

/// What a sign-in with the right password is answered.
async fn signs_in(server: &Server, browser: &Browser, email: &str) -> u16 {
    let page = browser.get(server, "/login").await;
    browser.sign_in(server, &page, email).await.status
}

on_both_databases! {
    async fn a_suspended_client_gets_nothing_and_goes_on_when_reactivated(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        set_status(server, &stage.app.id, ClientStatus::Suspended).await.unwrap();

        stage.app.refresh(server, &tokens.refresh).await.refused(401, "invalid_client");
        assert!(!stage.guard.sees_active(server, &tokens.access).await);

        set_status(server, &stage.app.id, ClientStatus::Active).await.unwrap();
        assert!(stage.guard.sees_active(server, &tokens.access).await);
        Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);
    }

    async fn a_revoked_client_loses_everything_for_good(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let code = stage.code(server).await;
        set_status(server, &stage.app.id, ClientStatus::Revoked).await.unwrap();

        stage.app.refresh(server, &tokens.refresh).await.refused(401, "invalid_client");
        stage.redeem(server, &code).await.refused(401, "invalid_client");
        assert!(!stage.guard.sees_active(server, &tokens.access).await);

        let again = set_status(server, &stage.app.id, ClientStatus::Active).await;
        assert!(matches!(again, Err(AdminError::Conflict(_))), "{again:?}");
        let log = server.audit().await;
        let of_it = "client.revoked revoked_families=1 revoked_issuances=1";
        assert!(log.iter().any(|event| event == of_it), "{log:#?}");
        assert!(!log.iter().any(|event| event.starts_with("client.reactivated")), "{log:#?}");
    }

    async fn a_person_who_was_disabled_and_enabled_signs_in_anew(server: Server) {
        let stage = Stage::set(server).await;
        let (tokens, code) = (stage.tokens(server).await, stage.code(server).await);
        let typist = server.person("bea@example.com").await;
        for email in [&stage.person.email, &typist.email] {
            act(server, email, AccountAct::Disable).await;
        }

        assert_eq!(signs_in(server, &Browser::new(), &typist.email).await, 401);
        stage.redeem(server, &code).await.refused(400, "invalid_grant");

        for email in [&stage.person.email, &typist.email] {
            act(server, email, AccountAct::Enable).await;
        }
        assert_eq!(signs_in(server, &Browser::new(), &typist.email).await, 200);
        stage.app.refresh(server, &tokens.refresh).await.refused(400, "invalid_grant");
        assert!(!stage.guard.sees_active(server, &tokens.access).await);
        Tokens::of(&stage.redeem(server, &stage.code(server).await).await);
    }

    async fn a_forced_logout_ends_sessions_and_tokens_and_no_more(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let typist = server.person("bea@example.com").await;
        let browser = Browser::new();
        assert_eq!(signs_in(server, &browser, &typist.email).await, 200);
        assert!(browser.get(server, "/login").await.text.contains("/logout"));

        for id in [stage.person.id, typist.id] {
            act(server, &id.to_string(), AccountAct::ForceLogout).await;
        }

        assert!(browser.get(server, "/login").await.text.contains("name=\"password\""));
        assert!(!stage.guard.sees_active(server, &tokens.access).await);
        assert_eq!(signs_in(server, &browser, &typist.email).await, 200);
    }

    async fn an_operator_finds_a_consent_and_takes_it_back_once(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let origin = Origin::local();
        let desk = server.desk(&origin);
        let grants = grant::of_user(&desk, &stage.person.email, GrantQuery::default()).await.unwrap();
        let [given] = grants.consent_grants.as_slice() else { panic!("{grants:?}") };
        assert_eq!(given.client_id, stage.app.id);
        assert_eq!(given.client_name.as_deref(), Some("An app"));
        assert_eq!(given.resource_slug.as_deref(), Some("mcp"));
        let id = given.id;

        let reach = grant::revoke(&desk, id).await.unwrap();
        assert_eq!((reach.families, reach.issuances), (1, 1));
        assert!(!stage.guard.sees_active(server, &tokens.access).await);
        let again = grant::revoke(&desk, id).await;
        assert!(matches!(again, Err(AdminError::NotFound(_))), "{again:?}");
        let grants = grant::of_user(&desk, &stage.person.email, GrantQuery::default()).await.unwrap();
        assert!(grants.consent_grants[0].revoked_at.is_some());
        let nobody = grant::of_user(&desk, "nobody@example.com", GrantQuery::default()).await;
        assert!(matches!(nobody, Err(AdminError::NotFound(_))), "{nobody:?}");
    }

    /// A server that cannot tell whether anything changed does not go by what it remembers.
    async fn what_changed_while_changes_cannot_be_seen_holds_all_the_same(server: Server) {
        let stage = Stage::set(server).await;
        let robot = TokenClient::of(&server.client(machine("tools")).await);
        let form = [("grant_type", "client_credentials")];
        assert_eq!(robot.token(server, &form).await.status, 200);
        let tokens = stage.tokens(server).await;

        server.execute("ALTER TABLE catalog_version RENAME TO away").await;
        // Of where a client's answers go nothing is known but what the catalog remembers.
        server.execute("UPDATE clients SET status = 'suspended', redirect_uris = '[]'").await;
        let (client_id, pkce) = (&stage.app.id, &stage.pkce);
        let request =
            AuthorizationRequest { client_id, redirect_uri: REDIRECT, pkce, more: &[] };
        let mut asked = Browser::new().get(server, &request.path()).await;
        for _ in 0..200 {
            if asked.status != 303 {
                break;
            }
            server.wait(1);
            tokio::time::sleep(Duration::from_millis(10)).await;
            asked = Browser::new().get(server, &request.path()).await;
        }
        assert!([400, 500, 503].contains(&asked.status), "{asked:?}");
        for _ in 0..5 {
            let answers = [
                robot.token(server, &form).await,
                stage.app.refresh(server, &tokens.refresh).await,
                stage.redeem(server, "apac_none").await,
            ];
            for answer in answers {
                assert!([401, 500, 503].contains(&answer.status), "{answer:?}");
            }
            server.wait(1);
        }

        server.execute("UPDATE away SET version = version + 1").await;
        server.execute("UPDATE resources SET display_name = 'renamed meanwhile'").await;
        server.execute("ALTER TABLE away RENAME TO catalog_version").await;
        for id in [&robot.id, &stage.app.id] {
            server.notices_the_client(id).await;
        }
        robot.token(server, &form).await.refused(401, "invalid_client");
        stage.app.refresh(server, &tokens.refresh).await.refused(401, "invalid_client");
        let catalog = &server.services.keepers.catalog;
        let shown = || catalog.resources().by_slug("mcp").unwrap().display_name.clone();
        for _ in 0..200 {
            if shown() == "renamed meanwhile" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(shown(), "renamed meanwhile");
        let back = format!("status = 'active', redirect_uris = '[\"{REDIRECT}\"]'");
        server.change_client(&stage.app.id, &back).await;
        Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);
    }

    /// The session was looked up before it ended; the decision comes after.
    async fn a_decision_in_flight_during_a_forced_logout_gives_no_code(server: Server) {
        let stage = Stage::set(server).await;
        let decision = stage.decision(server).await;
        act(server, &stage.person.email, AccountAct::ForceLogout).await;

        let decided = server.services.keepers.consent.ask(decision).await.unwrap().unwrap();

        assert!(matches!(decided, Decided::SignInFirst), "{decided:?}");
    }
}
