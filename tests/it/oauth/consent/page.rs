//! What the page says. It is the only thing between a person and whoever asks.

use authserver::administration::client::NewClient;
use protocol::resource::ScopeEntry;
use serde_json::json;

use crate::kit::browser::ticked_scopes;
use crate::kit::scene::{EMAIL, REDIRECT, RESOURCE, register};
use crate::kit::{Answer, Browser, Pkce, Scene, Server, TokenClient, on_both_databases};

/// The consent page that a fresh browser reaches.
async fn page_for(server: &Server, scene: &Scene, more: &[(&str, &str)]) -> Answer {
    let browser = Browser::signed_in(server, EMAIL).await;
    let page = browser.visit(server, &scene.path(more)).await;
    page.is_page(200, "name=\"decision\"");
    page
}

/// The page for an app that registered itself under this name.
async fn page_for_name(server: &Server, scene: &mut Scene, name: &str) -> Answer {
    let document = json!({
        "client_name": name,
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "none",
    });
    let answer = register(server, &document).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    scene.app = TokenClient::new(&answer.member("client_id"), None);
    page_for(server, scene, &[]).await
}

on_both_databases! {
    async fn the_page_says_who_asks_where_it_goes_what_for_and_how_long(server: Server) {
        let scene = Scene::set(server).await;
        let page = page_for(server, &scene, &[("scope", "read write offline_access")]).await;
        let words = page.words();

        for said in [
            "“An app” asks for access",
            "Self-declared name",
            "Your approval will be sent to app.example",
            EMAIL,
            RESOURCE,
            "What read* means",
            "What write means",
            "every 15 minutes while it is used. It ends 7 days after the last use, and after 90 days in any case.",
            "also while you are away",
        ] {
            assert!(words.contains(said), "not said: {said}\n{words}");
        }
        assert_eq!(ticked_scopes(&page), ["read", "write"]);
        assert!(!page.text.contains("value=\"offline_access\""));
    }

    async fn an_operators_client_is_not_called_self_declared(server: Server) {
        let mut scene = Scene::set(server).await;
        let created = server
            .client(NewClient {
                name: "The intranet".to_owned(),
                redirect_uris: vec![REDIRECT.to_owned()],
                auth_method: Some("none".to_owned()),
                ..NewClient::default()
            })
            .await;
        scene.app = TokenClient::of(&created);
        let words = page_for(server, &scene, &[]).await.words();
        assert!(words.contains("The intranet asks for access"), "{words}");
        assert!(words.contains("An administrator of this server registered"), "{words}");
        assert!(!words.contains("Self-declared"), "{words}");
    }

    async fn a_scope_is_told_in_the_operators_words_and_markup_in_them_is_text(server: Server) {
        let scene = Scene::set(server).await;
        let scopes = vec![
            ScopeEntry {
                name: "odd<b>".to_owned(),
                description: Some("Use <script>alert(1)</script> & all".to_owned()),
                default: true,
            },
            ScopeEntry { name: "bare".to_owned(), description: None, default: true },
        ];
        server
            .register(authserver::administration::resource::NewResource {
                slug: "odd".to_owned(),
                uri: "https://odd.example/".to_owned(),
                display_name: Some("<h1>Odd".to_owned()),
                scopes,
                ..Default::default()
            })
            .await;

        let page = page_for(server, &scene, &[("resource", "https://odd.example")]).await;
        assert!(page.words().contains("Use <script>alert(1)</script> & all"), "{}", page.words());
        assert!(page.words().contains("<h1>Odd"), "{}", page.words());
        assert!(!page.text.contains("<script"), "{}", page.text);
        assert_eq!(ticked_scopes(&page), ["odd<b>", "bare"]);
    }

    async fn a_target_on_this_machine_is_marked_and_warned_about(server: Server) {
        let scene = Scene::with_app_at(server, "http://127.0.0.1/callback").await;
        let here = ("redirect_uri", "http://127.0.0.1:4711/callback");
        let words = page_for(server, &scene, &[here]).await.words();
        assert!(words.contains("sent to a program on this computer 127.0.0.1:4711"), "{words}");
        assert!(words.contains("Any program on this computer can listen"), "{words}");
    }

    async fn a_target_with_a_scheme_of_its_own_is_marked_and_warned_about(server: Server) {
        let scene = Scene::with_app_at(server, "com.example.app:/callback").await;
        let words = page_for(server, &scene, &[]).await.words();
        assert!(words.contains("whichever app opens these links com.example.app:"), "{words}");
        assert!(words.contains("Any program on this computer can claim"), "{words}");
    }

    async fn a_target_on_the_web_carries_no_such_warning(server: Server) {
        let scene = Scene::with_app_at(server, "https://localhost.app.example:8443/cb").await;
        let words = page_for(server, &scene, &[]).await.words();
        assert!(
            words.contains("Your approval will be sent to localhost.app.example:8443"),
            "{words}"
        );
        assert!(!words.contains("Any program"), "{words}");
    }

    /// Whoever registers chooses the name, and would like to choose the page.
    async fn a_name_cannot_change_the_page_around_it(server: Server) {
        let mut scene = Scene::set(server).await;
        let names = [
            "<script>alert(1)</script>",
            "</h1><h1>Official client",
            "\"><img src=x onerror=alert(1)>",
            "{{7*7}}${7*7}",
            "App\u{202e}gninrawon",
            "A\r\n\r\nB",
            "\u{200b}\u{200b}",
        ];
        for name in names {
            let page = page_for_name(server, &mut scene, name).await;
            let words = page.words();
            for markup in ["<script", "<img", "onerror=alert(1)>\"", "\u{202e}", "\u{200b}"] {
                assert!(!page.text.contains(markup), "{markup} in\n{}", page.text);
            }
            assert!(words.contains("Self-declared name"), "{words}");
            assert!(!words.contains("49"), "{words}");
            assert_eq!(page.text.matches("<h1").count(), 1, "{}", page.text);
        }
    }

    async fn a_long_name_leaves_the_target_in_sight(server: Server) {
        let mut scene = Scene::set(server).await;
        let page = page_for_name(server, &mut scene, &"w".repeat(200)).await;
        assert!(!page.text.contains(&"w".repeat(81)), "{}", page.text);
        assert!(page.words().contains("Your approval will be sent to app.example"));
    }

    /// Chromium holds `form-action` against the redirect that follows the form.
    async fn the_form_may_end_at_the_client_and_nowhere_else(server: Server) {
        let cases = [
            (REDIRECT, REDIRECT, "https://app.example"),
            ("https://a.example:8443/x", "https://a.example:8443/x", "https://a.example:8443"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:4711/cb", "http://127.0.0.1:4711"),
            ("cursor://x/cb", "cursor://x/cb", "cursor:"),
        ];
        let mut scene = Scene::set(server).await;
        for (registered, asked, source) in cases {
            scene.app = crate::kit::scene::public_app(server, &[registered]).await;
            scene.pkce = Pkce::new("csp");
            let page = page_for(server, &scene, &[("redirect_uri", asked)]).await;
            let policy = page.header("content-security-policy");
            let form_action = policy.split("; ").find(|it| it.starts_with("form-action"));
            assert_eq!(form_action.unwrap(), format!("form-action 'self' {source}"));
        }
    }

    async fn no_page_runs_scripts_is_framed_kept_or_named_elsewhere(server: Server) {
        let scene = Scene::set(server).await;
        let stranger = Browser::new();
        let browser = Browser::signed_in(server, EMAIL).await;
        let pages = [
            page_for(server, &scene, &[]).await,
            stranger.get(server, "/login").await,
            browser.get(server, "/login").await,
            stranger.get(server, "/consent").await,
            stranger.get(server, "/oauth/authorize").await,
            stranger.post(server, "/login", &[]).await,
            stranger.get(server, "/nowhere").await,
        ];
        for page in pages {
            let policy = page.header("content-security-policy");
            for rule in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
                assert!(policy.contains(rule), "{policy}");
            }
            assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
            assert_eq!(page.header("x-frame-options"), "DENY");
            assert_eq!(page.header("referrer-policy"), "no-referrer");
            assert_eq!(page.header("x-content-type-options"), "nosniff");
            assert_eq!(page.header("cache-control"), "no-store");
            assert!(!page.headers.contains_key("access-control-allow-origin"));
            assert!(!page.text.contains("<script") && !page.text.contains(" style="));
            assert!(!page.text.contains("http://www") && !page.text.contains("src="));
        }
    }

    async fn the_stylesheet_is_where_the_pages_say(server: Server) {
        let page = Browser::new().get(server, "/login").await;
        let (_, after) = page.text.split_once("rel=\"stylesheet\" href=\"").unwrap();
        let sheet = server.get(after.split('"').next().unwrap()).await;
        assert_eq!((sheet.status, sheet.header("content-type")), (200, "text/css; charset=utf-8"));
        assert!(sheet.header("cache-control").contains("immutable"));
        assert!(sheet.text.contains("prefers-color-scheme: dark"));
    }
}
