//! Consent that was taken back and admin keys that expired are shown for a while, then they go.

use actors::janitor::SweepNow;
use entities::consent_grant;
use serde_json::json;

use crate::kit::stage::Stage;
use crate::kit::{Server, on_both_databases};

const DAY: u64 = 24 * 3600;

async fn sweep(server: &Server) {
    server.services.keepers.janitor.ask(SweepNow).await.unwrap().unwrap();
}

/// Rows of the person's consent, taken back or not.
async fn grants(server: &Server, stage: &Stage) -> usize {
    let user = stage.person.id;
    let store = &server.services.store;
    let found = store.read(move |db| async move {
        consent_grant::of_user(&db, user, entities::Page::first(100)).await
    });
    found.await.unwrap().0.len()
}

async fn mint(server: &Server, name: &str, expires_in: &str) {
    let body = json!({ "name": name, "rights": ["keys:read"], "expires_in": expires_in });
    assert_eq!(server.admin_post("/admin/admin-keys", &body).await.status, 201);
}

async fn keys(server: &Server) -> Vec<String> {
    let listed = server.admin_get("/admin/admin-keys").await.json();
    let names = listed["keys"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap());
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    // Those of the same millisecond come in any order.
    names.sort_unstable();
    names
}

on_both_databases! {
    async fn consent_that_was_taken_back_goes_after_its_time_and_other_consent_never(
        server: Server
    ) {
        let stage = Stage::set(server).await;
        stage.code(server).await;
        server.wait(400 * DAY);
        sweep(server).await;
        assert_eq!(grants(server, &stage).await, 1, "nobody took it back");

        stage.revoke_consent(server).await;
        server.wait(90 * DAY - 1);
        sweep(server).await;
        assert_eq!(grants(server, &stage).await, 1);
        server.wait(2);
        sweep(server).await;
        assert_eq!(grants(server, &stage).await, 0);
    }

    async fn an_admin_key_goes_after_its_end_also_one_that_was_revoked_before(server: Server)
    with [("AUTHPLANE_RETENTION_ENDED", "7d")] {
        mint(server, "short", "1d").await;
        mint(server, "long", "30d").await;
        let revocation = "UPDATE admin_keys SET revoked_at = created_at WHERE name = 'long'";
        assert_eq!(server.execute(revocation).await, 1);

        server.wait(8 * DAY - 1);
        sweep(server).await;
        assert_eq!(keys(server).await, ["long", "short"]);
        server.wait(2);
        sweep(server).await;
        assert_eq!(keys(server).await, ["long"], "revoked is not expired");
        server.wait(30 * DAY);
        sweep(server).await;
        assert_eq!(keys(server).await.len(), 0);
        let metrics = server.admin_get("/metrics").await.text;
        for table in ["admin_keys", "consent_grants"] {
            assert!(
                metrics.contains(&format!("authserver_table_rows{{table=\"{table}\"}}")),
                "{table}: {metrics}"
            );
        }
        assert!(metrics.contains("authserver_rows_swept_total{table=\"admin_keys\"}"), "{metrics}");
    }
}
