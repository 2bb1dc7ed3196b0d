//! Families: rotation is a conditional write, and rows can be held.

use std::sync::Arc;
use std::time::Duration;

use entities::{StoreError, family};
use futures::future::join_all;
use tokio::sync::{Mutex, oneshot};

use crate::kit::on_both_databases;
use crate::kit::store::{Rows, at, id, in_transaction, new_family, reading};

async fn with_families(backend: crate::kit::Backend, numbers: &[u128]) -> Rows {
    let rows = Rows::migrated(backend).await;
    for number in numbers.iter().copied() {
        in_transaction!(rows, it => family::insert(it, new_family(number))).unwrap();
    }
    rows
}

on_both_databases! {
    async fn a_family_reads_back_exactly_as_it_was_written(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let family = family::Model { jkt: Some("thumb".to_owned()), ..new_family(5) };
        let written = family.clone();
        in_transaction!(rows, it => family::insert(it, written)).unwrap();
        assert_eq!(reading!(rows, db => family::find(&db, id(5))).unwrap(), Some(family));
        assert_eq!(reading!(rows, db => family::find(&db, id(6))).unwrap(), None);
        let again = in_transaction!(rows, it => family::insert(it, new_family(5)));
        assert!(matches!(again, Err(StoreError::Duplicate(_))), "{again:?}");
    }

    async fn a_rotation_moves_the_tips_that_are_where_it_thinks_and_names_them(backend: Backend) {
        let rows = with_families(backend, &[5, 6, 7, 8]).await;
        let revoke = in_transaction!(rows, it =>
            entities::cascade::revoke_family(it, id(8), "test", at(1)));
        assert_eq!(revoke.unwrap().families, 1);
        // 6 was moved by somebody else, 8 is revoked, 9 never was.
        let tips = [(id(5), 1), (id(6), 4), (id(7), 1), (id(8), 1), (id(9), 1)];
        let mut moved =
            in_transaction!(rows, it => family::rotate_all(it, &tips, at(200_000), at(10)))
                .unwrap();
        moved.sort_unstable();
        assert_eq!(moved, [id(5), id(7)]);
        let five = reading!(rows, db => family::find(&db, id(5))).unwrap().unwrap();
        assert_eq!((five.generation, five.rotated_at, five.expires_at), (2, at(10), at(200_000)));
        let six = reading!(rows, db => family::find(&db, id(6))).unwrap().unwrap();
        assert_eq!(six, new_family(6));
        let none = in_transaction!(rows, it => family::rotate_all(it, &[], at(1), at(1)));
        assert!(none.unwrap().is_empty());
    }

    async fn sliding_stops_at_the_absolute_expiry(backend: Backend) {
        let rows = with_families(backend, &[5]).await;
        for (slides_to, expected) in [(at(499_999), at(499_999)), (at(500_001), at(500_000))] {
            let row = reading!(rows, db => family::find(&db, id(5))).unwrap().unwrap();
            let tips = [(id(5), row.generation)];
            in_transaction!(rows, it => family::rotate_all(it, &tips, slides_to, at(10))).unwrap();
            let row = reading!(rows, db => family::find(&db, id(5))).unwrap().unwrap();
            assert_eq!(row.expires_at, expected);
            assert_eq!(row.absolute_expires_at, at(500_000));
        }
    }

    /// On any number of replicas.
    async fn of_many_who_move_the_same_tip_one_does(backend: Backend) {
        let rows = with_families(backend, &[5]).await;
        let replica = rows.again().await;
        let moves = (0..40).map(|n| {
            let rows = if n % 2 == 0 { rows.clone() } else { replica.clone() };
            async move {
                let tips = [(id(5), 1)];
                in_transaction!(rows, it => family::rotate_all(it, &tips, at(200_000), at(10)))
                    .unwrap()
                    .len()
            }
        });
        assert_eq!(join_all(moves).await.into_iter().sum::<usize>(), 1);
        let row = reading!(rows, db => family::find(&db, id(5))).unwrap().unwrap();
        assert_eq!(row.generation, 2);
    }

    async fn a_held_family_waits_for_whoever_holds_it(backend: Backend) {
        let rows = with_families(backend, &[5, 6]).await;
        let replica = rows.again().await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let (held, is_held) = oneshot::channel();
        let (holder, first) = (rows.clone(), Arc::clone(&order));
        let holding = tokio::spawn(async move {
            in_transaction!(holder, it => async move {
                let rows = family::hold_all(it, vec![id(6), id(5), id(9)]).await?;
                assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [id(5), id(6)]);
                held.send(()).unwrap();
                tokio::time::sleep(Duration::from_millis(150)).await;
                first.lock().await.push("holder");
                family::rotate_all(it, &[(id(5), 1)], at(200_000), at(10)).await
            })
        });
        is_held.await.unwrap();
        let second = Arc::clone(&order);
        let seen = in_transaction!(replica, it => async move {
            let rows = family::hold_all(it, vec![id(5)]).await?;
            second.lock().await.push("waiter");
            Ok(rows[0].generation)
        });
        assert_eq!(holding.await.unwrap().unwrap(), [id(5)]);
        assert_eq!(seen.unwrap(), 2, "the waiter sees what the holder wrote");
        assert_eq!(*order.lock().await, ["holder", "waiter"]);
    }

    /// Batches that overlap in any order queue up; none is chosen to fail.
    async fn overlapping_batches_do_not_block_each_other(backend: Backend) {
        let numbers: Vec<u128> = (10..30).collect();
        let rows = with_families(backend, &numbers).await;
        let replica = rows.again().await;
        let batches = (0..24).map(|n: u128| {
            let rows = if n.is_multiple_of(2) { rows.clone() } else { replica.clone() };
            let mut ids: Vec<_> = numbers.iter().map(|number| id(*number)).collect();
            ids.rotate_left(usize::try_from(n % 20).unwrap());
            if n.is_multiple_of(3) {
                ids.reverse();
            }
            async move {
                in_transaction!(rows, it => async move {
                    let held = family::hold_all(it, ids).await?;
                    let tips: Vec<_> = held.iter().map(|row| (row.id, row.generation)).collect();
                    family::rotate_all(it, &tips, at(200_000), at(10)).await
                })
            }
        });
        for moved in join_all(batches).await {
            assert_eq!(moved.unwrap().len(), 20);
        }
        let row = reading!(rows, db => family::find(&db, id(10))).unwrap().unwrap();
        assert_eq!(row.generation, 25);
    }
}
