//! Who is asking, and can they prove it? (RFC 6749 §2.3)

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::form::encode;

use crate::kit::stage::{REDIRECT, machine, public_app};
use crate::kit::{Answer, Server, TokenClient, on_both_databases};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// Asks for a token with these credentials.
async fn ask(server: &Server, header: Option<&str>, form: &[(&str, &str)]) -> Answer {
    let mut all = vec![GRANT];
    all.extend(form);
    let mut request = reqwest::Client::new().post(server.url("/oauth/token")).form(&all);
    if let Some(header) = header {
        request = request.header("authorization", header);
    }
    Answer::of(request.send().await.unwrap()).await
}

/// A machine: its id and its secret.
async fn robot(server: &Server) -> (String, String) {
    let robot = TokenClient::of(&server.client(machine("tools")).await);
    (robot.id, robot.secret.unwrap())
}

/// A machine of the given id and secret, for those that operators do not get to choose.
async fn strange_robot(server: &Server, id: &str, secret: &str) {
    let made = server.client(machine("tools")).await;
    let mut client = (*made.client).clone();
    client.id = id.to_owned();
    client.secret_hash = Some(server.services.secrets.client_secret.hash(secret.as_bytes()).into());
    let store = &server.services.store;
    let added = store.write(move |transaction| {
        Box::pin(async move { entities::client::insert(transaction, &client).await })
    });
    added.await.unwrap();
}

