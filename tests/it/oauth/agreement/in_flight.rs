//! An agreement, and the resource it is about, which is being deleted.

use actors::audit::Origin;
use authserver::administration::resource;

use super::{APPROVED, Exchange, NOTHING_TO_APPROVE};
use crate::kit::{Backend, Server, on_both_databases};

async fn delete(server: &Server) {
    let origin = Origin::local();
    resource::delete(&server.desk(&origin), "files", true).await.unwrap();
}

on_both_databases! {
    /// The deletion has changed its rows and is not committed when the person says yes.
    async fn nothing_is_agreed_to_that_is_being_deleted(server: Server) {
        let exchange = Exchange::set(server).await;
        let (browser, page) = exchange.asked(server, "list").await;
        server.until_quiet().await;
        let held = server.hold("audit_events").await;
        let decided = async {
            server.until_stuck(1, 1).await;
            let release = async {
                server.until_stuck(2, 2).await;
                drop(held);
            };
            tokio::join!(browser.decide(server, &page, "approve"), release).0
        };
        let ((), answer) = tokio::join!(delete(server), decided);
        answer.is_page(400, NOTHING_TO_APPROVE);
        assert!(exchange.agreed(server).await.is_empty());
        assert_eq!(server.audited("consent.granted", &["resource=files"]).await, 0);
    }

    /// The grant is written and not committed when the resource is deleted: it goes with it.
    async fn what_is_being_agreed_to_goes_with_its_resource(server: Server) {
        let exchange = Exchange::set(server).await;
        let (browser, page) = exchange.asked(server, "list").await;
        server.until_quiet().await;
        let held = server.hold("audit_events").await;
        let deleted = async {
            server.until_stuck(1, 1).await;
            let release = async {
                server.until_stuck(2, 2).await;
                drop(held);
            };
            tokio::join!(delete(server), release);
        };
        let (answer, ()) = tokio::join!(browser.decide(server, &page, "approve"), deleted);
        // Who waits on SQLite can only be guessed at.
        if server.backend() == Backend::Postgres {
            answer.is_page(200, APPROVED);
        }
        assert!(exchange.agreed(server).await.is_empty());
    }
}
