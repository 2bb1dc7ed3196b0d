//! Where the answer may go. Whoever can move it has the code.

use crate::kit::browser::{AuthorizationRequest, param};
use crate::kit::scene::{EMAIL, REDIRECT, RESOURCE, public_app};
use crate::kit::{Browser, Pkce, Scene, Server, TokenClient, on_both_databases};

/// Spellings that are, or can be taken for, another place than [`REDIRECT`].
const IMPOSTORS: [&str; 32] = [
    "https://evil.example/callback",
    "https://app.example@evil.example/callback",
    "https://app.example:x@evil.example/callback",
    "https://user@app.example/callback",
    "https://app.example.evil.example/callback",
    "https://evil.example/app.example/callback",
    "https://evil.example\\@app.example/callback",
    "https://app.example\\.evil.example/callback",
    "https://app.example%2f@evil.example/callback",
    "https://app.example%00.evil.example/callback",
    "https://app.example./callback",
    "https://app.example:443/callback",
    "https://app.example:8443/callback",
    "https://APP.example/callback",
    "HTTPS://app.example/callback",
    "http://app.example/callback",
    "https://app.example/callback#",
    "https://app.example/callback#fragment",
    "https://app.example/callback/",
    "https://app.example//callback",
    "https://app.example/Callback",
    "https://app.example/%63allback",
    "https://app.example/callback%2f..%2fevil",
    "https://app.example/callback/../evil",
    "https://app.example/./callback",
    "https://app.example/callback?next=evil",
    "https://app.example/callback?",
    " https://app.example/callback",
    "https://app.example/callback\t",
    "//app.example/callback",
    "https:/app.example/callback",
    "/callback",
];

on_both_databases! {
    async fn an_address_that_only_looks_registered_gets_a_page_and_no_redirect(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::new();

        for impostor in IMPOSTORS {
            let path = scene.path(&[("redirect_uri", impostor)]);
            browser.get(server, &path).await.is_page(400, "wrong place");
        }
    }

    async fn an_address_that_runs_code_gets_a_page_on_which_it_is_text(server: Server) {
        let scene = Scene::set(server).await;
        let dangerous = [
            "javascript:alert(1)//app.example/callback",
            "JavaScript:alert(1)",
            "data:text/html,<script>alert(1)</script>",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://app.example/callback",
        ];

        for uri in dangerous {
            let page = Browser::new().get(server, &scene.path(&[("redirect_uri", uri)])).await;
            page.is_page(400, "wrong place");
            assert!(!page.text.contains("<script"), "{}", page.text);
            assert!(!page.text.to_lowercase().contains("href=\"javascript"), "{}", page.text);
        }
    }

    /// The error path is a redirect too.
    async fn no_error_is_sent_to_an_address_that_is_not_registered(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        let evil = ("redirect_uri", "https://evil.example/callback");
        let mistakes = [
            ("response_type", "token"),
            ("code_challenge", "-"),
            ("scope", "unheard-of"),
            ("resource", "https://elsewhere.example"),
            ("prompt", "none"),
            ("request", "eyJhbGciOiJub25lIn0.e30."),
        ];

        for mistake in mistakes {
            let answer = browser.get(server, &scene.path(&[evil, mistake])).await;
            answer.is_page(400, "wrong place");
        }
    }

    async fn an_address_may_be_left_out_only_when_there_is_one(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        let back = browser.authorize(server, &scene.request(&[("redirect_uri", "-")]), EMAIL).await;
        assert!(back.as_str().starts_with("https://app.example/callback?code="), "{back}");

        let two = public_app(server, &[REDIRECT, "https://app.example/other"]).await;
        let path = scene.path(&[("client_id", &two.id), ("redirect_uri", "-")]);
        browser.get(server, &path).await.is_page(400, "2 addresses");
        let path = scene.path(&[("client_id", &two.id), ("redirect_uri", "")]);
        browser.get(server, &path).await.is_page(400, "2 addresses");
    }

    async fn an_address_sent_twice_gets_a_page_even_if_both_are_the_same(server: Server) {
        let scene = Scene::set(server).await;
        for second in [REDIRECT, "https://evil.example/callback", ""] {
            let path = format!("{}&redirect_uri={second}", scene.path(&[]));
            Browser::new().get(server, &path).await.is_page(400, "sent twice");
        }
    }

    async fn a_client_nobody_knows_gets_a_page_that_says_how_to_mend_it(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::new();
        let unknown = scene.path(&[("client_id", "0190-deleted-long-ago")]);

        let page = browser.get(server, &unknown).await;
        page.is_page(400, "0190-deleted-long-ago");
        assert!(page.words().contains("add it again"), "{}", page.words());
        assert_eq!(page.header("cache-control"), "no-store");

        let path = scene.path(&[("client_id", "-")]);
        browser.get(server, &path).await.is_page(400, "client_id is missing");
        let path = format!("{}&client_id={}", scene.path(&[]), scene.app.id);
        browser.get(server, &path).await.is_page(400, "sent twice");
        browser.get(server, "/oauth/authorize").await.is_page(400, "client_id is missing");
    }

    async fn a_suspended_client_gets_a_page_until_it_is_reactivated(server: Server) {
        let scene = Scene::set(server).await;
        let browser = Browser::signed_in(server, EMAIL).await;
        browser.get(server, &scene.path(&[])).await.asks_for_consent();

        server.change_client(&scene.app.id, "status = 'suspended'").await;
        let page = browser.get(server, &scene.path(&[])).await;
        page.is_page(400, "has been switched off");
        assert!(page.words().contains("Ask the operator"), "{}", page.words());

        server.change_client(&scene.app.id, "status = 'active'").await;
        browser.get(server, &scene.path(&[])).await.asks_for_consent();
        server.change_client(&scene.app.id, "status = 'revoked'").await;
        browser.get(server, &scene.path(&[])).await.is_page(400, "has been switched off");
    }

    async fn what_came_with_the_request_is_shown_as_text_only(server: Server) {
        let scene = Scene::set(server).await;
        let markup = "\"><img src=x onerror=alert(1)><script>alert(2)</script>";
        for parameter in ["client_id", "redirect_uri"] {
            let page = Browser::new().get(server, &scene.path(&[(parameter, markup)])).await;
            page.is_page(400, "alert(2)");
            assert!(!page.text.contains("<img"), "{}", page.text);
            assert!(!page.text.contains("<script"), "{}", page.text);
            assert!(!page.header("content-security-policy").contains("unsafe"));
        }
    }
}

