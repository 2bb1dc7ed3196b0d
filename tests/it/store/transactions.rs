//! Transactions: whole or not at all, whoever goes away meanwhile.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use entities::{ConnectionTrait as _, Store, StoreError, StoreOptions, catalog_version, family};
use futures::FutureExt as _;
use futures::future::join_all;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::kit::store::{Rows, at, id, in_transaction, new_family, postgres_options, reading};
use crate::kit::{Backend, on_both_databases};

async fn exists(rows: &Rows, number: u128) -> bool {
    reading!(rows, db => family::find(&db, id(number))).unwrap().is_some()
}

on_both_databases! {
    async fn an_error_undoes_everything_and_is_handed_on(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let outcome: Result<(), _> = in_transaction!(rows, it => async move {
            family::insert(it, new_family(5)).await?;
            Err(StoreError::Refused("by the test".to_owned()))
        });
        assert!(matches!(outcome, Err(StoreError::Refused(why)) if why == "by the test"));
        assert!(!exists(&rows, 5).await);
    }

    /// The answer is what the work saw of itself; nobody else ever sees any of it.
    async fn a_rehearsal_answers_and_leaves_nothing_behind(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        for _ in 0..6 {
            let rehearsed = rows.store.rehearse(|it| Box::pin(async move {
                catalog_version::advance(it).await?;
                family::insert(it, new_family(5)).await?;
                Ok((catalog_version::read(it).await?, family::find(it, id(5)).await?.is_some()))
            }));
            let before = reading!(rows, db => catalog_version::read(&db)).unwrap();
            assert_eq!(rehearsed.await.unwrap(), (before + 1, true));
            assert_eq!(reading!(rows, db => catalog_version::read(&db)).unwrap(), before);
            assert!(!exists(&rows, 5).await);
        }
        in_transaction!(rows, it => family::insert(it, new_family(5))).unwrap();
        let refused = rows.store.rehearse(|it| Box::pin(async move {
            family::insert(it, new_family(5)).await
        }));
        assert!(matches!(refused.await, Err(StoreError::Duplicate(_))), "as it would be");
    }

    async fn a_panic_undoes_everything_and_the_store_goes_on(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        for _ in 0..6 {
            let work = async {
                in_transaction!(rows, it => async move {
                    family::insert(it, new_family(5)).await?;
                    if id(1) != id(2) {
                        panic!("on purpose");
                    }
                    Ok(())
                })
            };
            let outcome = AssertUnwindSafe(work).catch_unwind().await;
            assert!(outcome.is_err(), "the panic is the caller's");
            assert!(!exists(&rows, 5).await);
        }
        in_transaction!(rows, it => family::insert(it, new_family(5))).unwrap();
        assert!(exists(&rows, 5).await);
    }

    /// A client hung up: what was begun ends, and the connection is good for the next.
    async fn a_caller_who_goes_away_does_not_tear_a_transaction_apart(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        for number in 5..10 {
            let (begun, has_begun) = oneshot::channel();
            let caller = rows.clone();
            let call = tokio::spawn(async move {
                in_transaction!(caller, it => async move {
                    family::insert(it, new_family(number)).await?;
                    begun.send(()).unwrap();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    family::rotate_all(it, &[(id(number), 1)], at(200_000), at(10)).await
                })
            });
            has_begun.await.unwrap();
            call.abort();
            assert!(call.await.unwrap_err().is_cancelled());
            let mut patience = 200;
            while !exists(&rows, number).await {
                patience -= 1;
                assert!(patience > 0, "it was torn apart");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let row = reading!(rows, db => family::find(&db, id(number))).unwrap().unwrap();
            assert_eq!(row.generation, 2, "both statements or none");
        }
    }

    /// An index over a table of years takes longer than any request may, and whoever boots
    /// meanwhile waits.
    async fn a_migration_takes_its_time_and_another_waits_for_it(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let (replica, begun) = (rows.again().await, Instant::now());
        let slow = rows.store.migrate(move |it| Box::pin(async move {
            if backend == Backend::Postgres {
                // Longer than a statement may take, and not of the server's own limit.
                it.execute_unprepared("SELECT pg_sleep(8.5)").await?;
            }
            family::insert(it, new_family(5)).await?;
            tokio::time::sleep(Duration::from_secs(11).saturating_sub(begun.elapsed())).await;
            Ok(())
        }));
        let waits = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let found = replica.store.migrate(|it| Box::pin(async move {
                match family::find(it, id(5)).await? {
                    Some(_) => Ok(()),
                    None => Err(StoreError::Refused("it did not wait".to_owned())),
                }
            }));
            found.await
        };
        let (slow, waited) = tokio::join!(slow, waits);
        slow.unwrap();
        waited.unwrap();
    }

    async fn a_closed_store_is_unreachable(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        rows.store.ping().await.unwrap();
        rows.store.close().await;
        let read = reading!(rows, db => family::find(&db, id(5)));
        assert!(matches!(read, Err(StoreError::Unreachable(_))), "{read:?}");
        let write = in_transaction!(rows, it => family::insert(it, new_family(5)));
        assert!(matches!(write, Err(StoreError::Unreachable(_))), "{write:?}");
        assert!(matches!(rows.store.ping().await, Err(StoreError::Unreachable(_))));
    }

    async fn a_statement_the_database_refuses_is_told_apart(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let refused = in_transaction!(rows, it => async move {
            Ok(it.execute_unprepared("DELETE FROM no_such_table").await?.rows_affected())
        });
        assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    }

    /// A row somebody has been at is an error that names its table, never a guess.
    async fn a_damaged_row_says_so(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let damaged = family::Model { scopes: "two  \"spaces\"".to_owned(), ..new_family(5) };
        in_transaction!(rows, it => family::insert(it, damaged)).unwrap();
        let family = reading!(rows, db => family::find(&db, id(5))).unwrap().unwrap();
        assert!(matches!(family.scopes(), Err(StoreError::Damaged { table: "families", .. })));
    }

    async fn replicas_that_boot_at_once_migrate_once(backend: Backend) {
        let rows = Rows::empty(backend).await;
        let mut replicas = vec![rows.clone()];
        for _ in 0..5 {
            replicas.push(rows.again().await);
        }
        let outcomes = join_all(replicas.iter().map(Rows::migrate)).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert_eq!(reading!(rows, db => catalog_version::read(&db)).unwrap(), 1);
        in_transaction!(rows, it => family::insert(it, new_family(5))).unwrap();
        rows.migrate().await.unwrap();
        assert!(exists(&rows, 5).await, "migrating again changes nothing");
        assert_eq!(reading!(rows, db => catalog_version::read(&db)).unwrap(), 1);
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_unreachable() {
    let nobody = postgres_options("postgres://nobody:secret@127.0.0.1:1/none".to_owned());
    let outcome = Store::open(nobody, Handle::current()).await.map(drop);
    let Err(StoreError::Unreachable(why)) = outcome else { panic!("{outcome:?}") };
    assert!(!why.contains("secret"), "{why}");
    let path = PathBuf::from("/proc/no/such/folder/store.db");
    let outcome = Store::open(StoreOptions::Sqlite { path, wal: true }, Handle::current()).await;
    assert!(matches!(outcome.map(drop), Err(StoreError::Unreachable(_))));
}

/// A constraint that is checked at the commit fails the whole transaction, and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_refused_leaves_nothing_behind() {
    const CHECK: &str = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
        $$ BEGIN RAISE EXCEPTION 'not like this'; END $$; \
        CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON families \
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()";
    let rows = Rows::migrated(Backend::Postgres).await;
    in_transaction!(rows, it => async move {
        Ok(it.execute_unprepared(CHECK).await?.rows_affected())
    })
    .unwrap();
    let outcome = in_transaction!(rows, it => family::insert(it, new_family(5)));
    assert!(matches!(outcome, Err(StoreError::Refused(_))), "{outcome:?}");
    assert!(!exists(&rows, 5).await);
}