on_both_databases! {
    async fn basic_and_post_both_prove_a_client(server: Server) {
        let (id, secret) = robot(server).await;
        assert_eq!(ask(server, Some(&basic(&id, &secret)), &[]).await.status, 200);
        let named = [("client_id", id.as_str())];
        assert_eq!(ask(server, Some(&basic(&id, &secret)), &named).await.status, 200);
        let lower = basic(&id, &secret).replacen("Basic", "basic", 1);
        assert_eq!(ask(server, Some(&lower), &[]).await.status, 200);
        let post = [("client_id", id.as_str()), ("client_secret", secret.as_str())];
        assert_eq!(ask(server, None, &post).await.status, 200);
    }

    /// The published SDKs percent-encode both halves; many others do not.
    async fn ids_and_secrets_with_special_characters_work_encoded(server: Server) {
        for (id, secret) in [
            ("https://app.example/client.json?a=b&c=d", "s3cret"),
            ("my client: ü", "p+ss %20w:ö&=/?"),
            ("100%", "50%25"),
        ] {
            strange_robot(server, id, secret).await;
            let header = basic(&encode(id), &encode(secret));
            let answer = ask(server, Some(&header), &[]).await;
            assert_eq!(answer.status, 200, "{id} {answer:?}");
            let post = [("client_id", id), ("client_secret", secret)];
            assert_eq!(ask(server, None, &post).await.status, 200, "{id}");
            let plus = basic(&encode(id), &encode(secret).replace("%20", "+"));
            assert_eq!(ask(server, Some(&plus), &[]).await.status, 200, "{id}");
        }
        let bare = basic("https://app.example/client.json?a=b&c=d", "s3cret");
        assert_eq!(ask(server, Some(&bare), &[]).await.status, 200, "a URL that is not encoded");
    }

    async fn a_secret_that_a_client_did_not_encode_still_proves_it(server: Server) {
        strange_robot(server, "plain", "a+b%2Fc").await;
        assert_eq!(ask(server, Some(&basic("plain", "a+b%2Fc")), &[]).await.status, 200);
        ask(server, Some(&basic("plain", "a b/d")), &[]).await.refused(401, "invalid_client");
    }

    async fn two_ways_at_once_or_two_names_are_refused(server: Server) {
        let (id, secret) = robot(server).await;
        let (other, _) = robot(server).await;
        let header = basic(&id, &secret);
        for form in [
            vec![("client_secret", secret.as_str())],
            vec![("client_id", id.as_str()), ("client_secret", secret.as_str())],
            vec![("client_assertion", "x.y.z")],
            vec![("client_id", other.as_str())],
        ] {
            ask(server, Some(&header), &form).await.refused(400, "invalid_request");
        }
        let secret_only = [("client_secret", secret.as_str())];
        ask(server, None, &secret_only).await.refused(400, "invalid_request");
        let twice = [("client_id", id.as_str()), ("client_id", id.as_str())];
        ask(server, None, &twice).await.refused(400, "invalid_request");
    }

    /// Nobody can find out which clients exist or why one was refused.
    async fn every_failure_looks_the_same(server: Server) {
        let (id, secret) = robot(server).await;
        let public = TokenClient::of(&server.client(public_app()).await);
        let (suspended, suspended_secret) = robot(server).await;
        let (revoked, revoked_secret) = robot(server).await;
        server.change_client(&suspended, "status = 'suspended'").await;
        server.change_client(&revoked, "status = 'revoked'").await;
        let nobody = uuid::Uuid::nil().to_string();
        let cut = &secret[..secret.len() - 1];
        let long = format!("{secret}A");
        let attempts = [
            (basic(&id, "wrong"), "wrong secret"),
            (basic(&id, cut), "cut secret"),
            (basic(&id, &long), "longer secret"),
            (basic(&nobody, &secret), "unknown client"),
            (basic("\u{1F512}", &secret), "an odd id"),
            (basic(&public.id, &secret), "public client with a secret"),
            (basic(&suspended, &suspended_secret), "suspended"),
            (basic(&revoked, &revoked_secret), "revoked"),
            (basic(&id, ""), "empty secret"),
            (basic("", &secret), "empty id"),
            (basic("%00", &secret), "an id no database takes"),
            (basic(&format!("{id}%00"), &secret), "an id with a tail"),
            ("Basic !!!".to_owned(), "not base64"),
            ("Bearer abc".to_owned(), "another scheme"),
        ];
        let mut bodies = std::collections::BTreeSet::new();
        for (header, what) in &attempts {
            let answer = ask(server, Some(header), &[]).await;
            assert_eq!(answer.status, 401, "{what} {answer:?}");
            assert!(answer.header("www-authenticate").starts_with("Basic realm="), "{what}");
            assert_eq!(answer.header("cache-control"), "no-store", "{what}");
            bodies.insert(answer.text);
        }
        for (id, secret) in [(&id, "wrong"), (&nobody, "wrong"), (&public.id, "wrong")] {
            let post = [("client_id", id.as_str()), ("client_secret", secret)];
            let answer = ask(server, None, &post).await;
            assert_eq!(answer.status, 401, "{answer:?}");
            bodies.insert(answer.text);
        }
        let answer = ask(server, None, &[("client_id", &id)]).await;
        assert_eq!(answer.status, 401, "a confidential client without its secret");
        bodies.insert(answer.text);
        assert_eq!(bodies.len(), 1, "{bodies:#?}");
    }

    async fn a_request_that_names_no_client_is_refused(server: Server) {
        ask(server, None, &[]).await.refused(401, "invalid_client");
        ask(server, None, &[("client_id", "")]).await.refused(401, "invalid_client");
    }

    /// Some libraries send `id:` by Basic for public clients.
    async fn an_empty_secret_is_no_secret(server: Server) {
        let public = TokenClient::of(&server.client(public_app()).await);
        let form = [("grant_type", "authorization_code"), ("redirect_uri", REDIRECT)];
        let form = [form.as_slice(), &[("code", "apac_none"), ("code_verifier", "v")]].concat();
        let request = reqwest::Client::new().post(server.url("/oauth/token")).form(&form);
        let request = request.header("authorization", basic(&public.id, ""));
        Answer::of(request.send().await.unwrap()).await.refused(400, "invalid_grant");
    }

    /// A URL is in every log on the way (RFC 6749 §2.3.1, §3.2).
    async fn nothing_in_the_query_counts(server: Server) {
        let (id, secret) = robot(server).await;
        let owner = TokenClient::new(&id, Some(&secret));
        let token = owner.token(server, &[GRANT]).await.member("access_token");
        let post = async |path: &str, query: &[(&str, &str)], basic: bool, form: &[(&str, &str)]| {
            let request = reqwest::Client::new().post(server.url(path)).query(query).form(form);
            let request = if basic { request.basic_auth(&id, Some(&secret)) } else { request };
            Answer::of(request.send().await.unwrap()).await
        };
        let credentials = [("client_id", id.as_str()), ("client_secret", secret.as_str())];
        let named = ("token", token.as_str());

        // Not the credentials, nor what is asked for.
        let everything = [&[GRANT, named], credentials.as_slice()].concat();
        post("/oauth/token", &everything, false, &[]).await.refused(401, "invalid_client");
        post("/oauth/token", &credentials, false, &[GRANT]).await.refused(401, "invalid_client");
        post("/oauth/revoke", &credentials, false, &[named]).await.refused(401, "invalid_client");
        let unproven = post("/oauth/introspect", &credentials, false, &[named]).await;
        assert_eq!(unproven.json(), serde_json::json!({ "active": false }));
        for path in ["/oauth/token", "/oauth/revoke", "/oauth/introspect"] {
            post(path, &[GRANT, named], true, &[]).await.refused(400, "invalid_request");
        }
        assert!(owner.sees_active(server, &token).await, "nothing was revoked");

        // Nor does it change or spoil what the body says.
        let other = [
            ("client_id", "other"), ("scope", "admin"), ("resource", "https://evil.example/"),
            ("grant_type", "password"), ("token", "other"), ("client_secret", "other"),
        ];
        let alone = post("/oauth/token", &[], true, &[GRANT]).await;
        let beside = post("/oauth/token", &other, true, &[GRANT]).await;
        assert_eq!((alone.status, beside.status), (200, 200), "{alone:?} {beside:?}");
        assert_eq!(alone.member("scope"), beside.member("scope"));
        let answer = post("/oauth/introspect", &other, true, &[named]).await;
        assert_eq!(answer.member("client_id"), id);
        assert_eq!(post("/oauth/revoke", &other, true, &[named]).await.status, 200);
        assert!(!owner.sees_active(server, &token).await, "what the body named is revoked");
    }

    async fn a_token_named_twice_is_neither_looked_up_nor_revoked(server: Server) {
        let (id, secret) = robot(server).await;
        let owner = TokenClient::new(&id, Some(&secret));
        let token = owner.token(server, &[GRANT]).await.member("access_token");
        for other in [token.as_str(), "other", ""] {
            for twice in [[("token", token.as_str()), ("token", other)], [("token", other), ("token", &token)]] {
                owner.post(server, "/oauth/revoke", &twice).await.refused(400, "invalid_request");
                let answer = owner.post(server, "/oauth/introspect", &twice).await;
                assert_eq!(answer.json(), serde_json::json!({ "active": false }));
            }
        }
        assert!(owner.sees_active(server, &token).await);
    }

    async fn bodies_that_are_no_forms_are_refused(server: Server) {
        let (id, secret) = robot(server).await;
        let http = reqwest::Client::new();
        let json = serde_json::json!({ "grant_type": "client_credentials" });
        let request = http.post(server.url("/oauth/token")).basic_auth(&id, Some(&secret));
        let answer = Answer::of(request.json(&json).send().await.unwrap()).await;
        answer.refused(400, "invalid_request");
        let request = http.post(server.url("/oauth/token")).basic_auth(&id, Some(&secret));
        let body = request.body("grant_type=client_credentials").send().await.unwrap();
        Answer::of(body).await.refused(400, "invalid_request");
        for broken in ["grant_type=%zz", "grant_type=client_credentials%00", "a=%ff"] {
            let request = http.post(server.url("/oauth/token")).basic_auth(&id, Some(&secret));
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            let answer = Answer::of(request.body(broken).send().await.unwrap()).await;
            answer.refused(400, "invalid_request");
        }
        let huge = [("scope", "x".repeat(70_000))];
        let request = http.post(server.url("/oauth/token")).basic_auth(&id, Some(&secret));
        let answer = Answer::of(request.form(&huge).send().await.unwrap()).await;
        answer.refused(400, "invalid_request");
    }
}
