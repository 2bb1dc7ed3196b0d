//! What is in the document, and what comes of it.

use protocol::client::RegistrationSource;
use serde_json::{Value, json};

use crate::kit::scene::{EMAIL, REDIRECT, RESOURCE, register};
use crate::kit::{Answer, Browser, Pkce, Scene, Server, TokenClient, on_both_databases};

/// A document with one address on the web, and more said.
fn document(more: Value) -> Value {
    let Value::Object(mut document) = more else { panic!("not a document: {more}") };
    document.entry("redirect_uris").or_insert_with(|| json!([REDIRECT]));
    Value::Object(document)
}

/// Posts something that need not be JSON.
async fn post_bytes(server: &Server, body: impl Into<reqwest::Body>) -> Answer {
    let http = reqwest::Client::new();
    let request =
        http.post(server.url("/oauth/register")).header("content-type", "application/json");
    Answer::of(request.body(body).send().await.unwrap()).await
}

on_both_databases! {
    async fn a_web_client_that_says_little_gets_sensible_defaults(server: Server) {
        let answer = register(server, &document(json!({}))).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");

        let body = answer.json();
        assert_eq!(body["redirect_uris"], json!([REDIRECT]));
        assert_eq!(body["grant_types"], json!(["authorization_code", "refresh_token"]));
        assert_eq!(body["response_types"], json!(["code"]));
        assert_eq!(body["token_endpoint_auth_method"], "client_secret_basic");
        assert_eq!(body["application_type"], "web");
        assert_eq!(body["client_id_issued_at"], 1_800_000_000);
        assert_eq!(body["client_secret_expires_at"], 0);
        assert!(body["client_secret"].as_str().unwrap().len() >= 43, "{body}");
        assert!(body["client_name"].is_string(), "{body}");
        assert!(body.as_object().unwrap().values().all(|value| !value.is_null()), "{body}");
    }

    async fn a_program_on_the_users_machine_is_public_and_native_by_default(server: Server) {
        for uris in [
            json!(["http://127.0.0.1:33418/"]),
            json!(["http://localhost/callback", "http://[::1]:1/callback"]),
            json!(["com.example.app:/callback"]),
        ] {
            let body = register(server, &json!({ "redirect_uris": uris })).await.json();
            assert_eq!(body["token_endpoint_auth_method"], "none", "{body}");
            assert_eq!(body["application_type"], "native", "{body}");
            assert_eq!(body.get("client_secret"), None, "{body}");
            assert_eq!(body.get("client_secret_expires_at"), None, "{body}");
        }
    }

    async fn what_is_registered_is_said_back(server: Server) {
        let said = json!({
            "redirect_uris": [REDIRECT, "http://localhost/callback"],
            "client_name": "Grüße, 世界",
            "client_uri": "https://app.example/",
            "logo_uri": "https://app.example/logo.png",
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "client_secret_post",
            "application_type": "web",
            "contacts": ["ops@app.example"],
            "tos_uri": "https://app.example/tos",
            "policy_uri": "https://app.example/policy",
            "software_id": "4NRB1-0XZABZI9E6-5SM3R",
            "software_version": "2.1",
            "agent": true,
            "agent_description": "Books trains",
        });
        let body = register(server, &said).await.json();
        for (name, value) in said.as_object().unwrap() {
            assert_eq!(&body[name], value, "{name} in {body}");
        }
        let keys = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }] });
        let body = register(server, &document(json!({ "jwks": keys }))).await.json();
        assert_eq!(body["jwks"], keys);
        let uri = "https://app.example/keys";
        let body = register(server, &document(json!({ "jwks_uri": uri }))).await.json();
        assert_eq!(body["jwks_uri"], uri);
    }

    /// Cursor says `web` and means the user's machine.
    async fn the_application_type_is_corrected_and_all_three_addresses_are_kept(server: Server) {
        let uris = json!([
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "http://localhost:8787/callback",
        ]);
        let said = json!({
            "client_name": "Cursor",
            "redirect_uris": uris,
            "application_type": "web",
            "token_endpoint_auth_method": "none",
        });
        let answer = register(server, &said).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(answer.json()["redirect_uris"], uris);

        let local = json!({
            "redirect_uris": [uris[0], uris[2]],
            "application_type": "web",
        });
        let body = register(server, &local).await.json();
        assert_eq!(body["application_type"], "native", "{body}");
        assert_eq!(body["token_endpoint_auth_method"], "none", "{body}");
    }

    async fn ten_addresses_are_no_problem_and_a_thousand_are(server: Server) {
        let uris = |count: usize| -> Value {
            (0..count).map(|index| format!("https://app.example/{index}")).collect()
        };
        assert_eq!(register(server, &json!({ "redirect_uris": uris(10) })).await.status, 201);
        let answer = register(server, &json!({ "redirect_uris": uris(1000) })).await;
        answer.refused(400, "invalid_redirect_uri");
    }

    async fn one_bad_address_refuses_the_registration_and_is_named(server: Server) {
        let bad = [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "vbscript:x",
            "blob:https://app.example/x",
            "JAVASCRIPT:alert(1)",
            "http://app.example/callback",
            "https://user@app.example/callback",
            "https://app.example@evil.example/callback",
            "https://app.example/callback#fragment",
            "https://app.example/callback?code=x",
            "https://app.example\\.evil.example/",
            "https://*.example/callback",
            "https:///callback",
            "https://app.example:0/",
            "/callback",
            "callback",
            "",
            "https://",
            "http://localhost.evil.example/",
            "http://0.0.0.0/callback",
            "urn:ietf:wg:oauth:2.0:oob",
            "https://app.example/\u{e9}",
        ];
        for uri in bad {
            let both = json!({ "redirect_uris": [REDIRECT, uri] });
            let answer = register(server, &both).await;
            answer.refused(400, "invalid_redirect_uri");
            // RFC 6749 §5.2 has no place for a backslash or a letter beyond ASCII.
            let named = uri.replace('\\', "/").replace('\u{e9}', "");
            assert!(answer.member("error_description").contains(&named), "{uri}: {answer:?}");
        }
        assert_eq!(server.audited("client.registered", &[]).await, 0);
    }

    async fn a_client_with_a_secret_cannot_have_a_scheme_that_anybody_can_claim(server: Server) {
        for method in ["client_secret_basic", "client_secret_post"] {
            let said = json!({
                "redirect_uris": [REDIRECT, "com.example.app:/cb"],
                "token_endpoint_auth_method": method,
            });
            let answer = register(server, &said).await;
            answer.refused(400, "invalid_redirect_uri");
            assert!(answer.member("error_description").contains("com.example.app:/cb"));
        }
    }

    async fn a_document_without_an_address_is_refused(server: Server) {
        for said in [json!({}), json!({ "redirect_uris": [] }), json!({ "redirect_uris": null })] {
            register(server, &said).await.refused(400, "invalid_redirect_uri");
        }
    }

    async fn nobody_chooses_scope_status_id_or_source(server: Server) {
        let said = document(json!({
            "scope": "admin root",
            "client_id": "chosen",
            "client_secret": "chosen-secret",
            "client_secret_expires_at": 99,
            "client_id_issued_at": 1,
            "status": "active",
            "source": "admin",
            "registration_source": "admin",
            "operator_registered": true,
            "default_resource": RESOURCE,
            "ceiling": "admin",
            "unknown_member": { "nested": [1] },
        }));
        let answer = register(server, &said).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let body = answer.json();
        assert_eq!(body.get("scope"), None, "{body}");
        assert_ne!(body["client_id"], "chosen");
        assert_ne!(body["client_secret"], "chosen-secret");
        for name in ["status", "source", "unknown_member", "default_resource"] {
            assert_eq!(body.get(name), None, "{body}");
        }

        let id = answer.member("client_id");
        let client = server.services.keepers.catalog.client(&id).await.unwrap().unwrap();
        assert_eq!(client.source, RegistrationSource::Dcr);
        assert_eq!((&client.ceiling, &client.default_resource), (&None, &None));
    }

    async fn the_configured_ceiling_is_assigned_and_said(server: Server)
    with [("AUTHPLANE_OAUTH_DEFAULT_CLIENT_SCOPE", "read,write")] {
        let body = register(server, &document(json!({ "scope": "admin" }))).await.json();
        assert_eq!(body["scope"], "read write", "{body}");
    }

    /// Grants that only an operator hands out are left out, and the response says so.
    async fn nobody_registers_for_a_grant_that_needs_an_operator(server: Server) {
        let all = json!([
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "implicit",
            "password",
            "urn:ietf:params:oauth:grant-type:token-exchange",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
        ]);
        let answer = register(server, &document(json!({ "grant_types": all }))).await;
        let body = answer.json();
        assert_eq!(body["grant_types"], json!(["authorization_code", "refresh_token"]), "{body}");
        let client =
            TokenClient::new(&answer.member("client_id"), Some(&answer.member("client_secret")));
        let form = [("grant_type", "client_credentials"), ("scope", "read")];
        assert_eq!(client.token(server, &form).await.status, 400);

        for grants in [json!(["client_credentials"]), json!(["implicit"]), json!(["refresh_token"])]
        {
            let said = document(json!({ "grant_types": grants }));
            register(server, &said).await.refused(400, "invalid_client_metadata");
        }
    }

    async fn what_this_server_cannot_do_is_refused_by_name(server: Server) {
        let wrong = [
            ("token_endpoint_auth_method", json!("tls_client_auth")),
            ("token_endpoint_auth_method", json!("client_secret_jwt")),
            ("response_types", json!(["token"])),
            ("application_type", json!("toaster")),
            ("client_name", json!("n".repeat(5000))),
            ("client_uri", json!("javascript:alert(1)")),
            ("logo_uri", json!("http://app.example/logo.png")),
            ("policy_uri", json!("data:text/html,x")),
            ("tos_uri", json!("https://user:password@app.example/")),
            ("jwks_uri", json!("file:///etc/passwd")),
            ("jwks", json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0" }] })),
            ("jwks", json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "AA" }] })),
            ("jwks", json!("not a set")),
            ("contacts", json!(["c@app.example"; 100].to_vec())),
            ("grant_types", json!(["authorization_code"; 100].to_vec())),
        ];
        for (member, value) in wrong {
            let said = document(json!({ member: value }));
            let answer = register(server, &said).await;
            answer.refused(400, "invalid_client_metadata");
            assert!(answer.member("error_description").contains(member), "{member}: {answer:?}");
        }
    }

    async fn garbage_is_refused_and_never_an_error_of_the_server(server: Server) {
        let deep = format!("{}1{}", "[".repeat(60_000), "]".repeat(2));
        let nested = format!("{{\"redirect_uris\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        let ignored = format!("{{\"x\":{}{}}}", "{\"y\":".repeat(5_000), "}".repeat(5_000));
        let twice =
            r#"{"redirect_uris":["https://a.example/"],"redirect_uris":["https://b.example/"]}"#;
        let texts = [
            "",
            " ",
            "null",
            "1",
            "\"text\"",
            "[]",
            "{",
            "{}x",
            "{\"redirect_uris\":\"https://a.example/\"}",
            "{\"redirect_uris\":[1]}",
            "{\"redirect_uris\":[null]}",
            "{\"redirect_uris\":{}}",
            "{\"redirect_uris\":[\"https://a.example/\"],\"client_name\":[]}",
            "{\"redirect_uris\":[\"https://a.example/\"],\"agent\":\"yes\"}",
            "{\"redirect_uris\":[\"https://a.example/\"],\"client_name\":\"\\ud800\"}",
            "redirect_uris=https://a.example/",
            twice,
            &deep,
            &nested,
            &ignored,
        ];
        for text in texts {
            let answer = post_bytes(server, text.to_owned()).await;
            let error = answer.member("error");
            assert_eq!(answer.status, 400, "{text:.60}: {answer:?}");
            let known =
                ["invalid_client_metadata", "invalid_redirect_uri"].contains(&error.as_str());
            assert!(known, "{text:.60}: {answer:?}");
        }
        let answer = post_bytes(server, vec![0xFF_u8, 0xFE, 0x00]).await;
        answer.refused(400, "invalid_client_metadata");
        let padded = document(json!({ "x": "x".repeat(70_000) })).to_string();
        let answer = post_bytes(server, padded).await;
        answer.refused(400, "invalid_client_metadata");
        assert!(answer.member("error_description").contains("65536 bytes"), "{answer:?}");
    }

    async fn a_name_is_one_visible_line_in_the_answer_and_the_log(server: Server) {
        let name = "  A\u{202e}pp\r\nuser.login actor=root\u{0}\t ";
        let body = register(server, &document(json!({ "client_name": name }))).await.json();
        assert_eq!(body["client_name"], "App user.login actor=root");
        assert!(server.audit().await.iter().all(|line| !line.contains(['\n', '\r', '\u{202e}'])));
    }

    async fn a_client_with_a_secret_can_use_it_and_nobody_else_can(server: Server) {
        let mut scene = Scene::set(server).await;
        for (method, by_basic) in [("client_secret_basic", true), ("client_secret_post", false)] {
            let said = document(json!({ "token_endpoint_auth_method": method }));
            let answer = register(server, &said).await;
            let (id, secret) = (answer.member("client_id"), answer.member("client_secret"));
            scene.pkce = Pkce::new(method);
            let form = |code: &str| {
                [
                    ("grant_type", "authorization_code"),
                    ("code", code),
                    ("redirect_uri", REDIRECT),
                    ("code_verifier", &scene.pkce.verifier),
                ]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec()
            };
            let request = scene.path(&[("client_id", &id)]);
            let browser = Browser::signed_in(server, EMAIL).await;
            let page = browser.visit(server, &request).await;
            let back = browser.decide(server, &page, "approve").await.location();
            let code = crate::kit::browser::param(&back, "code").unwrap();

            let guess = TokenClient::new(&id, Some("not-the-secret"));
            let guessed = guess.redeem(server, &code, REDIRECT, &scene.pkce).await;
            guessed.refused(401, "invalid_client");
            let nothing = TokenClient::new(&id, None);
            nothing
                .redeem(server, &code, REDIRECT, &scene.pkce)
                .await
                .refused(401, "invalid_client");
            let mut fields = form(&code);
            let http = reqwest::Client::new().post(server.url("/oauth/token"));
            let http = match by_basic {
                true => http.basic_auth(&id, Some(&secret)),
                false => {
                    fields.push(("client_id".to_owned(), id.clone()));
                    fields.push(("client_secret".to_owned(), secret.clone()));
                    http
                }
            };
            let tokens = Answer::of(http.form(&fields).send().await.unwrap()).await;
            assert_eq!(tokens.status, 200, "{method}: {tokens:?}");
        }
    }

    async fn the_short_path_registers_too(server: Server) {
        let http = reqwest::Client::new().post(server.url("/register"));
        let answer = Answer::of(http.json(&document(json!({}))).send().await.unwrap()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(server.audited("client.registered", &["source=dcr"]).await, 1);
    }

    async fn nothing_secret_is_in_the_database_or_the_log(server: Server) {
        let answer = register(server, &document(json!({}))).await;
        let secret = answer.member("client_secret");
        assert!(server.audit().await.iter().all(|line| !line.contains(&secret)));
        let id = answer.member("client_id");
        let row =
            server.services.store.read(|db| async move { entities::client::find(&db, &id).await });
        let hash = row.await.unwrap().unwrap().secret_hash.unwrap();
        assert_ne!(hash, secret.as_bytes());
        assert_eq!(hash.len(), 32);
    }
}
