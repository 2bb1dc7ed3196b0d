//! Tokens that only the holder of a key can use (RFC 9449).

use authserver::administration::client::NewClient;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::kit::client::claims;
use crate::kit::dpop::{Prover, proof_claims, token_with};
use crate::kit::stage::{REDIRECT, RESOURCE, Stage, Tokens, machine};
use crate::kit::{Answer, Backend, Server, TokenClient, on_both_databases};

const MACHINE: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("resource", RESOURCE)];

/// A machine and a key.
async fn robot(server: &Server) -> (TokenClient, Prover) {
    server.resource("mcp", RESOURCE, &["read*"]).await;
    (TokenClient::of(&server.client(machine("read")).await), Prover::new())
}

/// The form that redeems `code`.
fn redemption<'a>(stage: &'a Stage, code: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", &stage.pkce.verifier),
    ]
}

fn bound_to(answer: &Answer, prover: &Prover) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.member("token_type"), "DPoP");
    let token = claims(&answer.member("access_token"));
    assert_eq!(token["cnf"], json!({ "jkt": prover.jkt() }));
}

on_both_databases! {
    async fn a_machines_token_is_bound_to_its_key_and_introspection_says_so(server: Server) {
        let (robot, prover) = robot(server).await;
        let answer = prover.token(server, &robot, &MACHINE).await;
        bound_to(&answer, &prover);
        let access = answer.member("access_token");
        let seen = robot.post(server, "/oauth/introspect", &[("token", &access)]).await.json();
        assert_eq!(seen["cnf"]["jkt"], prover.jkt());
        assert_eq!((&seen["token_type"], &seen["active"]), (&json!("DPoP"), &json!(true)));
        assert_eq!(server.issuance_of(&access).await.jkt, Some(prover.jkt()));

        let plain = robot.token(server, &MACHINE).await;
        assert_eq!(plain.member("token_type"), "Bearer");
        assert!(claims(&plain.member("access_token")).get("cnf").is_none());
    }

    async fn a_proof_is_good_for_one_request_at_any_replica(server: Server) {
        let (robot, prover) = robot(server).await;
        let other = server.replica().await;
        let proof = prover.proof(server);
        assert_eq!(token_with(server, &robot, &MACHINE, &proof).await.status, 200);
        for replica in [&*server, &other] {
            let answer = token_with(replica, &robot, &MACHINE, &proof).await;
            answer.refused(400, "invalid_dpop_proof");
            assert!(answer.member("error_description").contains("used before"));
        }
        // Signed anew it is another text, and the same proof.
        let mut same = proof_claims(server);
        same["jti"] = claims(&proof)["jti"].clone();
        let again = token_with(&other, &robot, &MACHINE, &prover.signed(&same)).await;
        again.refused(400, "invalid_dpop_proof");
        other.stop().await;
    }

    async fn of_many_simultaneous_uses_of_a_proof_one_succeeds(server: Server) {
        let (robot, prover) = robot(server).await;
        let other = server.replica().await;
        let proof = prover.proof(server);
        let uses = (0..100).map(|number| {
            let replica = if number % 2 == 0 { &*server } else { &other };
            token_with(replica, &robot, &MACHINE, &proof)
        });
        let answers = join_all(uses).await;
        let good = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(good, 1);
        assert_eq!(server.audited("client_credentials.issued", &[]).await, 1);
        other.stop().await;
    }

    async fn a_proof_for_something_else_is_refused_and_says_why(server: Server) {
        let (robot, prover) = robot(server).await;
        let now = server.services.environment.now().timestamp();
        for (member, value, why) in [
            ("htm", json!("GET"), "htm"),
            ("htu", json!("http://localhost:9000/oauth/introspect"), "htu"),
            ("htu", json!("https://evil.example/oauth/token"), "htu"),
            ("iat", json!(now - 61), "iat"),
            ("iat", json!(now + 61), "iat"),
            ("jti", json!(""), "jti"),
            ("iat", json!("now"), "iat"),
        ] {
            let mut changed = proof_claims(server);
            changed[member] = value.clone();
            let answer = token_with(server, &robot, &MACHINE, &prover.signed(&changed)).await;
            answer.refused(400, "invalid_dpop_proof");
            let said = answer.member("error_description");
            assert!(said.contains(why), "{member} {value}: {said}");
        }
        let mut headers = [("dpop", prover.proof(server)), ("dpop", prover.proof(server))];
        let sent: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let twice = robot.post_with(server, "/oauth/token", &MACHINE, &sent).await;
        twice.refused(400, "invalid_dpop_proof");
        headers[0].1 = "not a proof".to_owned();
        token_with(server, &robot, &MACHINE, &headers[0].1).await.refused(400, "invalid_dpop_proof");
        assert_eq!(server.audited("client_credentials.issued", &[]).await, 0);
    }

    async fn a_strangers_proofs_are_not_remembered(server: Server) {
        let (robot, prover) = robot(server).await;
        let stranger = TokenClient::new(&robot.id, Some("apcs_wrong"));
        prover.token(server, &stranger, &MACHINE).await.refused(401, "invalid_client");
        let remembered = server.execute("UPDATE replay SET expires_at = expires_at").await;
        assert_eq!(remembered, 0);
    }

    async fn the_short_name_of_the_endpoint_is_an_url_of_its_own(server: Server) {
        let (robot, prover) = robot(server).await;
        let mut short = proof_claims(server);
        short["htu"] = json!("http://localhost:9000/token");
        let proof = prover.signed(&short);
        let answer = robot.post_with(server, "/token", &MACHINE, &[("dpop", &proof)]).await;
        bound_to(&answer, &prover);
        let wrong = prover.proof(server);
        let answer = robot.post_with(server, "/token", &MACHINE, &[("dpop", &wrong)]).await;
        answer.refused(400, "invalid_dpop_proof");
    }

    async fn a_public_clients_refresh_tokens_are_bound_to_its_key(server: Server) {
        let stage = Stage::set(server).await;
        let (owner, thief) = (Prover::new(), Prover::new());
        let code = stage.code(server).await;
        let first = owner.token(server, &stage.app, &redemption(&stage, &code)).await;
        bound_to(&first, &owner);
        let first = Tokens::of(&first);
        assert_eq!(server.family_of(&first.refresh).await.jkt, Some(owner.jkt()));

        // Without a proof it is a mistake, and costs nothing.
        let bare = stage.app.refresh(server, &first.refresh).await;
        bare.refused(400, "invalid_dpop_proof");
        let second = owner.refresh(server, &stage.app, &first.refresh).await;
        bound_to(&second, &owner);
        let second = Tokens::of(&second);
        assert!(stage.active(server, &second.access).await);

        // With another key it is theft.
        let stolen = thief.refresh(server, &stage.app, &second.refresh).await;
        stolen.refused(400, "invalid_grant");
        assert_eq!(server.audited("family.revoked", &["other_key"]).await, 1);
        owner.refresh(server, &stage.app, &second.refresh).await.refused(400, "invalid_grant");
        assert!(!stage.active(server, &second.access).await);
    }

    async fn within_the_grace_window_the_same_key_gets_the_same_successor(server: Server) {
        let stage = Stage::set(server).await;
        let prover = Prover::new();
        let code = stage.code(server).await;
        let first = prover.token(server, &stage.app, &redemption(&stage, &code)).await;
        let first = Tokens::of(&first);
        let uses = (0..10).map(|_| prover.refresh(server, &stage.app, &first.refresh));
        let answers: Vec<Tokens> = join_all(uses).await.iter().map(Tokens::of).collect();
        assert!(answers.iter().all(|tokens| tokens.refresh == answers[0].refresh));
    }

    async fn who_has_a_secret_may_change_its_key(server: Server) {
        let stage = Stage::set(server).await;
        let new = NewClient { auth_method: None, ..crate::kit::stage::public_app() };
        let app = TokenClient::of(&server.client(new).await);
        let (one, other) = (Prover::new(), Prover::new());
        let wanted = [("resource", RESOURCE), ("scope", "read")];
        let code = stage.code_for(server, &app, &wanted).await;
        let first = one.token(server, &app, &redemption(&stage, &code)).await;
        bound_to(&first, &one);
        let second = other.refresh(server, &app, &Tokens::of(&first).refresh).await;
        bound_to(&second, &other);
        let third = app.refresh(server, &Tokens::of(&second).refresh).await;
        assert_eq!(third.member("token_type"), "Bearer");
    }

    async fn a_code_that_was_bound_is_redeemed_with_its_key_only(server: Server) {
        let stage = Stage::set(server).await;
        let (owner, thief) = (Prover::new(), Prover::new());
        let jkt = owner.jkt();
        let wanted = [("resource", RESOURCE), ("scope", "read"), ("dpop_jkt", &*jkt)];
        let code = stage.code_for(server, &stage.app, &wanted).await;
        let form = redemption(&stage, &code);
        stage.app.token(server, &form).await.refused(400, "invalid_dpop_proof");
        thief.token(server, &stage.app, &form).await.refused(400, "invalid_grant");
        bound_to(&owner.token(server, &stage.app, &form).await, &owner);
    }

    async fn a_resource_that_wants_bound_tokens_gets_no_others(server: Server) {
        let stage = Stage::set(server).await;
        let robot = TokenClient::of(&server.client(machine("read")).await);
        let code = stage.code(server).await;
        let before = stage.tokens(server).await;
        let body = json!({ "policy": { "dpop": { "required": true } } });
        let patched = server.admin_patch("/admin/resources/mcp", &body).await;
        assert_eq!(patched.json()["policy"]["dpop"]["required"], true, "{patched:?}");
        assert_eq!(server.audited("resource.patched", &["policy.dpop"]).await, 1);

        let document = server.get("/.well-known/oauth-protected-resource/mcp").await.json();
        assert_eq!(document["dpop_bound_access_tokens_required"], true);
        robot.token(server, &MACHINE).await.refused(400, "invalid_dpop_proof");
        stage.redeem(server, &code).await.refused(400, "invalid_dpop_proof");
        stage.app.refresh(server, &before.refresh).await.refused(400, "invalid_dpop_proof");
        // Neither code nor refresh token was spent by that.
        let prover = Prover::new();
        bound_to(&prover.token(server, &robot, &MACHINE).await, &prover);
        bound_to(&prover.token(server, &stage.app, &redemption(&stage, &code)).await, &prover);
        bound_to(&prover.refresh(server, &stage.app, &before.refresh).await, &prover);
    }

    async fn a_client_that_said_so_gets_no_bearer_tokens(server: Server) {
        let (_, prover) = robot(server).await;
        let new = NewClient { dpop_bound: true, ..machine("read") };
        let created = server.client(new).await;
        let bound = TokenClient::of(&created);
        bound.token(server, &MACHINE).await.refused(400, "invalid_dpop_proof");
        bound_to(&prover.token(server, &bound, &MACHINE).await, &prover);
        let path = format!("/admin/clients/{}", bound.id);
        let patched = server.admin_patch(&path, &json!({ "dpop_bound": false })).await;
        assert_eq!(patched.json()["dpop_bound"], false, "{patched:?}");
        assert_eq!(bound.token(server, &MACHINE).await.member("token_type"), "Bearer");

        // RFC 9449 §5.2: a client that registers itself says it by another name.
        let document = json!({
            "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none",
            "dpop_bound_access_tokens": true,
        });
        let registered = reqwest::Client::new().post(server.url("/oauth/register"));
        let registered = Answer::of(registered.json(&document).send().await.unwrap()).await;
        assert_eq!(registered.json()["dpop_bound_access_tokens"], true, "{registered:?}");
    }

    async fn a_nonce_is_asked_for_once_and_learned_from_every_answer(server: Server)
    with [("AUTHPLANE_DPOP_REQUIRE_NONCE", "true")] {
        let (robot, prover) = robot(server).await;
        let other = server.replica().await;
        let asked = prover.token(server, &robot, &MACHINE).await;
        asked.refused(400, "use_dpop_nonce");
        let nonce = asked.header("dpop-nonce").to_owned();
        assert!(!nonce.is_empty());
        let exposed = asked.header("access-control-expose-headers").to_owned();
        assert!(exposed.contains("DPoP-Nonce"));
        let with_nonce = |nonce: &str| {
            let mut claims = proof_claims(server);
            claims["nonce"] = json!(nonce);
            prover.signed(&claims)
        };
        // It comes from one replica and counts at the other.
        let good = token_with(&other, &robot, &MACHINE, &with_nonce(&nonce)).await;
        bound_to(&good, &prover);
        assert!(!good.header("dpop-nonce").is_empty());
        let invented = token_with(server, &robot, &MACHINE, &with_nonce("AAAA")).await;
        invented.refused(400, "use_dpop_nonce");
        assert!(robot.token(server, &MACHINE).await.header("dpop-nonce").is_empty());
        server.wait(180);
        let stale = token_with(server, &robot, &MACHINE, &with_nonce(&nonce)).await;
        stale.refused(400, "use_dpop_nonce");
        let fresh = stale.header("dpop-nonce").to_owned();
        bound_to(&token_with(server, &robot, &MACHINE, &with_nonce(&fresh)).await, &prover);
        // No nonce has to be remembered: nothing but the good proofs was written.
        let remembered = server.execute("UPDATE replay SET expires_at = expires_at").await;
        assert_eq!(remembered, 2);
        other.stop().await;
    }

    async fn clocks_half_a_minute_apart_change_nothing(server: Server) {
        let (robot, prover) = robot(server).await;
        let (early, late) = (prover.proof(server), prover.proof(server));
        server.wait(30);
        bound_to(&token_with(server, &robot, &MACHINE, &early).await, &prover);
        server.set_back(60);
        bound_to(&token_with(server, &robot, &MACHINE, &late).await, &prover);
        token_with(server, &robot, &MACHINE, &early).await.refused(400, "invalid_dpop_proof");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switched_off_nobody_is_promised_anything() {
    let server = Server::start_with(Backend::Sqlite, &[("AUTHPLANE_DPOP_ENABLED", "false")]).await;
    let (robot, prover) = robot(&server).await;
    let metadata: Value = server.get("/.well-known/oauth-authorization-server").await.json();
    assert!(metadata.get("dpop_signing_alg_values_supported").is_none());
    let answer = prover.token(&server, &robot, &MACHINE).await;
    assert_eq!(answer.member("token_type"), "Bearer");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metadata_names_the_algorithms_of_proofs() {
    let server = Server::start(Backend::Sqlite).await;
    let metadata: Value = server.get("/.well-known/oauth-authorization-server").await.json();
    let algorithms = &metadata["dpop_signing_alg_values_supported"];
    assert_eq!(*algorithms, json!(["ES256", "ES384", "RS256", "PS256", "EdDSA"]));
    server.stop().await;
}