/// What a client with one registered address gets for another.
async fn answer_for(server: &Server, app: &TokenClient, redirect_uri: &str) -> crate::kit::Answer {
    let pkce = Pkce::new("address");
    let request = AuthorizationRequest { client_id: &app.id, redirect_uri, pkce: &pkce, more: &[] };
    Browser::new().get(server, &request.path()).await
}

on_both_databases! {
    /// RFC 8252 §7.3; Claude Code registers without a port and asks with one.
    async fn a_program_on_this_machine_may_listen_on_any_port(server: Server) {
        server.resource("mcp", RESOURCE, &["read"]).await;
        for host in ["127.0.0.1", "[::1]", "localhost"] {
            for registered in
                [format!("http://{host}/callback"), format!("http://{host}:1/callback")]
            {
                let app = public_app(server, &[&registered]).await;
                for port in ["", ":1", ":80", ":4711", ":65535"] {
                    let uri = format!("http://{host}{port}/callback");
                    answer_for(server, &app, &uri).await.asks_to_sign_in();
                }
            }
        }
    }

    async fn only_the_port_of_a_program_on_this_machine_is_free(server: Server) {
        server.resource("mcp", RESOURCE, &["read"]).await;
        let app =
            public_app(server, &["http://localhost/callback", "http://127.0.0.1/a?b=c"]).await;
        let strangers = [
            "http://127.0.0.1:4711/callback",
            "http://[::1]:4711/callback",
            "http://localhost:4711/callback/",
            "http://localhost:4711/Callback",
            "http://localhost:4711/callback?x=y",
            "http://localhost:4711/callback#x",
            "http://localhost:4711",
            "https://localhost:4711/callback",
            "http://LOCALHOST:4711/callback",
            "http://localhost.:4711/callback",
            "http://localhost.evil.example:4711/callback",
            "http://localhost:4711@evil.example/callback",
            "http://user@localhost:4711/callback",
            "http://localhost:/callback",
            "http://localhost:0/callback",
            "http://localhost:65536/callback",
            "http://localhost:+80/callback",
            "http://localhost:80:80/callback",
            "http://127.0.0.2:4711/a?b=c",
            "http://127.1:4711/a?b=c",
            "http://2130706433:4711/a?b=c",
            "http://127.0.0.1:4711/a",
            "http://127.0.0.1:4711/a?b=d",
        ];

        answer_for(server, &app, "http://127.0.0.1:4711/a?b=c").await.asks_to_sign_in();
        for stranger in strangers {
            answer_for(server, &app, stranger).await.is_page(400, "wrong place");
        }
    }

    async fn the_port_of_a_web_address_is_not_free(server: Server) {
        server.resource("mcp", RESOURCE, &["read"]).await;
        let app = public_app(server, &["https://app.example:8443/callback"]).await;
        answer_for(server, &app, "https://app.example:8443/callback").await.asks_to_sign_in();
        for port in ["", ":443", ":8444"] {
            let uri = format!("https://app.example{port}/callback");
            answer_for(server, &app, &uri).await.is_page(400, "wrong place");
        }
    }

    async fn an_app_with_a_scheme_of_its_own_is_answered_at_that_very_address(server: Server) {
        server.resource("mcp", RESOURCE, &["read"]).await;
        let registered = "cursor://anysphere.cursor-mcp/oauth/callback";
        let app = public_app(server, &[registered]).await;
        let strangers = [
            "cursor://evil/oauth/callback",
            "cursor://anysphere.cursor-mcp:99/oauth/callback",
            "cursor://anysphere.cursor-mcp/oauth/callback/",
            "cursor://anysphere.cursor-mcp/oauth/callback?x",
            "cursor://anysphere.cursor-mcp/oauth/callback#x",
            "cursor://user@anysphere.cursor-mcp/oauth/callback",
            "cursor:/anysphere.cursor-mcp/oauth/callback",
            "Cursor://anysphere.cursor-mcp/oauth/callback",
            "vscode://anysphere.cursor-mcp/oauth/callback",
            "https://anysphere.cursor-mcp/oauth/callback",
        ];

        answer_for(server, &app, registered).await.asks_to_sign_in();
        for stranger in strangers {
            answer_for(server, &app, stranger).await.is_page(400, "wrong place");
        }
    }

    async fn the_answer_goes_to_the_port_that_was_asked_for_and_keeps_the_query(server: Server) {
        let mut scene = Scene::with_app_at(server, "http://localhost/callback?tenant=7").await;
        scene.redirect_uri = "http://localhost:4711/callback?tenant=7".to_owned();
        let back = Browser::new().authorize(server, &scene.request(&[]), EMAIL).await;

        assert!(
            back.as_str().starts_with("http://localhost:4711/callback?tenant=7&code="),
            "{back}"
        );
        assert_eq!(param(&back, "tenant").as_deref(), Some("7"));
        assert_eq!(scene.redeem(server, &back).await.member("scope"), "read");
    }
}
