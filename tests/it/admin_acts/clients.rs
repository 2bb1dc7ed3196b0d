//! Clients: looking at them, changing them, and new secrets.

use authserver::administration::AdminError;
use authserver::administration::client::{self, ClientPatch, ClientQuery, NewClient};
use futures::future::join_all;
use protocol::client::{ClientStatus, RegistrationSource};
use serde_json::json;

use super::{at_the_desk, is_invalid, is_missing, noted, patch};
use crate::kit::client::claims;
use crate::kit::client_key::{ClientKey, ask, jwks};
use crate::kit::stage::{RESOURCE, Stage, Tokens, machine, public_app};
use crate::kit::{Server, TokenClient, on_both_databases};

async fn change(
    server: &Server,
    id: &str,
    said: serde_json::Value,
) -> Result<client::ClientWithSecret, AdminError> {
    at_the_desk!(server, desk => client::patch(&desk, id, patch::<ClientPatch>(said)))
}

const FORM: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("resource", RESOURCE)];

on_both_databases! {
    async fn clients_are_listed_newest_first_in_parts_and_by_status_and_source(server: Server) {
        let mut made = Vec::new();
        for _ in 0..5 {
            server.wait(1);
            made.push(server.client(public_app()).await.client.id.clone());
        }
        let suspended = ClientStatus::Suspended;
        at_the_desk!(server, desk => client::set_status(&desk, &made[1], suspended)).unwrap();
        let list = async |query: ClientQuery| {
            let list = at_the_desk!(server, desk => client::list(&desk, query)).unwrap();
            let ids: Vec<String> = list.clients.into_iter().map(|client| client.id).collect();
            (ids, list.total)
        };
        let all: Vec<String> = made.iter().rev().cloned().collect();
        assert_eq!(list(ClientQuery::default()).await, (all.clone(), 5));
        let part = ClientQuery { limit: Some(2), offset: Some(1), ..ClientQuery::default() };
        assert_eq!(list(part).await, (all[1..3].to_vec(), 5));
        let off = ClientQuery { status: Some(suspended), ..ClientQuery::default() };
        assert_eq!(list(off).await, (vec![made[1].clone()], 1));
        let dcr = Some(RegistrationSource::Dcr);
        assert_eq!(list(ClientQuery { source: dcr, ..ClientQuery::default() }).await.1, 0);
        let all_at_once = ClientQuery { limit: Some(1001), ..ClientQuery::default() };
        is_invalid(at_the_desk!(server, desk => client::list(&desk, all_at_once)), "limit");
    }

    /// The document of the contract: every member is there, whatever it holds, and no secret.
    async fn a_client_is_shown_with_all_its_members_and_no_secret(server: Server) {
        let made = server.client(machine("tools")).await;
        let shown = at_the_desk!(server, desk => client::get(&desk, &made.client.id)).unwrap();
        let shown = serde_json::to_value(&shown).unwrap();
        let at = "2027-01-15T08:00:00Z";
        assert_eq!(shown, json!({
            "id": made.client.id, "name": "A machine", "redirect_uris": [],
            "grant_types": ["client_credentials"], "response_types": [],
            "token_endpoint_auth_method": "client_secret_basic", "scope": "tools",
            "default_resource": null, "agent": false, "agent_description": null,
            "dpop_bound": false, "status": "active", "registration_source": "admin", "cimd_url": null,
            "issued_at": at, "updated_at": at,
        }));
        is_missing(at_the_desk!(server, desk => client::get(&desk, "none")), "client_not_found");
        let secret = made.secret.as_ref().unwrap().expose();
        assert!(!format!("{:?}", client::ClientWithSecret::from(&made)).contains(secret));
    }

    async fn a_patch_changes_what_it_says_and_nothing_else(server: Server) {
        server.resource("mcp", RESOURCE, &["read"]).await;
        let id = server.client(public_app()).await.client.id.clone();
        let before = at_the_desk!(server, desk => client::get(&desk, &id)).unwrap();
        server.wait(5);
        let said = json!({ "client_name": "Renamed", "scope": "read", "default_resource": "mcp",
            "agent": true, "agent_description": "reads" });
        let after = change(server, &id, said).await.unwrap();
        assert!(after.client_secret.is_none());
        let fields = "client_name,scope,default_resource,agent,agent_description";
        assert_eq!(noted(server, "client.updated").await, format!("admin:test fields={fields}"));
        let mut expected = before.clone();
        expected.name = "Renamed".to_owned();
        expected.scope = Some("read".to_owned());
        expected.default_resource = Some("mcp".to_owned());
        (expected.agent, expected.agent_description) = (true, Some("reads".to_owned()));
        expected.updated_at = server.services.environment.now();
        assert_eq!(after.client, expected);

        let said = json!({ "scope": null, "default_resource": "", "agent_description": null });
        let emptied = change(server, &id, said).await.unwrap().client;
        assert_eq!((emptied.scope, emptied.default_resource), (None, None));
        assert_eq!(emptied.agent_description, None);
        let rows = server.audit().await.len();
        change(server, &id, json!({ "client_name": "Renamed" })).await.unwrap();
        change(server, &id, json!({})).await.unwrap();
        assert_eq!(server.audit().await.len(), rows, "nothing changed, so nothing happened");
    }

    async fn a_patch_that_makes_no_sense_is_refused_and_changes_nothing(server: Server) {
        let app = server.client(public_app()).await.client.id.clone();
        let robot = server.client(machine("tools")).await.client.id.clone();
        let rows = server.audit().await.len();
        for (id, said, word) in [
            (&app, json!({ "client_name": null }), "client_name"),
            (&app, json!({ "client_name": "\u{200b}" }), "client_name"),
            (&app, json!({ "redirect_uris": [] }), "redirect_uris"),
            (&app, json!({ "redirect_uris": ["http://app.example/"] }), "redirect_uris"),
            (&app, json!({ "grant_types": [] }), "grant_types"),
            (&app, json!({ "grant_types": ["password"] }), "grant_types"),
            (&app, json!({ "grant_types": ["client_credentials"] }), "prove who it is"),
            (&app, json!({ "response_types": ["token"] }), "response_types"),
            (&app, json!({ "token_endpoint_auth_method": "" }), "token_endpoint_auth_method"),
            (&app, json!({ "default_resource": "nowhere" }), "default_resource"),
            (&app, json!({ "scope": "a\"b" }), "scope"),
            (&robot, json!({ "scope": null }), "scope"),
            (&robot, json!({ "token_endpoint_auth_method": "none" }), "prove who it is"),
        ] {
            is_invalid(change(server, id, said).await, word);
        }
        is_missing(change(server, "none", json!({})).await, "client_not_found");
        assert_eq!(server.audit().await.len(), rows);
        for unknown in [json!({ "status": "active" }), json!({ "client_secret": "mine" })] {
            assert!(serde_json::from_value::<ClientPatch>(unknown).is_err());
        }
    }

    async fn a_narrower_ceiling_narrows_the_next_refresh(server: Server) {
        let stage = Stage::set(server).await;
        let first = stage.tokens(server).await;
        assert_eq!(claims(&first.access)["scope"], "read write");
        change(server, &stage.app.id, json!({ "scope": "read" })).await.unwrap();
        let second = Tokens::of(&stage.app.refresh(server, &first.refresh).await);
        assert_eq!(claims(&second.access)["scope"], "read");
        // The family was not narrowed, only what the client may have of it.
        change(server, &stage.app.id, json!({ "scope": null })).await.unwrap();
        let third = Tokens::of(&stage.app.refresh(server, &second.refresh).await);
        assert_eq!(claims(&third.access)["scope"], "read write");
    }

    async fn a_client_without_the_refresh_grant_refreshes_no_more(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let said = json!({ "grant_types": ["authorization_code"] });
        change(server, &stage.app.id, said).await.unwrap();
        let refused = stage.app.refresh(server, &tokens.refresh).await;
        assert_eq!(refused.status, 400, "{refused:?}");
    }

    async fn a_method_with_a_secret_makes_one_and_one_without_forgets_it(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let said = json!({ "token_endpoint_auth_method": "client_secret_basic" });
        let secret = change(server, &stage.app.id, said).await.unwrap().client_secret.unwrap();
        assert!(!server.audit().await.join("\n").contains(&secret));
        stage.app.refresh(server, &tokens.refresh).await.refused(401, "invalid_client");
        let confidential = TokenClient::new(&stage.app.id, Some(&secret));
        let tokens = Tokens::of(&confidential.refresh(server, &tokens.refresh).await);

        let said = json!({ "token_endpoint_auth_method": "client_secret_post" });
        let kept = change(server, &stage.app.id, said).await.unwrap();
        assert!(kept.client_secret.is_none(), "the secret stays");
        let said = json!({ "token_endpoint_auth_method": "none" });
        change(server, &stage.app.id, said).await.unwrap();
        confidential.refresh(server, &tokens.refresh).await.refused(401, "invalid_client");
        Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);
    }

    /// The algorithm that a client registered for its old keys must not refuse its new ones.
    async fn other_keys_come_without_the_algorithm_of_those_before(server: Server) {
        let (old, new) = (ClientKey::new("ES256", "old"), ClientKey::new("EdDSA", "new"));
        let algorithm = Some("ES256".to_owned());
        let robot = NewClient {
            jwks: Some(jwks(&[&old])),
            token_endpoint_auth_signing_alg: algorithm,
            ..machine("read")
        };
        let id = server.client(robot).await.client.id.clone();
        let shown = at_the_desk!(server, desk => client::get(&desk, &id)).unwrap();
        assert_eq!(serde_json::to_value(&shown).unwrap()["token_endpoint_auth_signing_alg"], "ES256");
        assert_eq!(ask(server, &old.assertion(server, &id)).await.status, 200);

        let after = change(server, &id, json!({ "jwks": jwks(&[&new]) })).await.unwrap();
        assert_eq!(after.client.token_endpoint_auth_signing_alg, None);
        assert_eq!(ask(server, &new.assertion(server, &id)).await.status, 200);
        ask(server, &old.assertion(server, &id)).await.refused(401, "invalid_client");
        let said = json!({ "token_endpoint_auth_signing_alg": "EdDSA" });
        change(server, &id, said).await.unwrap();
        let fields = ["fields=token_endpoint_auth_signing_alg"];
        assert_eq!(server.audited("client.updated", &fields).await, 1);
        for (wrong, word) in [("ES256", "none of the keys"), ("HS256", "does not work here")] {
            let said = json!({ "token_endpoint_auth_signing_alg": wrong });
            is_invalid(change(server, &id, said).await, word);
        }
        let both = json!({ "jwks": jwks(&[&old]), "token_endpoint_auth_signing_alg": "ES256" });
        change(server, &id, both).await.unwrap();
        assert_eq!(ask(server, &old.assertion(server, &id)).await.status, 200);
    }

    /// However the client came to be: keys are for `private_key_jwt` and for nothing else.
    async fn keys_are_for_clients_that_authenticate_with_them(server: Server) {
        let key = ClientKey::new("ES256", "k");
        let id = server.client(machine("read")).await.client.id.clone();
        let keys = || json!({ "jwks": jwks(&[&key]) });
        is_invalid(change(server, &id, keys()).await, "private_key_jwt");
        let alg = json!({ "token_endpoint_auth_signing_alg": "ES256" });
        is_invalid(change(server, &id, alg).await, "private_key_jwt");
        let said =
            json!({ "jwks": jwks(&[&key]), "token_endpoint_auth_method": "private_key_jwt" });
        change(server, &id, said).await.unwrap();
        assert_eq!(ask(server, &key.assertion(server, &id)).await.status, 200);

        let said = json!({ "token_endpoint_auth_method": "client_secret_basic" });
        let after = change(server, &id, said).await.unwrap();
        assert_eq!((after.client.jwks, after.client_secret.is_some()), (None, true));
        let wrong = NewClient {
            auth_method: Some("client_secret_basic".to_owned()),
            jwks: Some(jwks(&[&key])),
            ..machine("read")
        };
        let refused = at_the_desk!(server, desk => client::create(&desk, wrong));
        is_invalid(refused.map(drop), "private_key_jwt");
    }

    async fn a_rotated_secret_works_at_once_and_the_old_one_no_more(server: Server) {
        server.resource("mcp", RESOURCE, &["read"]).await;
        let robot = TokenClient::of(&server.client(machine("read")).await);
        assert_eq!(robot.token(server, &FORM).await.status, 200);
        let rotated = at_the_desk!(server, desk => client::rotate_secret(&desk, &robot.id)).unwrap();
        robot.token(server, &FORM).await.refused(401, "invalid_client");
        let renewed = TokenClient::new(&robot.id, Some(&rotated.client_secret));
        assert_eq!(renewed.token(server, &FORM).await.status, 200);
        let log = server.audit().await.join("\n");
        assert!(log.contains("client.secret_rotated"), "{log}");
        assert!(!log.contains(&rotated.client_secret));

        let app = server.client(public_app()).await.client.id.clone();
        let none = at_the_desk!(server, desk => client::rotate_secret(&desk, &app));
        assert!(matches!(none, Err(AdminError::Conflict(_))), "{none:?}");
        let revoked = ClientStatus::Revoked;
        at_the_desk!(server, desk => client::set_status(&desk, &robot.id, revoked)).unwrap();
        let gone = at_the_desk!(server, desk => client::rotate_secret(&desk, &robot.id));
        assert!(matches!(gone, Err(AdminError::Conflict(_))), "{gone:?}");
        let none = at_the_desk!(server, desk => client::rotate_secret(&desk, "none"));
        is_missing(none, "client_not_found");
    }

    /// Each looks at the client before it changes it; none may undo what another did.
    async fn simultaneous_patches_of_different_members_all_take_effect(server: Server) {
        let id = server.client(public_app()).await.client.id.clone();
        let replica = server.replica().await;
        for round in 0..5 {
            let name = format!("Round {round}");
            let about = format!("is in round {round}");
            let done = join_all([
                change(server, &id, json!({ "client_name": name })),
                change(&replica, &id, json!({ "agent_description": about })),
                change(server, &id, json!({ "scope": format!("round-{round}") })),
            ]);
            for outcome in done.await {
                outcome.unwrap();
            }
            let now = at_the_desk!(server, desk => client::get(&desk, &id)).unwrap();
            assert_eq!((now.name, now.agent_description), (name, Some(about)));
            assert_eq!(now.scope, Some(format!("round-{round}")));
        }
        replica.stop().await;
    }
}
