//! Introspection (RFC 7662): who may ask, and what they hear.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::kit::client::claims;
use crate::kit::server::ISSUER;
use crate::kit::stage::{OTHER_RESOURCE, REDIRECT, RESOURCE, Stage, machine, public_app};
use crate::kit::{Answer, Backend, Server, TokenClient, on_both_databases};

async fn introspect(server: &Server, client: &TokenClient, token: &str) -> Answer {
    let form = [("token", token), ("token_type_hint", "access_token")];
    client.post(server, "/oauth/introspect", &form).await
}

/// A token of a machine for [`RESOURCE`].
async fn machine_token(server: &Server, robot: &TokenClient) -> String {
    let form = [("grant_type", "client_credentials"), ("resource", RESOURCE), ("scope", "read")];
    robot.token(server, &form).await.member("access_token")
}

on_both_databases! {
    async fn an_active_answer_has_the_members_of_the_contract_and_no_others(server: Server) {
        let stage = Stage::set(server).await;
        let access = stage.tokens(server).await.access;
        let answer = introspect(server, &stage.guard, &access).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
        let (body, claims) = (answer.json(), claims(&access));
        let members: BTreeSet<&str> =
            body.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = [
            "active", "aud", "client_id", "exp", "iat", "iss", "jti", "scope", "sub", "token_type",
        ];
        assert_eq!(members, BTreeSet::from(expected));
        for claim in ["aud", "client_id", "exp", "iat", "iss", "jti", "scope", "sub"] {
            assert_eq!(body[claim], claims[claim], "{claim}");
        }
        assert_eq!((&body["active"], &body["token_type"]), (&json!(true), &json!("Bearer")));
        assert_eq!(body["iss"], ISSUER);
    }

    async fn an_agents_token_shows_its_agent(server: Server) {
        let stage = Stage::set(server).await;
        let mut new = machine("read");
        new.agent = true;
        let agent = TokenClient::of(&server.client(new).await);
        let access = machine_token(server, &agent).await;
        let body = introspect(server, &stage.guard, &access).await.json();
        assert_eq!(body["agent_id"], agent.id);
    }

    /// The client it was issued to, and whoever acts as a resource in `aud`.
    async fn only_its_client_and_its_resources_hear_anything_about_a_token(server: Server) {
        let stage = Stage::set(server).await;
        let robot = TokenClient::of(&server.client(machine("read")).await);
        let stranger = TokenClient::of(&server.client(machine("read")).await);
        let of_files = TokenClient::of(&server.client(machine("read")).await);
        server.runtime_client("files", &of_files.id).await;
        let access = machine_token(server, &robot).await;

        assert!(robot.sees_active(server, &access).await);
        assert!(stage.guard.sees_active(server, &access).await);
        assert!(!stranger.sees_active(server, &access).await);
        assert!(!of_files.sees_active(server, &access).await);
        assert!(!stage.app.sees_active(server, &access).await, "a public client");
        server.until_audited("token.introspect_denied", &[], 2).await;
        let words = introspect(server, &stranger, &access).await.text;
        assert_eq!(words, introspect(server, &stranger, "nonsense").await.text);

        server.runtime_client("mcp", &stranger.id).await;
        assert!(stranger.sees_active(server, &access).await);
    }

    /// The published SDKs take an HTTP error for "let it pass".
    async fn only_credentials_that_are_wrong_are_an_error(server: Server) {
        let stage = Stage::set(server).await;
        let access = stage.tokens(server).await.access;
        let inactive = json!({ "active": false });
        let http = reqwest::Client::new();
        let nobody = http.post(server.url("/oauth/introspect")).form(&[("token", &access)]);
        let answer = Answer::of(nobody.send().await.unwrap()).await;
        assert_eq!((answer.status, answer.json()), (200, inactive.clone()));
        for public in [stage.app.id.as_str(), "nobody-knows-it"] {
            let public = TokenClient::new(public, None);
            let answer = introspect(server, &public, &access).await;
            assert_eq!((answer.status, answer.json()), (200, inactive.clone()));
        }
        let wrong = TokenClient::new(&stage.guard.id, Some("wrong"));
        let answer = introspect(server, &wrong, &access).await;
        answer.refused(401, "invalid_client");
        assert!(answer.header("www-authenticate").starts_with("Basic "));
        let unknown = TokenClient::new("nobody-knows-it", Some("wrong"));
        introspect(server, &unknown, &access).await.refused(401, "invalid_client");
        server.change_client(&stage.guard.id, "status = 'suspended'").await;
        introspect(server, &stage.guard, &access).await.refused(401, "invalid_client");
    }

    async fn whatever_is_not_an_access_token_of_ours_is_inactive(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let elsewhere = Server::start(Backend::Sqlite).await;
        let foreign = Stage::set(&elsewhere).await.tokens(&elsewhere).await.access;
        elsewhere.stop().await;
        let code = stage.code(server).await;
        let mut wrong = vec![foreign, tokens.refresh.clone(), code, "x".to_owned()];
        wrong.extend(forgeries(&tokens.access));
        for token in &wrong {
            assert!(!stage.active(server, token).await, "{token}");
        }
        assert!(stage.active(server, &tokens.access).await);
    }

    /// What is remembered of a token that was good must be of no use to one that looks like it.
    async fn a_token_that_was_found_good_vouches_for_no_forgery_of_it(server: Server) {
        let stage = Stage::set(server).await;
        let access = stage.tokens(server).await.access;
        assert!(stage.active(server, &access).await);
        let mut wrong = forgeries(&access);
        wrong.extend((0..200).map(|seed| altered(&access, seed)));
        for token in wrong.iter().filter(|token| **token != access) {
            assert!(!stage.active(server, token).await, "{token}");
            let other = introspect(server, &stage.guard, token).await;
            assert_eq!(other.json(), json!({ "active": false }), "{token}");
        }
        assert!(stage.active(server, &access).await, "nor is it harmed by them");
    }

    async fn an_access_token_is_active_until_its_last_second(server: Server) {
        let stage = Stage::set(server).await;
        let access = stage.tokens(server).await.access;
        server.wait(899);
        assert!(stage.active(server, &access).await);
        server.wait(1);
        assert!(!stage.active(server, &access).await);
    }

    /// A token that we signed and did not write down cannot be.
    async fn a_token_whose_issuance_is_gone_or_revoked_is_inactive(server: Server) {
        let stage = Stage::set(server).await;
        let access = stage.tokens(server).await.access;
        server.execute("UPDATE issuances SET revoked_at = issued_at").await;
        assert!(!stage.active(server, &access).await);
        server.execute("UPDATE issuances SET revoked_at = NULL").await;
        assert!(stage.active(server, &access).await);
        server.execute("DELETE FROM issuances").await;
        assert!(!stage.active(server, &access).await);
    }

    /// At once and on every replica: no cache stands before this.
    async fn a_suspended_revoked_or_deleted_clients_tokens_are_inactive_at_once(server: Server) {
        let stage = Stage::set(server).await;
        let access = stage.tokens(server).await.access;
        let robot = TokenClient::of(&server.client(machine("read")).await);
        let own = machine_token(server, &robot).await;
        assert!(stage.active(server, &access).await && stage.active(server, &own).await);
        let set = |status: &str, id: &str| {
            format!("UPDATE clients SET status = '{status}' WHERE id = '{id}'")
        };
        for status in ["suspended", "revoked"] {
            server.execute(&set(status, &stage.app.id)).await;
            assert!(!stage.active(server, &access).await, "{status}");
        }
        assert!(stage.active(server, &own).await);
        server.execute(&set("active", &stage.app.id)).await;
        assert!(stage.active(server, &access).await);
        server.execute(&format!("DELETE FROM clients WHERE id = '{}'", stage.app.id)).await;
        assert!(!stage.active(server, &access).await);
    }

    async fn a_disabled_or_deleted_users_tokens_are_inactive_at_once(server: Server) {
        let stage = Stage::set(server).await;
        let access = stage.tokens(server).await.access;
        server.set_disabled(stage.person.id, true).await;
        assert!(!stage.active(server, &access).await);
        server.set_disabled(stage.person.id, false).await;
        assert!(stage.active(server, &access).await);
        server.execute("DELETE FROM users").await;
        assert!(!stage.active(server, &access).await);
    }

    async fn a_token_for_two_resources_is_the_business_of_both(server: Server) {
        let stage = Stage::set(server).await;
        let of_files = TokenClient::of(&server.client(machine("read")).await);
        server.runtime_client("files", &of_files.id).await;
        let both = [("resource", RESOURCE), ("resource", OTHER_RESOURCE), ("scope", "read")];
        let access = stage.tokens_for(server, &stage.app, &both).await.access;
        assert!(of_files.sees_active(server, &access).await);
    }

    async fn a_confidential_client_may_ask_about_its_users_tokens(server: Server) {
        let stage = Stage::set(server).await;
        let mut new = public_app();
        new.auth_method = Some("client_secret_basic".to_owned());
        let web = TokenClient::of(&server.client(new).await);
        let code = stage.code_for(server, &web, &[("resource", RESOURCE)]).await;
        let answer = web.redeem(server, &code, REDIRECT, &stage.pkce).await;
        assert!(web.sees_active(server, &answer.member("access_token")).await);
    }

    async fn without_a_token_the_request_is_malformed(server: Server) {
        let stage = Stage::set(server).await;
        let answer = stage.guard.post(server, "/oauth/introspect", &[]).await;
        answer.refused(400, "invalid_request");
    }
}

