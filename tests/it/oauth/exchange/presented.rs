//! Tokens that are presented and are no good, whichever way. The client always reads the same.

use actors::audit::Origin;
use actors::users::AccountAct;
use authserver::administration::{client, user};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use protocol::client::ClientStatus;
use serde_json::{Value, json};

use super::{ACCESS_TOKEN, Counter, exchange, form, gateway, given};
use crate::kit::client::{claims, jose_header};
use crate::kit::client_key::ClientKey;
use crate::kit::stage::{RESOURCE, Tokens};
use crate::kit::{Answer, Server, TokenClient, on_both_databases};

/// A JWS by the server's own key over whatever is wanted.
fn signed_by_us(server: &Server, header: &Value, claims: &Value) -> String {
    let kid = header["kid"].as_str().unwrap();
    let pem = std::fs::read_to_string(server.key_folder().join(format!("{kid}.pem"))).unwrap();
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    let der = STANDARD.decode(lines.collect::<String>()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).unwrap();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// What looks like `token` and is none of ours that is good, with the reason it is refused for.
fn impostors(server: &Server, token: &str) -> Vec<(&'static str, &'static str, String)> {
    let (header, body) = (jose_header(token), claims(token));
    let with = |of: &Value, member: &str, value: Value| {
        let mut changed = of.clone();
        changed[member] = value;
        changed
    };
    let ours = |header: &Value, body: &Value| signed_by_us(server, header, body);
    let stranger = ClientKey::new("ES256", header["kid"].as_str().unwrap());
    let (message, signature) = token.rsplit_once('.').unwrap();
    let none = json!({ "alg": "none", "typ": "at+jwt", "kid": header["kid"] });
    let unsigned = ours(&none, &body);
    let now = server.services.environment.now().timestamp();
    vec![
        ("a foreign key", "unknown", stranger.signed(&header, &body)),
        (
            "another issuer",
            "unknown",
            ours(&header, &with(&body, "iss", json!("https://evil.example"))),
        ),
        ("an ID token", "unknown", ours(&with(&header, "typ", json!("JWT")), &body)),
        ("a logout token", "unknown", ours(&with(&header, "typ", json!("logout+jwt")), &body)),
        ("no signature", "unknown", format!("{}.", unsigned.rsplit_once('.').unwrap().0)),
        ("a truncated signature", "unknown", format!("{message}.{}", &signature[..40])),
        ("no token at all", "unknown", "hello".to_owned()),
        ("expired", "expired", ours(&header, &with(&body, "exp", json!(now)))),
        (
            "one never issued",
            "inactive",
            ours(&header, &with(&body, "jti", json!("0197a000-0000-7000-8000-000000000000"))),
        ),
    ]
}

/// Asserts the one answer to all tokens that are no good, and its reason.
async fn is_no_good(server: &Server, what: &str, answer: &Answer, parameter: &str, fault: &str) {
    assert_eq!((answer.status, answer.member("error").as_str()), (400, "invalid_grant"), "{what}");
    let said = format!("The {parameter} is no access token of this server that is valid now.");
    assert_eq!(answer.member("error_description"), said, "{what}");
    let party = parameter.trim_end_matches("_token");
    server.until_audited("token.exchange_denied", &[&format!("reason={party}_{fault}")], 1).await;
}

pub(super) async fn set_status(server: &Server, client: &TokenClient, status: ClientStatus) {
    let origin = Origin::local();
    client::set_status(&server.desk(&origin), &client.id, status).await.unwrap();
}

on_both_databases! {
    async fn a_foreign_wrong_issuer_or_id_token_is_not_exchanged(server: Server) {
        let counter = Counter::open(server).await;
        let subject = counter.subject(server).await;
        counter.agree(server, "read").await;
        given(&counter.own(server, &subject).await);
        for (what, fault, token) in impostors(server, &subject) {
            let answer = counter.own(server, &token).await;
            is_no_good(server, what, &answer, "subject_token", fault).await;
        }
        let ours = signed_by_us(server, &jose_header(&subject), &claims(&subject));
        given(&counter.own(server, &ours).await);
    }

    async fn a_foreign_wrong_issuer_or_id_token_is_no_actor(server: Server) {
        let counter = Counter::open(server).await;
        let subject = counter.subject(server).await;
        counter.agree(server, "read").await;
        let own = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
        let actor = counter.gateway.token(server, &own).await.member("access_token");
        counter.let_in(server, "files", &counter.gateway).await;
        for (what, fault, token) in impostors(server, &actor) {
            let more =
                [("resource", "files"), ("actor_token", &*token), ("actor_token_type", ACCESS_TOKEN)];
            let answer = exchange(server, &counter.gateway, &subject, &more).await;
            is_no_good(server, what, &answer, "actor_token", fault).await;
        }
    }

    async fn a_refresh_token_or_a_token_of_another_type_is_not_exchanged(server: Server) {
        let counter = Counter::open(server).await;
        let more = [("resource", RESOURCE), ("scope", "read")];
        let Tokens { access, refresh } =
            counter.stage.tokens_for(server, &counter.agent, &more).await;
        counter.agree(server, "read").await;
        let answer = counter.own(server, &refresh).await;
        is_no_good(server, "a refresh token", &answer, "subject_token", "unknown").await;
        for other in ["id_token", "refresh_token", "saml2"] {
            let kind = format!("urn:ietf:params:oauth:token-type:{other}");
            let mut form = form(&access, &[("resource", "files")]);
            form[2].1 = &kind;
            counter.agent.token(server, &form).await.refused(400, "invalid_request");
        }
        let wanted = [("resource", "files"), ("requested_token_type", "urn:ietf:params:oauth:token-type:id_token")];
        exchange(server, &counter.agent, &access, &wanted).await.refused(400, "invalid_request");
        // The refresh token is as good as before.
        Tokens::of(&counter.agent.refresh(server, &refresh).await);
    }

    async fn a_token_that_ran_out_is_not_exchanged(server: Server) {
        let counter = Counter::open(server).await;
        let subject = counter.subject(server).await;
        counter.agree(server, "read").await;
        server.wait(899);
        given(&counter.own(server, &subject).await);
        server.wait(1);
        let answer = counter.own(server, &subject).await;
        is_no_good(server, "expired", &answer, "subject_token", "expired").await;
    }

    /// An inactive token, as introspection has it.
    async fn an_inactive_token_is_not_exchanged(server: Server) {
        let counter = Counter::open(server).await;
        let replica = server.replica().await;
        let subject = counter.subject(server).await;
        counter.agree(server, "read").await;
        given(&counter.own(&replica, &subject).await);
        let back = counter.agent.post(server, "/oauth/revoke", &[("token", &subject)]).await;
        assert_eq!(back.status, 200);
        let answer = counter.own(&replica, &subject).await;
        is_no_good(server, "revoked", &answer, "subject_token", "inactive").await;
        replica.stop().await;
    }

    async fn a_disabled_users_token_is_not_exchanged(server: Server) {
        let counter = Counter::open(server).await;
        let subject = counter.subject(server).await;
        counter.agree(server, "read").await;
        given(&counter.own(server, &subject).await);
        // Marked and nothing more: the token itself was not revoked.
        server.set_disabled(counter.stage.person.id, true).await;
        let answer = counter.own(server, &subject).await;
        is_no_good(server, "disabled", &answer, "subject_token", "inactive").await;
        let origin = Origin::local();
        let who = counter.stage.person.id.to_string();
        user::act(&server.desk(&origin), &who, AccountAct::Enable).await.unwrap();
        given(&counter.own(server, &subject).await);
    }

    /// Such as that of somebody whom another identity provider vouches for.
    async fn a_subject_without_a_user_of_ours_is_no_machine_for_that(server: Server) {
        let counter = Counter::open(server).await;
        counter.let_in(server, "files", &counter.gateway).await;
        let own = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
        let subject = counter.gateway.token(server, &own).await.member("access_token");
        given(&counter.cross(server, &subject).await);
        let issued_for = |grant: &str| format!("UPDATE issuances SET grant_type = '{grant}'");
        server.execute(&issued_for("urn:ietf:params:oauth:grant-type:jwt-bearer")).await;
        let answer = counter.cross(server, &subject).await;
        is_no_good(server, "nobody's", &answer, "subject_token", "inactive").await;
        server.execute(&issued_for("client_credentials")).await;
        given(&counter.cross(server, &subject).await);
    }

    /// The client that asks, the subject token's and the actor token's; at a replica that has
    /// not heard of it.
    async fn with_a_suspended_client_nothing_is_exchanged(server: Server) {
        let counter = Counter::open(server).await;
        let replica = server.replica().await;
        let subject = counter.subject(server).await;
        counter.agree(server, "read").await;
        counter.let_in(server, "files", &counter.gateway).await;
        replica.wait(2);
        let machine = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
        let actor_client = TokenClient::of(&server.client(gateway()).await);
        let actor = actor_client.token(server, &machine).await.member("access_token");
        let more =
            [("resource", "files"), ("actor_token", &*actor), ("actor_token_type", ACCESS_TOKEN)];
        let ask = || exchange(&replica, &counter.gateway, &subject, &more);
        // The actor token was sent to the resource that the gateway acts as.
        until_given(&replica, &counter, &subject).await;
        given(&ask().await);

        set_status(server, &counter.gateway, ClientStatus::Suspended).await;
        ask().await.refused(401, "invalid_client");
        set_status(server, &counter.gateway, ClientStatus::Active).await;
        replica.notices_the_client(&counter.gateway.id).await;
        set_status(server, &counter.agent, ClientStatus::Suspended).await;
        is_no_good(server, "subject's", &ask().await, "subject_token", "inactive").await;
        set_status(server, &counter.agent, ClientStatus::Active).await;
        set_status(server, &actor_client, ClientStatus::Suspended).await;
        is_no_good(server, "actor's", &ask().await, "actor_token", "inactive").await;
        set_status(server, &actor_client, ClientStatus::Active).await;
        given(&ask().await);
        replica.stop().await;
    }
}

/// Waits until the replica has heard that the gateway was let in.
async fn until_given(replica: &Server, counter: &Counter, subject: &str) {
    for _ in 0..100 {
        replica.wait(1);
        if counter.cross(replica, subject).await.status == 200 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("the replica did not hear of it");
}
