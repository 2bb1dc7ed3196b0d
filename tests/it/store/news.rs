//! News is heard when the transaction it is part of was committed, and never otherwise.

use std::time::{Duration, Instant};

use entities::news::announce;
use entities::{
    ConnectionTrait as _, Heard, News, Store, StoreError, Subscription, catalog_version,
};
use tokio::time::timeout;
use uuid::Uuid;

use crate::kit::store::{Rows, in_transaction, reading};
use crate::kit::{Backend, on_both_databases};

async fn listen(store: &Store) -> Subscription {
    store.subscribe(Uuid::from_u128(1)).await.unwrap()
}

/// The next piece of news, whatever else is heard.
async fn heard(subscription: &mut Subscription) -> News {
    let news = async {
        loop {
            match subscription.next().await.unwrap() {
                Heard::News(news) => return news,
                Heard::Lag(_) => {}
                Heard::Missed => panic!("something was missed"),
            }
        }
    };
    timeout(Duration::from_secs(10), news).await.expect("there is news")
}

/// Nothing is heard before this, which is announced now.
async fn nothing_else_is_heard(rows: &Rows, subscription: &mut Subscription) {
    in_transaction!(rows, it => announce(it, News::Catalog(-42))).unwrap();
    assert_eq!(heard(subscription).await, News::Catalog(-42));
}

on_both_databases! {
    async fn what_is_committed_is_heard_in_its_order(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let (mut one, mut other) =
            (listen(&rows.store).await, rows.store.subscribe(Uuid::from_u128(2)).await.unwrap());
        in_transaction!(rows, it => announce(it, News::Keys)).unwrap();
        in_transaction!(rows, it => catalog_version::advance(it)).unwrap();
        let version = reading!(rows, db => catalog_version::read(&db)).unwrap();
        for subscription in [&mut one, &mut other] {
            assert_eq!(heard(subscription).await, News::Keys);
            assert_eq!(heard(subscription).await, News::Catalog(version));
        }
    }

    async fn nothing_is_heard_while_the_transaction_is_open(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let mut subscription = listen(&rows.store).await;
        let (announced, is_announced) = tokio::sync::oneshot::channel();
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let store = rows.store.clone();
        let writing = tokio::spawn(async move {
            store
                .write(move |it| {
                    Box::pin(async move {
                        announce(it, News::Keys).await?;
                        announced.send(()).unwrap();
                        ended.await.unwrap();
                        Ok(())
                    })
                })
                .await
        });
        is_announced.await.unwrap();
        let early = timeout(Duration::from_millis(300), subscription.next()).await;
        assert!(early.is_err() || matches!(early, Ok(Ok(Heard::Lag(_)))), "{early:?}");
        end.send(()).unwrap();
        writing.await.unwrap().unwrap();
        assert_eq!(heard(&mut subscription).await, News::Keys);
    }

    async fn what_is_taken_back_is_not_heard(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let mut subscription = listen(&rows.store).await;

        let refused: Result<(), StoreError> = rows
            .store
            .write(|it| {
                Box::pin(async move {
                    catalog_version::advance(it).await?;
                    Err(StoreError::Refused("on second thoughts".to_owned()))
                })
            })
            .await;
        assert!(refused.is_err());
        let rehearsed = rows.store.rehearse(|it| Box::pin(async move {
            catalog_version::advance(it).await
        }));
        rehearsed.await.unwrap();
        let broken: Result<u64, StoreError> = rows
            .store
            .write(|it| {
                Box::pin(async move {
                    announce(it, News::Keys).await?;
                    Ok(it.execute_unprepared("UPDATE nothing SET no = 1").await?.rows_affected())
                })
            })
            .await;
        assert!(broken.is_err());

        nothing_else_is_heard(&rows, &mut subscription).await;
    }
}

/// Anybody who may use the database can say anything there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_understands_is_passed_over() {
    let rows = Rows::migrated(Backend::Postgres).await;
    let mut subscription = listen(&rows.store).await;
    let long = "x".repeat(7999);
    for text in ["", "catalog", "catalog one", "vaults 7", "🦀 \n\t", "keys\u{1}", &long] {
        let say = format!("NOTIFY authserver, '{text}'");
        in_transaction!(rows, it => async { Ok(it.execute_unprepared(&say).await?) }).unwrap();
    }
    nothing_else_is_heard(&rows, &mut subscription).await;
}

/// A replica of its own, as a process of its own has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_processes_hear_of_it_and_other_databases_do_not() {
    let rows = Rows::migrated(Backend::Postgres).await;
    let (replica, stranger) = (rows.again().await, Rows::migrated(Backend::Postgres).await);
    let mut at_replica = replica.store.subscribe(Uuid::from_u128(2)).await.unwrap();
    let mut elsewhere = stranger.store.subscribe(Uuid::from_u128(3)).await.unwrap();
    in_transaction!(rows, it => announce(it, News::Keys)).unwrap();
    assert_eq!(heard(&mut at_replica).await, News::Keys);
    nothing_else_is_heard(&stranger, &mut elsewhere).await;
}

/// Whoever no longer listens leaves no connection behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connection_goes_with_the_subscription() {
    let rows = Rows::migrated(Backend::Postgres).await;
    let listening = || async {
        let look = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() \
                    AND application_name = 'authserver relay'";
        in_transaction!(rows, it => async { Ok(it.execute_unprepared(look).await?) })
            .unwrap()
            .rows_affected()
    };
    // The one that was tried first may still be on its way out.
    let until = async |wanted: u64| {
        let begun = Instant::now();
        while listening().await != wanted {
            assert!(begun.elapsed() < Duration::from_secs(15), "there are not {wanted}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let subscription = listen(&rows.store).await;
    until(1).await;
    drop(subscription);
    until(0).await;
}
