//! A client whose row cannot be read as it was written: rules grew stricter, or somebody was at it.

use authserver::administration::client;
use protocol::client::ClientStatus;

use super::at_the_desk;
use crate::kit::scene::{REDIRECT, public_app};
use crate::kit::stage::{Stage, Tokens};
use crate::kit::{Server, on_both_databases};

/// Changes a client's row behind the server's back.
async fn rewrite(server: &Server, id: &str, assignment: &str) {
    let sql = format!("UPDATE clients SET {assignment} WHERE id = '{id}'");
    assert_eq!(server.execute(&sql).await, 1);
    server.execute("UPDATE catalog_version SET version = version + 1").await;
    server.wait(1);
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
}

/// The ids of the clients that are listed, and how many there are said to be.
async fn listed(server: &Server) -> (Vec<String>, u64) {
    let answer = server.admin_get("/admin/clients").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let clients = body["clients"].as_array().unwrap().iter();
    let ids = clients.map(|client| client["id"].as_str().unwrap().to_owned());
    (ids.collect(), body["total"].as_u64().unwrap())
}

on_both_databases! {
    async fn a_redirect_uri_that_todays_rules_refuse_opens_nothing_and_harms_nobody(
        server: Server
    ) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let uris = format!(r#"redirect_uris = '["http://plain.example/cb", "{REDIRECT}"]'"#);
        let app = public_app(server, &[REDIRECT]).await;
        rewrite(server, &app.id, &uris).await;
        let shown = at_the_desk!(server, desk => client::get(&desk, &app.id)).unwrap();
        assert_eq!(shown.redirect_uris, [REDIRECT]);
        assert!(listed(server).await.0.contains(&app.id));

        rewrite(server, &stage.app.id, r#"redirect_uris = '["http://plain.example/cb"]'"#).await;
        let next = Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);
        for status in [ClientStatus::Suspended, ClientStatus::Active] {
            at_the_desk!(server, desk => client::set_status(&desk, &stage.app.id, status)).unwrap();
        }
        Tokens::of(&stage.app.refresh(server, &next.refresh).await);
    }

    async fn a_client_that_cannot_be_read_is_still_switched_off_and_deleted(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        rewrite(server, &stage.app.id, "application_type = 'toaster'").await;
        let (others, total) = listed(server).await;
        assert!(!others.is_empty() && !others.contains(&stage.app.id), "{others:?}");
        assert_eq!(total, others.len() as u64 + 1, "it is counted");

        let suspended = ClientStatus::Suspended;
        at_the_desk!(server, desk => client::set_status(&desk, &stage.app.id, suspended)).unwrap();
        assert!(!stage.active(server, &tokens.access).await);
        let reach = at_the_desk!(server, desk => client::delete(&desk, &stage.app.id, true));
        assert_eq!(reach.unwrap().families, 1);
    }
}