/// The token with one byte replaced by another of the alphabet; where and by which, `seed` says.
fn altered(genuine: &str, seed: usize) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    let mut bytes = genuine.as_bytes().to_vec();
    let dice = seed.wrapping_mul(0x9E37_79B9).rotate_left(13) ^ seed;
    let place = dice % bytes.len();
    let before = ALPHABET.iter().position(|it| *it == bytes[place]).unwrap();
    bytes[place] = ALPHABET[(before + 1 + seed % (ALPHABET.len() - 1)) % ALPHABET.len()];
    String::from_utf8(bytes).unwrap()
}

/// Variations of a genuine token that must not count.
fn forgeries(genuine: &str) -> Vec<String> {
    let parts: Vec<&str> = genuine.split('.').collect();
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = crate::kit::client::jose_header(genuine);
    let mut widened = claims(genuine);
    widened["scope"] = json!("read write admin");
    let mut unsigned = header.clone();
    unsigned["alg"] = json!("none");
    let mut symmetric = header.clone();
    symmetric["alg"] = json!("HS256");
    let mut elsewhere = header.clone();
    elsewhere["jku"] = json!("https://evil.example/jwks.json");
    let mut other_kid = header;
    other_kid["kid"] = json!("../../etc/passwd");
    vec![
        format!("{}.{}.{}", parts[0], encode(&widened), parts[2]),
        format!("{}.{}.", encode(&unsigned), parts[1]),
        format!("{}.{}.{}", encode(&symmetric), parts[1], parts[2]),
        format!("{}.{}.{}", encode(&elsewhere), parts[1], parts[2]),
        format!("{}.{}.{}", encode(&other_kid), parts[1], parts[2]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{genuine}.{}", parts[2]),
        format!("{genuine}A"),
        genuine[..genuine.len() - 2].to_owned(),
    ]
}
