//! The counter that moves when a token may be good no longer: by itself, with every act that ends
//! one, in the transaction of the act; and with nothing else.

use std::time::Duration;

use entities::audit_event::{self, Detail, NewEvent};
use entities::cascade;
use entities::revocation_version;
use entities::sweep::Expiring;
use entities::{client, consent_grant, family, issuance, user};
use futures::future::join_all;
use protocol::client::ClientStatus;

use crate::kit::on_both_databases;
use crate::kit::store::{
    Rows, at, id, in_transaction, new_client, new_family, new_issuance, new_user, reading,
};

async fn version(rows: &Rows) -> i64 {
    reading!(rows, db => revocation_version::read(&db)).unwrap()
}

/// A client, a user, a family and a token of theirs.
async fn populated(rows: &Rows) {
    in_transaction!(rows, it => client::insert(it, &new_client("app"))).unwrap();
    in_transaction!(rows, it => user::insert(it, new_user(1, "ada@example.com"))).unwrap();
    in_transaction!(rows, it => family::insert(it, new_family(5))).unwrap();
    let tokens = vec![new_issuance(2, Some(5), &[7]), new_issuance(3, None, &[7])];
    in_transaction!(rows, it => issuance::insert_all(it, tokens)).unwrap();
    let grant = consent_grant::Model {
        id: id(9),
        user_id: id(1),
        client_id: "app".to_owned(),
        resource_id: id(7),
        scopes: "read".to_owned(),
        created_at: at(0),
        updated_at: at(0),
        revoked_at: None,
    };
    in_transaction!(rows, it => consent_grant::upsert(it, grant)).unwrap();
}

/// Does `act` to a fresh database and says whether the counter moved.
macro_rules! moved_by {
    ($backend:expr, $it:ident => $act:expr) => {{
        let rows = Rows::migrated($backend).await;
        populated(&rows).await;
        let before = version(&rows).await;
        in_transaction!(rows, $it => $act).unwrap();
        version(&rows).await > before
    }};
}

on_both_databases! {
    async fn every_act_that_ends_a_token_moves_it(backend: Backend) {
        assert!(moved_by!(backend, it => cascade::revoke_family(it, id(5), "x", at(1))));
        assert!(moved_by!(backend, it => cascade::revoke_issuance(it, id(3), "x", at(1))));
        assert!(moved_by!(backend, it => cascade::revoke_user(it, id(1), "x", at(1))));
        assert!(moved_by!(backend, it => cascade::revoke_client(it, "app", "x", at(1))));
        assert!(moved_by!(backend, it => cascade::revoke_consent_grant(it, id(9), "x", at(1))));
        for status in [ClientStatus::Suspended, ClientStatus::Revoked] {
            assert!(moved_by!(backend, it => client::set_status(it, "app", status, at(1))));
        }
        assert!(moved_by!(backend, it => user::set_disabled(it, id(1), Some(at(1)), at(1))));
        assert!(moved_by!(backend, it => Expiring::Issuances.sweep(it, at(1_000_000_000), 10)));
    }

    async fn nothing_else_moves_it(backend: Backend) {
        assert!(!moved_by!(backend, it =>
            issuance::insert_all(it, vec![new_issuance(4, None, &[7])])));
        assert!(!moved_by!(backend, it => client::insert(it, &new_client("another"))));
        assert!(!moved_by!(backend, it => user::insert(it, new_user(2, "grace@example.com"))));
        assert!(!moved_by!(backend, it => family::rotate_all(it, &[(id(5), 1)], at(9), at(1))));
        assert!(!moved_by!(backend, it =>
            client::set_status(it, "app", ClientStatus::Active, at(1))));
        let event = NewEvent {
            id: id(1),
            action: "token.issued",
            actor_id: None,
            client_id: None,
            ip: None,
            detail: Detail::new(),
            trace_id: None,
            created_at: at(0),
        };
        assert!(!moved_by!(backend, it => audit_event::append(it, vec![event])));
    }

    async fn an_act_that_is_rolled_back_leaves_it_where_it_was(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        populated(&rows).await;
        let before = version(&rows).await;
        let failed = rows.store.write::<(), _>(|it| Box::pin(async move {
            cascade::revoke_user(it, id(1), "x", at(1)).await?;
            Err(entities::StoreError::Refused("changed my mind".to_owned()))
        }));
        failed.await.unwrap_err();
        assert_eq!(version(&rows).await, before);
        assert_eq!(reading!(rows, db => issuance::find_good(&db, vec![id(2)])).unwrap(), [id(2)]);
    }

    /// Each holds rows when it comes to the counter, and goes for more rows after it has ended a
    /// token. Were the counter locked in between, two of them would wait for each other.
    async fn acts_that_cross_each_other_wait_for_each_other_in_no_circle(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        populated(&rows).await;
        for n in 20..60 {
            in_transaction!(rows, it => family::insert(it, new_family(n))).unwrap();
            let token = vec![new_issuance(n + 100, Some(n), &[7])];
            in_transaction!(rows, it => issuance::insert_all(it, token)).unwrap();
        }
        let replica = rows.again().await;
        let acts = (20..60).map(|n: u128| {
            let rows = if n.is_multiple_of(2) { rows.clone() } else { replica.clone() };
            async move {
                // One ends tokens first and wants families then, another the other way about.
                in_transaction!(rows, it => async move {
                    if n.is_multiple_of(2) {
                        cascade::revoke_issuance(it, id(n + 100), "x", at(1)).await?;
                        tokio::time::sleep(Duration::from_millis(2)).await;
                        family::hold_all(it, vec![id(20), id(21)]).await?;
                    } else {
                        family::hold_all(it, vec![id(20), id(21)]).await?;
                        cascade::revoke_issuance(it, id(n + 100), "x", at(1)).await?;
                    }
                    Ok::<_, entities::StoreError>(())
                })
            }
        });
        for outcome in join_all(acts).await {
            outcome.unwrap();
        }
    }
}
