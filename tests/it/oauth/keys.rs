//! Signing keys: published before they sign and for as long as anything they signed lives.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::kit::client::jose_header;
use crate::kit::jwt::{Jwks, thumbprint};
use crate::kit::server::ISSUER;
use crate::kit::stage::{RESOURCE, Stage, Tokens, machine};
use crate::kit::{Server, TokenClient, on_both_databases};

/// From publication to first signature: JWKS `max-age` and a minute.
const AHEAD: u64 = 300 + 60;
/// From the last signature to the end: the longest token life and a minute.
const BEHIND: u64 = 3600 + 60;

async fn rotate(server: &Server, body: serde_json::Value) -> String {
    let answer = server.admin_post("/admin/keys/rotate", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.member("kid")
}

/// Waits until these keys are published; the keeper looks when its clock ticks.
async fn publishes(server: &Server, kids: &[&str]) {
    for _ in 0..200 {
        if Jwks::of(server).await.kids() == kids {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?} are published, not {kids:?}", Jwks::of(server).await.kids());
}

/// The states of all keys as the admin surface shows them.
async fn states(server: &Server) -> Vec<(String, String)> {
    let body = server.admin_get("/admin/keys").await.json();
    let keys = body["keys"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    keys.map(|key| (text(&key["kid"]), text(&key["status"]))).collect()
}

/// Waits until new tokens are signed with this key; one such token.
async fn signs_with(server: &Server, stage: &Stage, kid: &str) -> Tokens {
    for _ in 0..200 {
        let tokens = stage.tokens(server).await;
        if jose_header(&tokens.access)["kid"] == kid {
            return tokens;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{kid} does not sign; {:?}", states(server).await);
}

on_both_databases! {
    async fn a_rotation_announces_signs_retires_and_forgets(server: Server) {
        let stage = Stage::set(server).await;
        let old = stage.tokens(server).await;
        let before = Jwks::of(server).await;
        let [first] = before.kids().try_into().unwrap();

        let next = rotate(server, json!({})).await;
        let announced = Jwks::of(server).await;
        assert_eq!(announced.kids(), [first.clone(), next.clone()]);
        assert_ne!(announced.etag, before.etag);
        assert_eq!(jose_header(&stage.tokens(server).await.access)["kid"], first);
        let again = server.admin_post("/admin/keys/rotate", &json!({})).await;
        again.refused(409, "conflict");
        assert_eq!(again.header("content-type"), "application/problem+json");

        server.wait(AHEAD - 1);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let state = |kid: &str, state: &str| (kid.to_owned(), state.to_owned());
        assert_eq!(states(server).await, [state(&first, "active"), state(&next, "next")]);
        // The keeper ticks every five seconds of its clock.
        server.wait(5);
        let young = signs_with(server, &stage, &next).await;
        assert_eq!(states(server).await, [state(&first, "retired"), state(&next, "active")]);
        assert!(Jwks::of(server).await.verified(&young.access).is_some());
        assert!(Jwks::of(server).await.verified(&old.access).is_some());
        assert!(stage.active(server, &old.access).await, "what it signed is still good");

        server.wait(BEHIND - 5);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(Jwks::of(server).await.kids().len(), 2);
        server.wait(10);
        publishes(server, &[&next]).await;
        assert_eq!(server.audited("key.rotated", &["emergency=false"]).await, 1);
        rotate(server, json!({})).await;
    }

    async fn an_emergency_signs_at_once_and_drops_the_key_if_told_to(server: Server) {
        let stage = Stage::set(server).await;
        let suspect = stage.tokens(server).await;
        let [first] = Jwks::of(server).await.kids().try_into().unwrap();
        let waiting = rotate(server, json!({})).await;

        let second = rotate(server, json!({ "emergency": true })).await;
        let kids = Jwks::of(server).await.kids();
        assert_eq!(kids, [first, second.clone()], "the waiting key may be compromised too");
        assert!(!kids.contains(&waiting));
        assert!(stage.active(server, &suspect.access).await, "the old key still verifies");
        assert_eq!(jose_header(&stage.tokens(server).await.access)["kid"], second);

        let signed_by_second = stage.tokens(server).await;
        assert!(stage.active(server, &signed_by_second.access).await, "and is known to be good");
        let third = rotate(server, json!({ "emergency": true, "drop_old": true })).await;
        assert!(!Jwks::of(server).await.kids().contains(&second));
        assert!(!stage.active(server, &signed_by_second.access).await);
        // The sign-in itself is not lost: only the access token was signed with the key.
        let next = Tokens::of(&stage.app.refresh(server, &signed_by_second.refresh).await);
        assert_eq!(jose_header(&next.access)["kid"], third);
        assert!(stage.active(server, &next.access).await);
    }

    async fn dropping_the_only_key_that_signs_is_refused_and_nothing_happens(server: Server) {
        let before = Jwks::of(server).await;
        let answer = server.admin_post("/admin/keys/rotate", &json!({ "drop_old": true })).await;
        answer.refused(422, "invalid_value");
        assert!(answer.text.contains("say emergency as well"), "{answer:?}");
        assert_eq!(Jwks::of(server).await.etag, before.etag);
        assert_eq!(server.audited("key.rotated", &["dropped_old"]).await, 0);
    }

    async fn a_rotation_that_cannot_be_audited_does_not_happen(server: Server) {
        let before = Jwks::of(server).await;
        server.break_the_audit_log().await;
        let answer = server.admin_post("/admin/keys/rotate", &json!({ "emergency": true })).await;
        answer.refused(500, "server_error");
        server.mend_the_audit_log().await;
        assert_eq!(Jwks::of(server).await.etag, before.etag);
    }

    async fn one_replica_rotates_and_the_other_follows(server: Server) {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        let [first] = Jwks::of(&replica).await.kids().try_into().unwrap();
        let next = rotate(server, json!({})).await;
        server.wait(5);
        publishes(&replica, &[&first, &next]).await;
        server.wait(AHEAD);
        let here = signs_with(server, &stage, &next).await;
        let there = signs_with(&replica, &stage, &next).await;
        assert!(stage.active(&replica, &here.access).await);
        for token in [&here.access, &there.access] {
            assert!(stage.active(server, token).await && stage.active(&replica, token).await);
        }
        let third = rotate(&replica, json!({ "emergency": true, "drop_old": true })).await;
        server.wait(5);
        publishes(server, &[&first, &third]).await;
        for token in [&here.access, &there.access] {
            assert!(!stage.active(server, token).await && !stage.active(&replica, token).await);
        }
        // Not one more is signed with the key that was dropped.
        for on in [&*server, &replica] {
            let token = stage.tokens(on).await.access;
            assert_eq!(jose_header(&token)["kid"], third);
            assert!(stage.active(server, &token).await && stage.active(&replica, &token).await);
        }
        replica.stop().await;
    }

    async fn whoever_has_the_keys_tag_need_not_fetch_them_again(server: Server) {
        let jwks = Jwks::of(server).await;
        let again = |tag: String| {
            let request = reqwest::Client::new().get(server.url("/.well-known/jwks.json"));
            request.header("if-none-match", tag).send()
        };
        assert!(jwks.etag.starts_with('"'), "a strong tag");
        let unchanged = again(jwks.etag.clone()).await.unwrap();
        assert_eq!(unchanged.status(), 304);
        assert_eq!(unchanged.headers()["cache-control"], "public, max-age=300");
        assert_eq!(again("\"another\"".to_owned()).await.unwrap().status(), 200);
        rotate(server, json!({})).await;
        assert_eq!(again(jwks.etag).await.unwrap().status(), 200);
    }

    async fn key_files_are_their_owners_and_nobody_elses(server: Server) {
        rotate(server, json!({})).await;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&server.key_folder()), 0o700);
        let mut pems = 0;
        for file in fs::read_dir(server.key_folder()).unwrap() {
            let path = file.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            pems += usize::from(path.extension().is_some_and(|end| end == "pem"));
        }
        assert_eq!(pems, 2);
    }

    /// A restored or copied folder beside the wrong database: nothing could be told apart.
    async fn a_server_does_not_start_on_the_database_of_another_installation(server: Server) {
        let elsewhere = Server::start(crate::kit::Backend::Sqlite).await;
        let secret = |of: &Server| of.key_folder().join("root-secret");
        let theirs = fs::read_to_string(secret(&elsewhere)).unwrap();
        elsewhere.stop().await;
        let ours = fs::read_to_string(secret(server)).unwrap();
        assert_ne!(ours, theirs);

        fs::write(secret(server), &theirs).unwrap();
        let reason = server.replica_fails().await;
        assert!(reason.contains("another root secret"), "{reason}");
        assert!(reason.contains("signing.key_path"), "it says what to do: {reason}");
        let folder = server.key_folder();
        assert!(reason.contains(folder.to_str().unwrap()), "{reason}");
        for secret in [ours.trim(), theirs.trim()] {
            assert!(!reason.contains(secret), "{reason}");
        }
        assert_eq!(fs::read_to_string(secret(server)).unwrap(), theirs, "it is left alone");

        fs::write(secret(server), &ours).unwrap();
        server.replica().await.stop().await;
    }

    async fn a_server_does_not_start_with_a_key_that_others_can_read(server: Server) {
        let [kid] = Jwks::of(server).await.kids().try_into().unwrap();
        for name in [format!("{kid}.pem"), "keys.json".to_owned(), "root-secret".to_owned()] {
            let path = server.key_folder().join(&name);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            let reason = server.replica_fails().await;
            assert!(reason.contains(&name) && reason.contains("chmod 600"), "{reason}");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let path = server.key_folder().join(format!("{kid}.pem"));
        let good = fs::read(&path).unwrap();
        fs::write(&path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
        let reason = server.replica_fails().await;
        assert!(reason.contains("damaged") && !reason.contains("AAAA"), "{reason}");
        fs::write(&path, good).unwrap();
        server.replica().await.stop().await;
    }
}

on_both_databases! {
    async fn tokens_of_every_algorithm_verify_with_the_published_keys(backend: Backend) {
        for alg in ["ES256", "RS256", "EdDSA"] {
            let server = Server::start_with(backend, &[("AUTHPLANE_SIGNING_ALGORITHM", alg)]).await;
            let robot = TokenClient::of(&server.client(machine("tools")).await);
            let answer = robot.token(&server, &[("grant_type", "client_credentials")]).await;
            let access = answer.member("access_token");
            let header = jose_header(&access);
            assert_eq!((&header["alg"], &header["typ"]), (&json!(alg), &json!("at+jwt")));

            let jwks = Jwks::of(&server).await;
            let claims = jwks.verified(&access).expect("the signature verifies");
            assert_eq!(claims["iss"], ISSUER);
            for key in &jwks.keys {
                assert_eq!(key["kid"], thumbprint(key).as_str());
                assert_eq!(key["use"], "sig");
                for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
                    assert!(key.get(private).is_none(), "{private} is published");
                }
            }
            server.stop().await;
        }
    }

    /// Another configured algorithm is a rotation like any other.
    async fn a_changed_algorithm_takes_over_in_order(backend: Backend) {
        let mut server = Server::start(backend).await;
        let stage = Stage::set(&server).await;
        let old = stage.tokens(&server).await;
        server.restart_with(&[("AUTHPLANE_SIGNING_ALGORITHM", "RS256")]).await;
        let jwks = Jwks::of(&server).await;
        let algorithms: Vec<_> = jwks.keys.iter().map(|key| key["alg"].clone()).collect();
        assert_eq!(algorithms, [json!("ES256"), json!("RS256")]);
        assert!(stage.active(&server, &old.access).await);
        assert_eq!(jose_header(&stage.tokens(&server).await.access)["alg"], "ES256");
        server.wait(AHEAD + 5);
        let young = signs_with(&server, &stage, &jwks.kids()[1]).await;
        assert_eq!(jose_header(&young.access)["alg"], "RS256");
        assert!(Jwks::of(&server).await.verified(&young.access).is_some());
        server.stop().await;
    }

    /// Keys, codes, families and sessions outlive the process.
    async fn what_was_given_out_before_a_restart_is_good_after_it(backend: Backend) {
        let mut server = Server::start(backend).await;
        let stage = Stage::set(&server).await;
        let (tokens, code) = (stage.tokens(&server).await, stage.code(&server).await);
        server.restart_with(&[]).await;
        assert!(stage.active(&server, &tokens.access).await);
        Tokens::of(&stage.app.refresh(&server, &tokens.refresh).await);
        Tokens::of(&stage.redeem(&server, &code).await);
        let form = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
        stage.guard.token(&server, &form).await.refused(400, "invalid_scope");
        server.stop().await;
    }
}
