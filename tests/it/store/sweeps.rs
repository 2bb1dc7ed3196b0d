//! Sweeping takes what has expired, in batches, and nothing else.

use std::time::Duration;

use entities::issuance::{self, NewIssuance};
use entities::store::Turn;
use entities::sweep::Expiring;
use entities::{Strings, consent_grant, family, session};
use tokio::sync::oneshot;

use crate::kit::on_both_databases;
use crate::kit::store::{Rows, at, id, in_transaction, new_family, new_issuance, reading};

on_both_databases! {
    async fn a_batch_takes_only_expired_rows_and_no_more_than_its_limit(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let tokens: Vec<NewIssuance> = (0..50)
            .map(|number| NewIssuance {
                expires_at: at(i64::try_from(number).unwrap() * 10),
                ..new_issuance(number, None, &[])
            })
            .collect();
        in_transaction!(rows, it => issuance::insert_all(it, tokens)).unwrap();
        let mut swept = Vec::new();
        loop {
            let batch = in_transaction!(rows, it => Expiring::Issuances.sweep(it, at(255), 10));
            swept.push(batch.unwrap());
            if swept.last() < Some(&10) {
                break;
            }
        }
        assert_eq!(swept, [10, 10, 6]);
        let all = (0..50).map(id).collect();
        let left = reading!(rows, db => issuance::find_all(&db, all)).unwrap();
        assert_eq!(left.len(), 24);
        assert!(left.iter().all(|row| row.expires_at > at(255)));
    }

    async fn every_table_that_expires_can_be_swept(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let session = session::Model {
            id_hash: vec![1; 32],
            user_id: id(1),
            auth_time: at(0),
            amr: Strings(Vec::new()),
            expires_at: at(10),
            revoked_at: None,
        };
        in_transaction!(rows, it => session::insert(it, session)).unwrap();
        let family = family::Model { expires_at: at(10), ..new_family(5) };
        in_transaction!(rows, it => family::insert(it, family)).unwrap();
        for table in Expiring::ALL {
            let name = table.as_str();
            let early = in_transaction!(rows, it => table.sweep(it, at(10), 100)).unwrap();
            assert_eq!(early, 0, "{name}");
            let due = in_transaction!(rows, it => table.sweep(it, at(11), 100)).unwrap();
            let expected = matches!(table, Expiring::Sessions | Expiring::Families);
            assert_eq!(due, u64::from(expected), "{name}");
        }
        assert_eq!(reading!(rows, db => family::find(&db, id(5))).unwrap(), None);
    }

    async fn one_process_has_the_turn_and_it_passes_on(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        for _ in 0..2 {
            let turns = rows.store.clone();
            let mine = in_transaction!(rows, it => turns.claim_turn(it, Turn::Sweep)).unwrap();
            assert!(mine, "the turn ends with the transaction");
        }
    }
}

/// A consent, which may have been taken back.
fn agreed(revoked: bool) -> consent_grant::Model {
    consent_grant::Model {
        id: id(1),
        user_id: id(2),
        client_id: "app".to_owned(),
        resource_id: id(7),
        scopes: "read".to_owned(),
        created_at: at(0),
        updated_at: at(0),
        revoked_at: revoked.then(|| at(0)),
    }
}

/// On SQLite nobody writes between a look and the deletion.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_agrees_again_while_their_old_answer_is_swept_has_agreed() {
    let rows = Rows::migrated(crate::kit::Backend::Postgres).await;
    in_transaction!(rows, it => consent_grant::upsert(it, agreed(true))).unwrap();
    in_transaction!(rows, it => consent_grant::revoke(it, id(1), at(0))).unwrap();
    let sweeping = rows.again().await;
    let (agrees, agreeing) = oneshot::channel::<()>();
    let sweeper = tokio::spawn(async move {
        agreeing.await.unwrap();
        in_transaction!(sweeping, it => Expiring::ConsentGrants.sweep(it, at(10), 100)).unwrap()
    });
    in_transaction!(rows, it => async move {
        consent_grant::upsert(it, agreed(false)).await?;
        agrees.send(()).unwrap();
        // Time for the sweeper to see the row as it was, and to wait for it.
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(())
    })
    .unwrap();
    assert_eq!(sweeper.await.unwrap(), 0);
    let kept = reading!(rows, db => consent_grant::find(&db, id(1))).unwrap();
    assert_eq!(kept.map(|grant| grant.revoked_at), Some(None));
}

/// SQLite has one writer, so only on PostgreSQL can two be at it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_one_replica_sweeps_another_has_not_the_turn() {
    let rows = Rows::migrated(crate::kit::Backend::Postgres).await;
    let other = rows.again().await;
    let (turns, others) = (rows.store.clone(), other.store.clone());
    let (first, second) = in_transaction!(rows, it => async move {
        let first = turns.claim_turn(it, Turn::Sweep).await?;
        let theirs = others.clone();
        let second = in_transaction!(other, it => theirs.claim_turn(it, Turn::Sweep))?;
        Ok((first, second))
    })
    .unwrap();
    assert!(first && !second);
}
