//! A client that was just suspended, revoked or deleted at one replica gets no more tokens at
//! another, which has not heard of it yet.

use std::sync::atomic::{AtomicBool, Ordering};

use actors::audit::Origin;
use authserver::administration::client;
use futures::future::join_all;
use protocol::client::ClientStatus;

use crate::kit::stage::{Stage, Tokens, place};
use crate::kit::{Server, on_both_databases};

async fn set_status(server: &Server, id: &str, status: ClientStatus) {
    let origin = Origin::local();
    client::set_status(&server.desk(&origin), id, status).await.unwrap();
}

on_both_databases! {
    /// No second passes here: the replica's catalog has the client as it was, unless it has heard.
    async fn a_suspension_holds_at_once_where_nobody_has_heard_of_it(server: Server) {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        let first = stage.tokens(&replica).await;
        let (code, unspent) = (stage.code(&replica).await, stage.code(&replica).await);
        set_status(server, &stage.app.id, ClientStatus::Suspended).await;

        stage.app.refresh(&replica, &first.refresh).await.refused(401, "invalid_client");
        stage.redeem(&replica, &code).await.refused(401, "invalid_client");
        assert_eq!(server.family_of(&first.refresh).await.generation, 1, "the family is unmoved");
        // A replica that has heard of it refuses the client before it looks at anything else.
        let denied = server.audited("token.refresh_denied", &["reason=client_not_active"]).await;
        assert!(denied <= 1, "{denied}");
        let denied = server.audited("token.issue_denied", &["reason=client_not_active"]).await;
        assert!(denied <= 1, "{denied}");

        // Nothing was spent: reactivated, it goes on where it was.
        set_status(server, &stage.app.id, ClientStatus::Active).await;
        let second = Tokens::of(&stage.app.refresh(&replica, &first.refresh).await);
        assert_eq!(place(server, &second.refresh).generation, 2);
        Tokens::of(&stage.redeem(&replica, &code).await);

        let origin = Origin::local();
        client::delete(&server.desk(&origin), &stage.app.id, true).await.unwrap();
        stage.app.refresh(&replica, &second.refresh).await.refused(401, "invalid_client");
        stage.redeem(&replica, &unspent).await.refused(401, "invalid_client");
        replica.stop().await;
    }

    /// The change is committed, and what else there is of the catalog cannot be read.
    async fn a_suspension_holds_also_when_the_catalog_cannot_be_reloaded(server: Server) {
        let stage = Stage::set(server).await;
        stage.tokens(server).await;
        let catalog = &server.services.keepers.catalog;
        assert!(catalog.client(&stage.app.id).await.unwrap().unwrap().is_active());
        server.execute("ALTER TABLE resources RENAME TO elsewhere").await;
        set_status(server, &stage.app.id, ClientStatus::Suspended).await;
        // What was in memory counts no more: the client as it is now, or no answer.
        let found = catalog.client(&stage.app.id).await;
        assert!(found.is_err() || found.is_ok_and(|it| it.is_some_and(|it| !it.is_active())));
        server.execute("ALTER TABLE elsewhere RENAME TO resources").await;
    }

    /// Whoever asks after the suspension was answered gets nothing, and nobody waits for
    /// anybody in a circle.
    async fn a_suspension_among_many_uses_is_where_they_end(server: Server) {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        let mut tips = Vec::new();
        for _ in 0..6 {
            tips.push(stage.tokens(&replica).await.refresh);
        }
        let mut codes = Vec::new();
        for _ in 0..40 {
            codes.push(stage.code(&replica).await);
        }
        for status in [ClientStatus::Suspended, ClientStatus::Revoked] {
            let done = AtomicBool::new(false);
            let (done, app, replica) = (&done, &stage.app, &replica);
            let refreshes = join_all(tips.iter().map(|tip| async move {
                let mut tip = tip.clone();
                loop {
                    let late = done.load(Ordering::SeqCst);
                    let answer = app.refresh(replica, &tip).await;
                    if answer.status == 200 {
                        assert!(!late, "a token after the suspension was answered");
                        tip = Tokens::of(&answer).refresh;
                        continue;
                    }
                    answer.refused(401, "invalid_client");
                    if late {
                        return tip;
                    }
                }
            }));
            let (ours, rest) = codes.split_at(20);
            let (stage_, pace) = (&stage, std::time::Duration::from_millis(3));
            let redemptions = async move {
                for code in ours {
                    let late = done.load(Ordering::SeqCst);
                    let answer = stage_.redeem(replica, code).await;
                    match answer.status {
                        200 => assert!(!late, "a token after the suspension was answered"),
                        _ => answer.refused(401, "invalid_client"),
                    }
                    tokio::time::sleep(pace).await;
                }
            };
            let act = async {
                tokio::time::sleep(std::time::Duration::from_millis(60)).await;
                set_status(server, &stage.app.id, status).await;
                done.store(true, Ordering::SeqCst);
            };
            let (after, (), ()) = tokio::join!(refreshes, redemptions, act);
            tips = after;
            codes = rest.to_vec();
            if status == ClientStatus::Suspended {
                set_status(server, &stage.app.id, ClientStatus::Active).await;
            }
        }
        replica.stop().await;
    }
}
