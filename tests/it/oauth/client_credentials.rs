//! Tokens that clients get for themselves.

use authserver::administration::client::NewClient;
use serde_json::json;

use crate::kit::client::claims;
use crate::kit::server::ISSUER;
use crate::kit::stage::{OTHER_RESOURCE, REDIRECT, RESOURCE, Stage, machine, public_app};
use crate::kit::{Answer, Server, TokenClient, on_both_databases};

async fn ask(server: &Server, client: &TokenClient, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![("grant_type", "client_credentials")];
    form.extend(more);
    client.token(server, &form).await
}

async fn machine_with(server: &Server, ceiling: &str) -> TokenClient {
    TokenClient::of(&server.client(machine(ceiling)).await)
}

on_both_databases! {
    async fn a_machine_gets_a_token_in_its_own_name(server: Server) {
        let stage = Stage::set(server).await;
        let robot = machine_with(server, "read write").await;
        let answer = ask(server, &robot, &[("resource", RESOURCE), ("scope", "read")]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
        let body = answer.json();
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["expires_in"], 3600);
        assert_eq!(body["scope"], "read");
        assert!(body.get("refresh_token").is_none());

        let access = answer.member("access_token");
        let claims = claims(&access);
        assert_eq!((&claims["sub"], &claims["client_id"]), (&json!(robot.id), &json!(robot.id)));
        assert_eq!(claims["aud"], json!([RESOURCE]));
        assert!(claims.get("auth_time").is_none() && claims.get("amr").is_none());
        assert!(stage.active(server, &access).await);
        server.wait(3599);
        assert!(stage.active(server, &access).await);
        server.wait(1);
        assert!(!stage.active(server, &access).await);
    }

    async fn scopes_are_what_request_ceiling_and_catalog_have_in_common(server: Server) {
        let _stage = Stage::set(server).await;
        let robot = machine_with(server, "read admin tools").await;
        for (asked, granted) in [
            (vec![("resource", RESOURCE), ("scope", "read write admin")], "read admin"),
            (vec![("resource", RESOURCE), ("scope", "read tools")], "read"),
            (vec![("resource", OTHER_RESOURCE), ("scope", "list read")], "read"),
            (vec![("resource", RESOURCE), ("resource", OTHER_RESOURCE), ("scope", "read")], "read"),
            (vec![("scope", "tools")], "tools"),
        ] {
            let answer = ask(server, &robot, &asked).await;
            assert_eq!(answer.status, 200, "{asked:?} {answer:?}");
            assert_eq!(answer.member("scope"), granted, "{asked:?}");
        }
        for nothing_left in [
            vec![("resource", RESOURCE), ("scope", "write")],
            vec![("resource", RESOURCE), ("scope", "tools")],
            vec![("resource", OTHER_RESOURCE), ("scope", "admin")],
            vec![("scope", "write")],
        ] {
            ask(server, &robot, &nothing_left).await.refused(400, "invalid_scope");
        }
        let reason = ["reason=invalid_scope"];
        server.until_audited("client_credentials.denied", &reason, 4).await;
    }

    /// Never a token without an audience.
    async fn without_a_resource_the_audience_is_the_issuer(server: Server) {
        let robot = machine_with(server, "tools").await;
        let answer = ask(server, &robot, &[]).await;
        assert_eq!(claims(&answer.member("access_token"))["aud"], json!([ISSUER]));
    }

    async fn an_unknown_resource_is_an_invalid_target(server: Server) {
        let _stage = Stage::set(server).await;
        let robot = machine_with(server, "read").await;
        for unknown in ["https://nobody.example/", "https://mcp.example/mcp/", "not a uri"] {
            ask(server, &robot, &[("resource", unknown)]).await.refused(400, "invalid_target");
        }
    }

    async fn a_public_client_a_client_without_the_grant_and_a_self_registered_one_get_nothing(
        server: Server
    ) {
        let _stage = Stage::set(server).await;
        let public = TokenClient::of(&server.client(public_app()).await);
        ask(server, &public, &[]).await.refused(400, "unauthorized_client");
        let by_code = NewClient {
            name: "By code".to_owned(),
            redirect_uris: vec![REDIRECT.to_owned()],
            scope: Some("read".to_owned()),
            ..NewClient::default()
        };
        let by_code = TokenClient::of(&server.client(by_code).await);
        ask(server, &by_code, &[]).await.refused(400, "unauthorized_client");

        let robot = machine_with(server, "read").await;
        server.change_client(&robot.id, "source = 'dcr', scope = NULL").await;
        ask(server, &robot, &[("resource", RESOURCE)]).await.refused(400, "invalid_scope");
    }

    async fn if_the_issuance_cannot_be_written_down_there_is_no_token(server: Server) {
        let robot = machine_with(server, "tools").await;
        server.break_the_audit_log().await;
        ask(server, &robot, &[]).await.refused(500, "server_error");
        server.mend_the_audit_log().await;
        assert_eq!(server.execute("UPDATE issuances SET scopes = scopes").await, 0);
        assert_eq!(ask(server, &robot, &[]).await.status, 200);
    }

    async fn a_grant_that_is_switched_off_is_unsupported(server: Server) {
        let off = ("AUTHPLANE_CLIENT_CREDENTIALS_ENABLED", "false");
        let backend = server.backend();
        let other = Server::start_with(backend, &[off]).await;
        let robot = machine_with(&other, "tools").await;
        ask(&other, &robot, &[]).await.refused(400, "unsupported_grant_type");
        other.stop().await;
    }
}
