//! Those behind a token are held while it is written down.

use std::time::Duration;

use entities::issuance::NewIssuance;
use entities::{cascade, client, issuance, parties, resource};
use protocol::client::ClientStatus;
use tokio::sync::oneshot;

use crate::kit::store::{Rows, at, id, in_transaction, new_client, new_issuance, new_resource};
use crate::kit::{Backend, on_both_databases};

/// Long enough for what is not waited for, and no longer.
const PATIENCE: Duration = Duration::from_secs(3);

on_both_databases! {
    async fn those_that_are_there_are_told_from_those_that_are_not(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        for name in ["a", "b", "off"] {
            in_transaction!(rows, it => client::insert(it, &new_client(name))).unwrap();
        }
        let off = ClientStatus::Suspended;
        in_transaction!(rows, it => client::set_status(it, "off", off, at(1))).unwrap();
        in_transaction!(rows, it => async move {
            resource::insert(it, &new_resource(7, "mcp"), at(0)).await?;
            resource::insert(it, &new_resource(8, "files"), at(0)).await
        })
        .unwrap();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        for (clients, resources, active, there) in [
            (vec!["b", "a", "off", "none"], vec![8, 7, 9], vec!["a", "b"], vec![7, 8]),
            (vec!["a"], vec![], vec!["a"], vec![]),
            (vec![], vec![7, 7], vec![], vec![7]),
            (vec!["off"], vec![9], vec![], vec![]),
            (vec![], vec![], vec![], vec![]),
        ] {
            let asked: Vec<String> = names(&clients);
            let ids = resources.iter().map(|number| id(*number)).collect();
            let held = in_transaction!(rows, it => parties::hold(it, asked, ids)).unwrap();
            assert_eq!(held.clients, names(&active).into_iter().collect(), "{clients:?}");
            assert_eq!(held.resources, there.iter().map(|number| id(*number)).collect());
            assert!(held.has_all(&there.iter().map(|number| id(*number)).collect::<Vec<_>>()));
            assert!(!held.has_all(&[id(9)]));
        }
    }

    /// Who deletes a resource waits for what is being written down, and finds it. Who changes its
    /// policy neither waits nor is waited for: with that lock a client that is deleted, whose
    /// name goes from the lists of resources, could be in a circle with an exchange.
    async fn a_resource_that_is_held_stays_until_the_transaction_ends(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        in_transaction!(rows, it => async move {
            client::insert(it, &new_client("a")).await?;
            resource::insert(it, &new_resource(7, "mcp"), at(0)).await
        })
        .unwrap();
        let (policy, deletion) = (rows.again().await, rows.again().await);
        let (hold, is_held) = oneshot::channel();
        let (change, is_changed) = oneshot::channel::<()>();
        let written = async {
            in_transaction!(rows, it => async move {
                let held = parties::hold(it, vec!["a".to_owned()], vec![id(7)]).await?;
                assert!(held.has_all(&[id(7)]));
                hold.send(()).unwrap();
                // On SQLite there is one writer.
                if backend == Backend::Postgres {
                    tokio::time::timeout(PATIENCE, is_changed).await.expect("changed").unwrap();
                }
                let token = NewIssuance { client_id: "a".to_owned(), ..new_issuance(1, None, &[7]) };
                issuance::insert_all(it, vec![token]).await
            })
        };
        let meanwhile = async {
            is_held.await.unwrap();
            let deleted = async {
                in_transaction!(deletion, it => async move {
                    assert!(resource::hold(it, id(7)).await?);
                    let went = cascade::revoke_resource(it, id(7), vec![], "resource", at(1)).await?;
                    resource::delete(it, id(7)).await?;
                    Ok(went.live.issuances)
                })
            };
            let changed = async {
                let mut listed = new_resource(7, "mcp");
                listed.policy.runtime.client_ids.push("a".to_owned());
                // Not behind the deletion, which is somebody else's matter.
                if backend == Backend::Postgres {
                    in_transaction!(policy, it => async move {
                        resource::replace(it, &listed, at(1)).await
                    })
                    .unwrap();
                    change.send(()).unwrap();
                }
            };
            changed.await;
            deleted.await
        };
        let (written, deleted) = tokio::join!(written, meanwhile);
        written.unwrap();
        assert_eq!(deleted.unwrap(), 1, "what was written meanwhile is reached");
        let gone = in_transaction!(rows, it => parties::hold(it, vec![], vec![id(7)])).unwrap();
        assert!(gone.resources.is_empty());
    }
}
