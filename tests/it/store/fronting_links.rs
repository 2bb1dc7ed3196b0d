//! Fronting links: their rows, how they are held, and rows that somebody else has spoiled.

use std::time::Duration;

use entities::fronting_link::{self, Filter};
use entities::{Page, StoreError};
use protocol::exchange::FrontingLink;
use tokio::sync::oneshot;

use crate::kit::behind::execute;
use crate::kit::on_both_databases;
use crate::kit::store::{Rows, at, id, in_transaction, reading};

/// A link between two resources, for which `read` is worth `list` and `get`.
fn link(number: u128, source: u128, target: u128) -> FrontingLink {
    let scope_map = [("read".to_owned(), vec!["list".to_owned(), "get".to_owned()])].into();
    FrontingLink { id: id(number), source: id(source), target: id(target), scope_map }
}

async fn add(rows: &Rows, link: FrontingLink) {
    in_transaction!(rows, it => fronting_link::insert(it, &link, at(0))).unwrap();
}

/// Makes nonsense of the maps of all links.
async fn spoil(rows: &Rows) {
    let nonsense = "UPDATE fronting_links SET scope_map = '{\"read\": 1}'";
    assert!(execute(&rows.store, nonsense).await.unwrap() > 0);
}

on_both_databases! {
    async fn a_link_reads_back_exactly_and_there_is_one_between_two_resources(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let odd = [("☃ \"".to_owned(), vec![String::new()]), ("a".to_owned(), Vec::new())].into();
        let made = FrontingLink { scope_map: odd, ..link(1, 7, 8) };
        add(&rows, made.clone()).await;
        let found = reading!(rows, db => fronting_link::find(&db, id(7), id(8))).unwrap().unwrap();
        assert_eq!((found.created_at, found.updated_at), (at(0), at(0)));
        assert_eq!(FrontingLink::try_from(found).unwrap(), made);
        let back = reading!(rows, db => fronting_link::find(&db, id(8), id(7))).unwrap();
        assert_eq!(back, None);
        let again = in_transaction!(rows, it => fronting_link::insert(it, &link(2, 7, 8), at(1)));
        assert!(matches!(again, Err(StoreError::Duplicate(_))), "{again:?}");
        add(&rows, link(2, 8, 7)).await;

        let changed = FrontingLink { scope_map: link(1, 7, 8).scope_map, ..made };
        let same = changed.clone();
        assert!(in_transaction!(rows, it => fronting_link::replace(it, &same, at(2))).unwrap());
        let found = reading!(rows, db => fronting_link::find(&db, id(7), id(8))).unwrap().unwrap();
        assert_eq!((found.created_at, found.updated_at), (at(0), at(2)));
        assert_eq!(FrontingLink::try_from(found).unwrap(), changed);
        assert!(in_transaction!(rows, it => fronting_link::delete(it, id(1))).unwrap());
        assert!(!in_transaction!(rows, it => fronting_link::delete(it, id(1))).unwrap());
        assert!(!in_transaction!(rows, it => fronting_link::replace(it, &changed, at(3))).unwrap());
        assert_eq!(reading!(rows, db => fronting_link::all(&db)).unwrap(), [link(2, 8, 7)]);
    }

    async fn links_are_filtered_and_shown_in_parts(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        for (number, source, target) in [(3, 7, 8), (1, 7, 9), (2, 8, 9)] {
            add(&rows, link(number, source, target)).await;
        }
        for (source, target, expected) in [
            (None, None, vec![1, 2, 3]),
            (Some(7), None, vec![1, 3]),
            (None, Some(9), vec![1, 2]),
            (Some(7), Some(9), vec![1]),
            (Some(9), None, vec![]),
        ] {
            let filter = Filter { source: source.map(id), target: target.map(id) };
            let page = Page { limit: 2, offset: 0 };
            let (found, total) = reading!(rows, db => fronting_link::list(&db, filter, page)).unwrap();
            assert_eq!(total, expected.len() as u64, "{source:?} {target:?}");
            let found: Vec<u128> = found.iter().map(|row| row.id.as_u128()).collect();
            assert_eq!(found, expected.into_iter().take(2).collect::<Vec<u128>>());
        }
        let ids = |at| {
            let rows = rows.clone();
            async move { reading!(rows, db => fronting_link::ids_at(&db, id(at))).unwrap() }
        };
        assert_eq!(ids(8).await, [id(2), id(3)]);
        assert_eq!(ids(9).await, [id(1), id(2)]);
        assert!(ids(1).await.is_empty());
    }

    /// One damaged row must not keep a server from starting, nor the other links from working.
    async fn a_damaged_link_gives_nobody_anything_and_can_still_be_deleted(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        add(&rows, link(1, 7, 8)).await;
        spoil(&rows).await;
        add(&rows, link(2, 8, 9)).await;
        assert_eq!(reading!(rows, db => fronting_link::all(&db)).unwrap(), [link(2, 8, 9)]);
        let held = in_transaction!(rows, it => fronting_link::hold_all(it, vec![id(1), id(2)]));
        assert_eq!(held.unwrap(), [link(2, 8, 9)]);
        let mut edges = reading!(rows, db => fronting_link::edges(&db)).unwrap();
        edges.sort_unstable();
        assert_eq!(edges, [(id(7), id(8)), (id(8), id(9))], "it still closes cycles");
        let found = reading!(rows, db => fronting_link::find(&db, id(7), id(8))).unwrap().unwrap();
        let damaged = FrontingLink::try_from(found);
        assert!(matches!(damaged, Err(StoreError::Damaged { table: "fronting_links", .. })));
        assert!(in_transaction!(rows, it => fronting_link::delete(it, id(1))).unwrap());
    }

    async fn whoever_deletes_a_link_waits_for_those_who_hold_it(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        for number in 1..=3 {
            add(&rows, link(number, number, number + 1)).await;
        }
        let none = in_transaction!(rows, it => fronting_link::hold_all(it, Vec::new())).unwrap();
        assert!(none.is_empty());
        let (held, is_held) = oneshot::channel();
        let (release, released) = oneshot::channel::<()>();
        let other = rows.again().await;
        let holder = tokio::spawn(async move {
            in_transaction!(other, it => async {
                let found = fronting_link::hold_all(it, vec![id(3), id(9), id(1)]).await?;
                held.send(found.iter().map(|link| link.id).collect::<Vec<_>>()).unwrap();
                drop(released.await);
                Ok(())
            })
        });
        assert_eq!(is_held.await.unwrap(), [id(1), id(3)], "in the order of the ids");
        let deleter = rows.clone();
        let mut deletion = tokio::spawn(async move {
            in_transaction!(deleter, it => fronting_link::delete(it, id(1)))
        });
        let waited = tokio::time::timeout(Duration::from_millis(200), &mut deletion).await;
        assert!(waited.is_err(), "it did not wait");
        drop(release);
        holder.await.unwrap().unwrap();
        assert!(deletion.await.unwrap().unwrap());
    }
}
