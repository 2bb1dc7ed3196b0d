//! What an assertion must say, and what an attacker would.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{UNLIMITED, robot, with};
use crate::kit::client_key::{ClientKey, TYPE, ask, claims, jwks, post_as};
use crate::kit::scene::register;
use crate::kit::stage::{REDIRECT, RESOURCE, Stage, machine};
use crate::kit::{Answer, Server, TokenClient, on_both_databases};

/// Made once: RSA keys take their time.
static RSA: LazyLock<[ClientKey; 2]> =
    LazyLock::new(|| [ClientKey::new("RS256", "rs"), ClientKey::new("PS256", "ps")]);

fn hmac(secret: &[u8], header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    let tag = aws_lc_rs::hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn unsigned(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&json!({ "alg": "none" })), part(claims))
}

on_both_databases! {
    async fn each_algorithm_proves_a_client_at_each_endpoint(server: Server) {
        let (ec, ed) = (ClientKey::new("ES256", "es"), ClientKey::new("EdDSA", "ed"));
        let keys = [&ec, &ed, &RSA[0], &RSA[1]];
        let id = robot(server, &keys).await;
        for key in keys {
            let alg = key.alg;
            let answer = ask(server, &key.assertion(server, &id)).await;
            assert_eq!(answer.status, 200, "{alg} {answer:?}");
            let token = answer.member("access_token");
            let token = [("token", token.as_str())];
            let look = async || {
                let assertion = key.assertion(server, &id);
                let answer = post_as(server, "/oauth/introspect", &assertion, &token).await;
                assert_eq!(answer.status, 200, "{alg} {answer:?}");
                answer.json()["active"].as_bool().unwrap()
            };
            assert!(look().await, "{alg}");
            let assertion = key.assertion(server, &id);
            let gone = post_as(server, "/oauth/revoke", &assertion, &token).await;
            assert_eq!(gone.status, 200, "{alg} {gone:?}");
            assert!(!look().await, "{alg}");
        }
    }

    async fn an_app_registers_its_keys_and_redeems_codes_and_refreshes_with_them(server: Server) {
        let stage = Stage::set(server).await;
        let key = ClientKey::new("ES256", "app");
        let document = json!({
            "client_name": "An app with a key",
            "redirect_uris": [REDIRECT],
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": "ES256",
            "jwks": jwks(&[&key]),
        });
        let answer = register(server, &document).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let body = answer.json();
        for member in ["token_endpoint_auth_method", "token_endpoint_auth_signing_alg", "jwks"] {
            assert_eq!(body[member], document[member], "{member}");
        }
        assert!(body.get("client_secret").is_none());
        let app = TokenClient::new(&answer.member("client_id"), None);
        let code = stage.code_for(server, &app, &[("resource", RESOURCE)]).await;
        let redeem = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", &stage.pkce.verifier),
        ];
        // Without the key the code is of no use to anybody.
        let bare = app.token(server, &redeem).await;
        bare.refused(401, "invalid_client");
        let redeemed =
            post_as(server, "/oauth/token", &key.assertion(server, &app.id), &redeem).await;
        assert_eq!(redeemed.status, 200, "{redeemed:?}");
        let refresh = redeemed.member("refresh_token");
        app.refresh(server, &refresh).await.refused(401, "invalid_client");
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        let next = post_as(server, "/oauth/token", &key.assertion(server, &app.id), &form).await;
        assert_eq!(next.status, 200, "{next:?}");
    }

    /// Nobody can find out which clients exist, which have keys, or what was wrong.
    async fn every_refusal_reads_the_same(server: Server)
    with [UNLIMITED] {
        let (key, stranger) = (ClientKey::new("ES256", "k"), ClientKey::new("ES256", "k"));
        let rsa = &RSA[0];
        let id = robot(server, &[&key, rsa]).await;
        let other = robot(server, &[&stranger]).await;
        let suspended = robot(server, &[&key]).await;
        server.change_client(&suspended, "status = 'suspended'").await;
        let secret = TokenClient::of(&server.client(machine("tools")).await);
        let nobody = uuid::Uuid::nil().to_string();
        let good = || claims(server, &id);
        let claimed = |member: &str, value: Value| {
            key.signed(&key.header(), &with(good(), member, value))
        };
        let headed =
            |member: &str, value: Value| key.signed(&with(key.header(), member, value), &good());
        let now = server.services.environment.now().timestamp();
        let issuer = good()["aud"].clone();
        let confused = json!({ "alg": "HS256", "kid": "rs" });
        let attempts = [
            ("an unknown client", key.assertion(server, &nobody)),
            ("a suspended client", key.assertion(server, &suspended)),
            ("a client with a secret", key.assertion(server, &secret.id)),
            ("another client's key", stranger.assertion(server, &id)),
            ("another client's assertion", key.assertion(server, &other)),
            ("expired", claimed("exp", json!(now - 120))),
            ("for ever", claimed("exp", json!(now + 86_400))),
            ("no expiry", claimed("exp", Value::Null)),
            ("an expiry in quotes", claimed("exp", json!((now + 60).to_string()))),
            ("made in the future", claimed("iat", json!(now + 100))),
            ("not valid yet", claimed("nbf", json!(now + 100))),
            ("another audience", claimed("aud", json!("https://other.example"))),
            ("several audiences", claimed("aud", json!([issuer, "https://other.example"]))),
            ("no audience", claimed("aud", json!([]))),
            ("another issuer", claimed("iss", json!(other))),
            ("no name", claimed("jti", Value::Null)),
            ("an empty name", claimed("jti", json!(""))),
            ("an endless name", claimed("jti", json!("x".repeat(300)))),
            ("unsigned", unsigned(&good())),
            ("HMAC with the public key", hmac(rsa.jwk().to_string().as_bytes(), &confused, &good())),
            ("HMAC with nothing", hmac(b"", &confused, &good())),
            ("its own key with it", stranger.signed(
                &with(stranger.header(), "jwk", stranger.jwk()), &good())),
            ("a key elsewhere", stranger.signed(
                &with(stranger.header(), "jku", json!("https://evil.example/")), &good())),
            ("a critical header", headed("crit", json!(["exp"]))),
            ("an access token's type", headed("typ", json!("at+jwt"))),
            ("a DPoP proof's type", headed("typ", json!("dpop+jwt"))),
            ("another algorithm", headed("alg", json!("RS256"))),
            ("an unknown key", headed("kid", json!("zzz"))),
            ("a huge header", headed("x", json!("x".repeat(5000)))),
            ("a huge assertion", claimed("x", json!("x".repeat(7000)))),
            ("no JWT", "x".to_owned()),
            ("three empty parts", "..".to_owned()),
        ];
        let mut bodies = BTreeSet::new();
        for (what, assertion) in &attempts {
            let answer = ask(server, assertion).await;
            assert_eq!(answer.status, 401, "{what} {answer:?}");
            bodies.insert(answer.text);
            let answer = post_as(server, "/oauth/introspect", assertion, &[("token", "x")]).await;
            assert_eq!(answer.status, 401, "{what} {answer:?}");
            bodies.insert(answer.text);
        }
        let wrong_secret = TokenClient::new(&secret.id, Some("wrong"));
        let form = [("grant_type", "client_credentials")];
        bodies.insert(wrong_secret.token(server, &form).await.text);
        assert_eq!(bodies.len(), 1, "{bodies:#?}");
        assert_eq!(ask(server, &key.assertion(server, &id)).await.status, 200);
    }

    async fn between_secret_key_and_nothing_there_is_no_way_around(server: Server) {
        let key = ClientKey::new("ES256", "k");
        let id = robot(server, &[&key]).await;
        let form = [("grant_type", "client_credentials")];
        TokenClient::new(&id, None).token(server, &form).await.refused(401, "invalid_client");
        let basic = TokenClient::new(&id, Some("x")).token(server, &form).await;
        basic.refused(401, "invalid_client");
        let assertion = key.assertion(server, &id);
        let two = async |header: bool, more: &[(&str, &str)]| {
            let form = [&[form[0], TYPE, ("client_assertion", &assertion)], more].concat();
            let request = reqwest::Client::new().post(server.url("/oauth/token")).form(&form);
            let request = if header { request.basic_auth(&id, Some("x")) } else { request };
            Answer::of(request.send().await.unwrap()).await
        };
        two(true, &[]).await.refused(400, "invalid_request");
        two(false, &[("client_secret", "x")]).await.refused(400, "invalid_request");
        two(false, &[("client_assertion", "x")]).await.refused(400, "invalid_request");
        two(false, &[("client_id", "another")]).await.refused(401, "invalid_client");
        assert_eq!(two(false, &[("client_id", &id)]).await.status, 200, "it was not spent");
        let untyped = [form[0], ("client_assertion", assertion.as_str())];
        TokenClient::new(&id, None).token(server, &untyped).await.refused(400, "invalid_request");
        let alone = [form[0], TYPE];
        TokenClient::new(&id, None).token(server, &alone).await.refused(400, "invalid_request");
    }

    async fn the_audience_may_be_the_issuer_or_the_endpoint(server: Server) {
        let key = ClientKey::new("ES256", "k");
        let id = robot(server, &[&key]).await;
        let issuer = claims(server, &id)["aud"].as_str().unwrap().to_owned();
        let at = |path: &str| format!("{issuer}{path}");
        let post = async |path: &str, aud: Value| {
            let claims = with(claims(server, &id), "aud", aud);
            let assertion = key.signed(&key.header(), &claims);
            let form = [("grant_type", "client_credentials"), ("token", "x")];
            post_as(server, path, &assertion, &form).await.status
        };
        for aud in [json!(issuer), json!([issuer]), json!(at("/oauth/token"))] {
            assert_eq!(post("/oauth/token", aud.clone()).await, 200, "{aud}");
            assert_eq!(post("/oauth/introspect", aud.clone()).await, 200, "{aud}");
        }
        assert_eq!(post("/oauth/introspect", json!(at("/oauth/introspect"))).await, 200);
        assert_eq!(post("/oauth/token", json!(at("/oauth/introspect"))).await, 401);
        assert_eq!(post("/oauth/revoke", json!(at("/oauth/introspect"))).await, 401);
        assert_eq!(post("/oauth/token", json!(format!("{issuer}/"))).await, 401);
    }

    async fn denials_are_written_down_and_an_attacker_does_not_size_the_log(server: Server)
    with [UNLIMITED] {
        let (key, stranger) = (ClientKey::new("ES256", "k"), ClientKey::new("ES256", "k"));
        let id = robot(server, &[&key]).await;
        let nobody = uuid::Uuid::nil().to_string();
        for _ in 0..25 {
            ask(server, &stranger.assertion(server, &id)).await.refused(401, "invalid_client");
            ask(server, &stranger.assertion(server, &nobody)).await.refused(401, "invalid_client");
        }
        let said = ["method=private_key_jwt", "the signature is not that key's"];
        server.until_audited("auth.denied", &said, 10).await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert_eq!(server.audited("auth.denied", &[]).await, 10, "nobody's are not written down");
    }
}
