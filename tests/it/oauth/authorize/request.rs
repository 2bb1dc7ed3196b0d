//! The rest of the request: PKCE, repeats, what is switched off, `state` and `iss`.

use authserver::administration::client::NewClient;

use super::refused;
use crate::kit::browser::param;
use crate::kit::scene::{EMAIL, REDIRECT, RESOURCE};
use crate::kit::server::ISSUER;
use crate::kit::{Answer, Browser, Pkce, Scene, Server, TokenClient, on_both_databases};

/// What a browser gets in which the person is signed in.
async fn ask(server: &Server, scene: &Scene, more: &[(&str, &str)]) -> Answer {
    Browser::new().get(server, &scene.path(more)).await
}

on_both_databases! {
    /// RFC 7636 with `S256` only: a leg without PKCE would be the downgrade.
    async fn a_request_without_a_hashed_challenge_is_refused(server: Server) {
        let scene = Scene::set(server).await;
        let challenge = scene.pkce.challenge.clone();
        let attempts: [&[(&str, &str)]; 11] = [
            &[("code_challenge", "-"), ("code_challenge_method", "-")],
            &[("code_challenge", "-")],
            &[("code_challenge", "")],
            &[("code_challenge_method", "-")],
            &[("code_challenge_method", "")],
            &[("code_challenge_method", "plain")],
            &[("code_challenge_method", "plain"), ("code_challenge", &scene.pkce.verifier)],
            &[("code_challenge_method", "s256")],
            &[("code_challenge_method", "S512")],
            &[("code_challenge", "too-short")],
            &[("code_challenge", &format!("{challenge}="))],
        ];

        for attempt in attempts {
            refused(&ask(server, &scene, attempt).await, REDIRECT, "invalid_request");
        }
    }

    async fn a_parameter_sent_twice_is_refused_whatever_it_says(server: Server) {
        let scene = Scene::set(server).await;
        let repeats = [
            "scope=read&scope=write",
            "response_type=code",
            "code_challenge=x",
            "code_challenge_method=S256",
            "prompt=login&prompt=login",
            "max_age=1&max_age=2",
            "response_mode=query&response_mode=query",
            "nonce=a&nonce=b",
        ];

        for repeat in repeats {
            let path = format!("{}&{repeat}", scene.path(&[]));
            let location =
                refused(&Browser::new().get(server, &path).await, REDIRECT, "invalid_request");
            assert!(param(&location, "error_description").unwrap().contains("more than once"));
        }
    }

    /// Which of the two would be the client's?
    async fn a_state_sent_twice_is_not_echoed(server: Server) {
        let scene = Scene::set(server).await;
        let path = format!("{}&state=another", scene.path(&[]));
        let location = Browser::new().get(server, &path).await.location();
        assert_eq!(param(&location, "error").as_deref(), Some("invalid_request"));
        assert_eq!(param(&location, "state"), None);
        assert_eq!(param(&location, "iss").as_deref(), Some(ISSUER));
    }

    async fn only_a_code_in_the_query_can_be_asked_for(server: Server) {
        let scene = Scene::set(server).await;
        for response_type in ["token", "id_token", "code token", "code id_token", "none", "CODE"] {
            let answer = ask(server, &scene, &[("response_type", response_type)]).await;
            refused(&answer, REDIRECT, "unsupported_response_type");
        }
        refused(&ask(server, &scene, &[("response_type", "-")]).await, REDIRECT, "invalid_request");
        for mode in ["fragment", "form_post", "query.jwt", "web_message"] {
            let answer = ask(server, &scene, &[("response_mode", mode)]).await;
            refused(&answer, REDIRECT, "invalid_request");
        }
        ask(server, &scene, &[("response_mode", "query")]).await.asks_to_sign_in();
    }

    /// Either could replace every parameter that was checked.
    async fn request_objects_are_refused_and_never_fetched(server: Server) {
        let scene = Scene::set(server).await;
        let answer = ask(server, &scene, &[("request", "eyJhbGciOiJub25lIn0.e30.")]).await;
        refused(&answer, REDIRECT, "request_not_supported");
        for uri in ["https://app.example/request.jwt", "urn:ietf:params:oauth:request_uri:x"] {
            let answer = ask(server, &scene, &[("request_uri", uri)]).await;
            refused(&answer, REDIRECT, "request_uri_not_supported");
        }
    }

    /// A binding that is not kept must not be promised.
    async fn a_key_binding_is_refused_while_it_is_switched_off(server: Server)
    with [("AUTHPLANE_DPOP_ENABLED", "false")] {
        let scene = Scene::set(server).await;
        let answer = ask(server, &scene, &[("dpop_jkt", &scene.pkce.challenge)]).await;
        refused(&answer, REDIRECT, "invalid_request");
    }

    async fn a_client_without_the_grant_gets_no_code(server: Server) {
        let scene = Scene::set(server).await;
        let machine = server
            .client(NewClient {
                name: "A machine".to_owned(),
                redirect_uris: vec![REDIRECT.to_owned()],
                grant_types: vec!["client_credentials".to_owned()],
                scope: Some("read".to_owned()),
                ..NewClient::default()
            })
            .await;
        let answer = ask(server, &scene, &[("client_id", &machine.client.id)]).await;
        refused(&answer, REDIRECT, "unauthorized_client");
    }

    async fn what_nobody_asked_about_is_ignored(server: Server) {
        let scene = Scene::set(server).await;
        let more =
            [("nonce", "n"), ("display", "page"), ("audience", "x"), ("access_type", "offline")];
        ask(server, &scene, &more).await.asks_to_sign_in();
    }

    async fn state_comes_back_byte_for_byte_and_is_never_made_up(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        let long = "s".repeat(2000);
        let states = [
            "a+b/c==",
            "%2B%20",
            "a b",
            "&code=stolen&iss=https://evil.example",
            "#?;=&",
            "<script>\"'`",
            "\u{e9}\u{4e2d}\u{1f600}",
            "{\"json\":[1,2]}",
            " ",
            &long,
        ];

        for state in states {
            let back = browser.authorize(server, &scene.request(&[("state", state)]), EMAIL).await;
            assert_eq!(param(&back, "state").as_deref(), Some(state));
            assert_eq!(param(&back, "iss").as_deref(), Some(ISSUER));
            assert_ne!(param(&back, "code").as_deref(), Some("stolen"));
            let back =
                ask(server, &scene, &[("state", state), ("prompt", "none")]).await.location();
            assert_eq!(param(&back, "state").as_deref(), Some(state));
        }
        for none in ["-", ""] {
            let back = browser.authorize(server, &scene.request(&[("state", none)]), EMAIL).await;
            assert!(param(&back, "code").is_some());
            assert!(back.query_pairs().all(|(name, _)| name != "state"), "{back}");
        }
    }

    async fn a_request_that_cannot_be_read_whole_is_refused_where_the_client_hears_it(
        server: Server
    ) {
        let scene = Scene::set(server).await;
        let unreadable = [
            "&state=%zz".to_owned(),
            "&state=%ff%fe".to_owned(),
            "&state=a%00b".to_owned(),
            "&state=a%0d%0aLocation:%20https://evil.example".to_owned(),
            "&state=first&state=%zz".to_owned(),
            "&scope=%zz".to_owned(),
            "&=nameless".to_owned(),
            "&%zz=x".to_owned(),
            format!("&{}=x", "n".repeat(100)),
            format!("&padding={}", "x".repeat(9_000)),
        ];
        for more in unreadable {
            let path = format!("{}{more}", scene.path(&[("state", "-")]));
            let back = Browser::new().get(server, &path).await.location();
            assert!(back.as_str().starts_with(&format!("{REDIRECT}?")), "{more}: {back}");
            assert_eq!(param(&back, "error").as_deref(), Some("invalid_request"), "{more}");
            assert_eq!(param(&back, "code"), None);
            assert!(!back.as_str().contains("evil"), "{back}");
        }
        let path = format!("{}&scope=%zz", scene.path(&[]));
        refused(&Browser::new().get(server, &path).await, REDIRECT, "invalid_request");
    }

    async fn a_request_that_does_not_say_whose_it_is_gets_a_page(server: Server) {
        let scene = Scene::set(server).await;
        let many: String = (0..70).map(|index| format!("&extra{index}=x")).collect();
        let whole = scene.path(&[]);
        let without = |name: &str| scene.path(&[(name, "-")]);
        for path in [
            format!("{whole}{many}"),
            format!("{whole}&client_id=%zz"),
            format!("{whole}&redirect_uri=%zz"),
            format!("{}&redirect_uri=https://app.example/callback%00", without("redirect_uri")),
            format!("{}&client_id={}%00", without("client_id"), scene.app.id),
            format!("{}&scope=%zz", without("client_id")),
            format!("{}&redirect_uri=https://evil.example/&scope=%zz", without("redirect_uri")),
            format!("{}&client_id=nobody&scope=%zz", without("client_id")),
        ] {
            Browser::new().get(server, &path).await.is_page(400, "link is broken");
        }
    }

    /// RFC 6749 §3.1: the endpoint may be posted to.
    async fn a_posted_request_is_judged_like_any_other(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        let request = scene.request(&[("scope", "read write")]);
        let page = browser.post(server, "/oauth/authorize", &request.params()).await;
        let page = browser.follow(server, page).await;
        let back = browser.decide(server, &page, "approve").await.location();
        assert_eq!(scene.redeem(server, &back).await.member("scope"), "read write");

        let request = scene.request(&[("code_challenge", "-")]);
        let answer = browser.post(server, "/oauth/authorize", &request.params()).await;
        refused(&answer, REDIRECT, "invalid_request");
        let path = scene.path(&[]);
        browser.post(server, &path, &[]).await.is_page(400, "client_id is missing");
        let json = reqwest::Client::new().post(server.url(&path)).json(&serde_json::json!({}));
        Answer::of(json.send().await.unwrap()).await.is_page(400, "link is broken");
    }

    /// Clients that found no metadata guess these.
    async fn the_short_path_leads_to_the_same_place(server: Server) {
        let scene = Scene::set(server).await;
        let short =
            |more: &[(&str, &str)]| scene.path(more).replace("/oauth/authorize", "/authorize");
        let browser = Browser::new();
        browser.get(server, &short(&[])).await.asks_to_sign_in();
        let answer = browser.get(server, &short(&[("code_challenge_method", "plain")])).await;
        refused(&answer, REDIRECT, "invalid_request");
        let page = browser.get(server, &short(&[("redirect_uri", "https://evil.example/")])).await;
        page.is_page(400, "wrong place");
    }

    async fn no_answer_is_kept_or_named_to_the_next_site(server: Server) {
        let scene = Scene::set(server).await;
        for more in [[("prompt", "none")], [("scope", "read")], [("client_id", "x")]] {
            let answer = ask(server, &scene, &more).await;
            assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
            assert_eq!(answer.header("referrer-policy"), "no-referrer", "{answer:?}");
        }
    }

    async fn the_answer_names_an_issuer_with_a_path_as_it_is_configured(server: Server)
    with [("AUTHPLANE_SERVER_ISSUER", "http://localhost:9000/tenant")] {
        server.resource("mcp", RESOURCE, &["read"]).await;
        let operated = server
            .client(NewClient {
                name: "An app".to_owned(),
                redirect_uris: vec![REDIRECT.to_owned()],
                ..NewClient::default()
            })
            .await;
        let scene = Scene {
            app: TokenClient::of(&operated),
            person: uuid::Uuid::nil(),
            pkce: Pkce::new("tenant"),
            redirect_uri: REDIRECT.to_owned(),
        };
        let path = format!("/tenant{}", scene.path(&[("prompt", "none")]));
        let location = Browser::new().get(server, &path).await.location();
        assert_eq!(param(&location, "iss").as_deref(), Some("http://localhost:9000/tenant"));
        let path = format!("/tenant{}", scene.path(&[]));
        let answer = Browser::new().get(server, &path).await;
        assert!(answer.header("location").starts_with("/tenant/login?request="), "{answer:?}");
        Browser::new().get(server, &scene.path(&[])).await.is_page(404, "nothing at this address");
    }
}
