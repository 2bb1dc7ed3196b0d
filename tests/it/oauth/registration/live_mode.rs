//! Who may register is changed while servers run, and holds on all of them.

use actors::audit::Origin;
use authserver::administration::{AdminError, settings};
use serde_json::{Value, json};

use crate::kit::scene::{REDIRECT, register};
use crate::kit::{Server, on_both_databases};

fn app(uri: &str) -> Value {
    json!({ "redirect_uris": [uri], "token_endpoint_auth_method": "none" })
}

async fn set(server: &Server, mode: Option<&str>) -> Result<settings::DcrSettings, AdminError> {
    let origin = Origin::local();
    settings::set(&server.desk(&origin), &server.services.config.dcr, mode).await
}

/// Whether the metadata tells clients where to register.
async fn is_announced(server: &Server) -> bool {
    let metadata = server.get("/.well-known/oauth-authorization-server").await.json();
    metadata.get("registration_endpoint").is_some()
}

async fn mode_at(server: &Server) -> &'static str {
    let origin = Origin::local();
    settings::get(&server.desk(&origin), &server.services.config.dcr).await.unwrap().mode.as_str()
}

/// Lets a second pass, and the server look at the catalog.
async fn hears_of(server: &Server, mode: &str) {
    server.wait(1);
    for _ in 0..200 {
        if mode_at(server).await == mode {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{mode} was not noticed within a second");
}

on_both_databases! {
    async fn a_changed_mode_holds_at_once_here_and_within_a_second_elsewhere(server: Server)
    with [("AUTHPLANE_DCR_APPROVED_REDIRECTS", REDIRECT)] {
        let replica = server.replica().await;
        for (mode, announced, stranger, approved) in [
            ("admin_only", false, 403, 403),
            ("approved_redirects", true, 400, 201),
            ("open", true, 201, 201),
        ] {
            let now = set(server, Some(mode)).await.unwrap();
            assert_eq!((now.mode.as_str(), now.overridden), (mode, true));
            assert_eq!(is_announced(server).await, announced, "{mode}");
            hears_of(&replica, mode).await;
            assert_eq!(is_announced(&replica).await, announced, "{mode}");
            for at in [&*server, &replica] {
                let answer = register(at, &app("https://stranger.example/cb")).await;
                assert_eq!(answer.status, stranger, "{mode}: {answer:?}");
                let answer = register(at, &app(REDIRECT)).await;
                assert_eq!(answer.status, approved, "{mode}: {answer:?}");
            }
        }
        assert_eq!(server.audited("dcr.mode_updated", &["from=open to=admin_only"]).await, 1);
        assert_eq!(server.audited("dcr.mode_updated", &[]).await, 3);
        replica.stop().await;
    }

    async fn a_mode_outlives_a_restart_and_the_configuration_until_it_is_reset(server: Server) {
        set(server, Some("admin_only")).await.unwrap();
        server.restart_with(&[("AUTHPLANE_DCR_MODE", "open")]).await;
        register(server, &app(REDIRECT)).await.refused(403, "access_denied");
        assert!(!is_announced(server).await);

        let now = set(server, None).await.unwrap();
        assert_eq!((now.mode.as_str(), now.overridden), ("open", false));
        assert!(is_announced(server).await);
        assert_eq!(register(server, &app(REDIRECT)).await.status, 201);
        let reset = ["from=admin_only", "to=open", "by=configuration"];
        assert_eq!(server.audited("dcr.mode_updated", &reset).await, 1);
    }

    /// A later version's word, say. Everything else in the catalog goes on.
    async fn a_stored_mode_that_nobody_knows_lets_nobody_in(server: Server) {
        let insert = "INSERT INTO settings (name, value, updated_at) \
            VALUES ('dcr.mode', 'by_invitation', '2026-01-01 00:00:00+00:00')";
        server.execute(insert).await;
        server.execute("UPDATE catalog_version SET version = version + 1").await;
        hears_of(server, "admin_only").await;
        register(server, &app(REDIRECT)).await.refused(403, "access_denied");
        server.resource("mcp", crate::kit::scene::RESOURCE, &["read"]).await;
        assert_eq!(server.services.keepers.catalog.resources().iter().count(), 1);
        server.restart_with(&[]).await;
        assert_eq!(mode_at(server).await, "admin_only");
    }

    async fn a_mode_that_nobody_knows_or_that_lets_nobody_in_is_refused(server: Server) {
        for (mode, says) in [("closed", "admin_only"), ("approved_redirects", "approved_redirects"),
                             ("\u{1b}[2J", "open"), ("", "open")] {
            match set(server, Some(mode)).await {
                Err(AdminError::Invalid(why)) => assert!(why.contains(says), "{why}"),
                other => panic!("{mode}: {other:?}"),
            }
        }
        assert_eq!(server.audited("dcr.mode_updated", &[]).await, 0);
        assert_eq!(register(server, &app(REDIRECT)).await.status, 201);
    }

    /// Saying what is so already is no change, and two who say it at once make one.
    async fn the_same_mode_again_changes_nothing(server: Server) {
        let both = tokio::join!(set(server, Some("admin_only")), set(server, Some("admin_only")));
        both.0.unwrap();
        both.1.unwrap();
        set(server, Some("admin_only")).await.unwrap();
        assert_eq!(server.audited("dcr.mode_updated", &[]).await, 1);
        server.break_the_audit_log().await;
        set(server, Some("open")).await.unwrap_err();
        assert!(!is_announced(server).await, "what cannot be audited does not happen");
        server.mend_the_audit_log().await;
    }
}
