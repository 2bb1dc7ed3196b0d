//! What operators ask and change: parts of lists, rows made anew, rows held, and what a
//! revocation follows.

use std::collections::BTreeSet;

use entities::cascade::{self, OnResource, Reach};
use entities::issuance::{Lineage, NewIssuance};
use entities::{
    Page, StoreError, audit_event, authorization_code, client, consent_grant, family, issuance,
    parties, resource, session, user,
};
use futures::future::join_all;
use protocol::client::{Client, ClientStatus, RegistrationSource};

use crate::kit::on_both_databases;
use crate::kit::store::{
    Rows, at, id, in_transaction, new_client, new_family, new_issuance, new_request, new_resource,
    new_user, reading,
};

fn child(number: u128, parent: u128) -> NewIssuance {
    let lineage = Lineage { parent_jti: Some(id(parent)), ..Lineage::default() };
    NewIssuance { lineage, user_id: None, ..new_issuance(number, None, &[]) }
}

/// The numbers of the issuances that are revoked.
async fn revoked(rows: &Rows, of: impl Iterator<Item = u128>) -> BTreeSet<u128> {
    let jtis = of.map(id).collect();
    let found = reading!(rows, db => issuance::find_all(&db, jtis)).unwrap();
    found.iter().filter(|row| row.revoked_at.is_some()).map(|row| row.jti.as_u128()).collect()
}

on_both_databases! {
    async fn clients_are_filtered_and_shown_in_parts(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        for number in 0..6i64 {
            let (source, status) = match number % 2 {
                0 => (RegistrationSource::Admin, ClientStatus::Active),
                _ => (RegistrationSource::Dcr, ClientStatus::Suspended),
            };
            let (name, created_at) = (format!("c{number}"), at(number / 2));
            let made = Client { source, status, created_at, ..new_client(&name) };
            in_transaction!(rows, it => client::insert(it, &made)).unwrap();
        }
        let list = |filter, limit, offset| {
            let rows = rows.clone();
            async move {
                let page = Page { limit, offset };
                let found = reading!(rows, db => client::list(&db, filter, page)).unwrap();
                let ids: Vec<String> = found.0.into_iter().map(|client| client.id).collect();
                (ids.join(" "), found.1)
            }
        };
        let all = client::Filter::default();
        assert_eq!(list(all, 9, 0).await, ("c5 c4 c3 c2 c1 c0".to_owned(), 6), "ties by id");
        assert_eq!(list(all, 2, 3).await, ("c2 c1".to_owned(), 6));
        assert_eq!(list(all, 2, 9).await, (String::new(), 6));
        let dcr = client::Filter { source: Some(RegistrationSource::Dcr), ..all };
        assert_eq!(list(dcr, 1, 0).await, ("c5".to_owned(), 3));
        let none = client::Filter { status: Some(ClientStatus::Active), ..dcr };
        assert_eq!(list(none, 9, 0).await, (String::new(), 0));
    }

    async fn a_row_made_anew_reads_back_exactly_and_one_that_is_gone_is_not_made(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        in_transaction!(rows, it => client::insert(it, &new_client("app"))).unwrap();
        let agent_description = Some("☃".to_owned());
        let made = Client { agent: true, agent_description, ceiling: None, ..new_client("app") };
        let (same, other) = (made.clone(), new_client("gone"));
        assert!(in_transaction!(rows, it => client::replace(it, &same)).unwrap());
        assert!(!in_transaction!(rows, it => client::replace(it, &other)).unwrap());
        let found = reading!(rows, db => client::find(&db, "app")).unwrap();
        assert_eq!(found, Some(made));
        assert!(in_transaction!(rows, it => client::delete(it, "app")).unwrap());
        assert!(!in_transaction!(rows, it => client::delete(it, "app")).unwrap());

        for (number, email) in [(1, "ada@example.com"), (2, "eve@example.com")] {
            in_transaction!(rows, it => user::insert(it, new_user(number, email))).unwrap();
        }
        let made = user::Model { updated_at: at(3), ..new_user(1, "ada@new.example") };
        let same = made.clone();
        assert!(in_transaction!(rows, it => user::replace(it, same)).unwrap());
        assert_eq!(reading!(rows, db => user::find(&db, id(1))).unwrap(), Some(made));
        let taken = in_transaction!(rows, it => user::replace(it, new_user(1, "eve@example.com")));
        assert!(matches!(taken, Err(StoreError::Duplicate(_))), "{taken:?}");
        let gone = in_transaction!(rows, it => user::replace(it, new_user(3, "c@example.com")));
        assert!(!gone.unwrap());
        assert!(in_transaction!(rows, it => user::delete(it, id(1))).unwrap());
        assert!(!in_transaction!(rows, it => user::delete(it, id(1))).unwrap());
    }

    async fn a_revocation_follows_what_was_exchanged_at_any_depth(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let mut all = vec![new_issuance(1, Some(50), &[7]), new_issuance(2, Some(50), &[7])];
        // 1 <- 10 <- 11 <- … <- 19, and 2 <- 30.
        all.push(child(10, 1));
        all.extend((11..20).map(|number| child(number, number - 1)));
        all.push(child(30, 2));
        in_transaction!(rows, it => issuance::insert_all(it, all)).unwrap();
        // What is revoked already is left as it was, and so is what came of it.
        in_transaction!(rows, it => cascade::revoke_issuance(it, id(15), "early", at(1))).unwrap();
        let chain = || (1..=2).chain(10..20).chain([30]);
        assert_eq!(revoked(&rows, chain()).await, (15..20).collect());

        let reach = in_transaction!(rows, it => cascade::revoke_issuance(it, id(1), "why", at(2)));
        assert_eq!(reach.unwrap(), Reach { families: 0, issuances: 6 });
        assert_eq!(revoked(&rows, chain()).await, [1].into_iter().chain(10..20).collect());
        let early = reading!(rows, db => issuance::find_all(&db, vec![id(19)])).unwrap();
        assert_eq!((early[0].revoked_at, early[0].revoked_reason.as_deref()), (Some(at(1)), Some("early")));
        in_transaction!(rows, it => family::insert(it, new_family(50))).unwrap();
        let reach = in_transaction!(rows, it => cascade::revoke_family(it, id(50), "why", at(3)));
        assert_eq!(reach.unwrap(), Reach { families: 1, issuances: 2 });
        assert!(revoked(&rows, chain()).await.contains(&30));
    }

    async fn issuances_are_found_by_every_member_of_the_filter(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let other = NewIssuance { client_id: "b".to_owned(), user_id: None, ..new_issuance(2, None, &[8, 9]) };
        let late = NewIssuance { issued_at: at(50), ..new_issuance(3, None, &[9]) };
        let all = vec![new_issuance(1, None, &[7]), other, late];
        in_transaction!(rows, it => issuance::insert_all(it, all)).unwrap();
        in_transaction!(rows, it => cascade::revoke_issuance(it, id(1), "why", at(60))).unwrap();
        let none = issuance::Filter::default;
        for (filter, expected) in [
            (none(), vec![3, 2, 1]),
            (issuance::Filter { user_id: Some(id(1)), ..none() }, vec![3, 1]),
            (issuance::Filter { client_id: Some("b".to_owned()), ..none() }, vec![2]),
            (issuance::Filter { resource_id: Some(id(9)), ..none() }, vec![3, 2]),
            (issuance::Filter { resource_id: Some(id(6)), ..none() }, vec![]),
            (issuance::Filter { jti: Some(id(2)), ..none() }, vec![2]),
            (issuance::Filter { since: Some(at(50)), ..none() }, vec![3]),
            (issuance::Filter { live_at: Some(at(60)), ..none() }, vec![3, 2]),
            (issuance::Filter { live_at: Some(at(100_000)), ..none() }, vec![]),
        ] {
            let said = format!("{filter:?}");
            let page = Page::first(2);
            let (found, total) = reading!(rows, db => issuance::list(&db, filter, page)).unwrap();
            assert_eq!(total, expected.len() as u64, "{said}");
            let found: Vec<u128> = found.iter().map(|row| row.jti.as_u128()).collect();
            assert_eq!(found, expected.into_iter().take(2).collect::<Vec<u128>>(), "{said}");
        }
        let counts = (
            reading!(rows, db => issuance::count_live_since(&db, at(0), at(1))).unwrap(),
            reading!(rows, db => issuance::count_revoked(&db)).unwrap(),
        );
        assert_eq!(counts, (2, 1));
    }

    async fn what_rests_on_a_resource_goes_with_it_and_nothing_else(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let made = new_resource(7, "mcp");
        in_transaction!(rows, it => resource::insert(it, &made, at(0))).unwrap();
        for (number, resources) in [(50, [7, 8]), (51, [8, 9])] {
            let resource_ids = entities::Ids(resources.map(id).to_vec());
            let family = family::Model { resource_ids, ..new_family(number) };
            in_transaction!(rows, it => family::insert(it, family)).unwrap();
        }
        // Of the family that covers it, though for another resource; and one without family.
        let all = vec![
            new_issuance(1, Some(50), &[8]), new_issuance(2, None, &[7]), new_issuance(3, Some(51), &[9]),
        ];
        in_transaction!(rows, it => issuance::insert_all(it, all)).unwrap();
        for (name, default) in [("a", Some("mcp")), ("b", Some("https://mcp.example/")), ("c", Some("files"))] {
            let default_resource = default.map(str::to_owned);
            let made = Client { default_resource, ..new_client(name) };
            in_transaction!(rows, it => client::insert(it, &made)).unwrap();
        }
        for (number, about) in [(20, 7), (21, 8)] {
            let grant = consent_grant::Model {
                id: id(number), user_id: id(1), client_id: "a".to_owned(), resource_id: id(about),
                scopes: "read".to_owned(), created_at: at(0), updated_at: at(0), revoked_at: None,
            };
            in_transaction!(rows, it => consent_grant::upsert(it, grant)).unwrap();
        }
        let code = authorization_code::NewCode {
            code_hash: [1; 32], user_id: id(1), request: new_request(), auth_time: at(0),
            amr: Vec::new(), expires_at: at(60_000),
        };
        in_transaction!(rows, it => authorization_code::insert(it, code)).unwrap();

        let names = || ["mcp", "https://mcp.example/mcp", "https://mcp.example/"].map(str::to_owned).to_vec();
        let there = reading!(rows, db => cascade::on_resource(&db, id(7), names(), at(1))).unwrap();
        let live = Reach { families: 1, issuances: 1 };
        assert_eq!(there, OnResource { live, consent_grants: 1, clients: 2, fronting_links: 0 });
        let went = in_transaction!(rows, it =>
            cascade::revoke_resource(it, id(7), names(), "resource", at(1))).unwrap();
        let live = Reach { families: 1, issuances: 2 };
        assert_eq!(went, OnResource { live, consent_grants: 1, clients: 2, fronting_links: 0 });
        assert_eq!(revoked(&rows, 1..=3).await, [1, 2].into());
        let other = reading!(rows, db => family::find(&db, id(51))).unwrap().unwrap();
        assert_eq!(other.revoked_at, None);
        let codes = reading!(rows, db => authorization_code::hold_all(&db, vec![vec![1; 32]]));
        let code = codes.unwrap().pop().unwrap();
        assert_eq!(code.revoked_at, Some(at(1)));
        let left = reading!(rows, db => consent_grant::of_user(&db, id(1), Page::first(9))).unwrap().0;
        assert_eq!(left.iter().map(|grant| grant.id).collect::<Vec<_>>(), [id(21)]);
        for (name, default) in [("a", None), ("b", None), ("c", Some("files"))] {
            let found = reading!(rows, db => client::find(&db, name)).unwrap().unwrap();
            assert_eq!(found.default_resource.as_deref(), default, "{name}");
        }
    }

    async fn the_audit_log_is_filtered_and_shown_in_parts(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let events = (1..=6u128).map(|number| audit_event::NewEvent {
            id: id(number),
            action: if number % 2 == 0 { "even" } else { "odd" },
            actor_id: (number > 3).then(|| "ada".to_owned()),
            client_id: Some(format!("c{}", number % 3)),
            ip: None,
            detail: audit_event::Detail::new(),
            trace_id: None,
            created_at: at(i64::try_from(number).unwrap() * 10),
        });
        let events = events.collect();
        in_transaction!(rows, it => audit_event::append(it, events)).unwrap();
        let none = audit_event::Filter::default;
        for (filter, expected) in [
            (none(), vec![6, 5, 4, 3, 2, 1]),
            (audit_event::Filter { action: Some("even".to_owned()), ..none() }, vec![6, 4, 2]),
            (audit_event::Filter { actor_id: Some("ada".to_owned()), ..none() }, vec![6, 5, 4]),
            (audit_event::Filter { client_id: Some("c0".to_owned()), ..none() }, vec![6, 3]),
            (audit_event::Filter { since: Some(at(20)), until: Some(at(50)), ..none() }, vec![4, 3, 2]),
        ] {
            let page = Page { limit: 2, offset: 1 };
            let said = format!("{filter:?}");
            let (found, total) = reading!(rows, db => audit_event::list(&db, filter, page)).unwrap();
            assert_eq!(total, expected.len() as u64, "{said}");
            let found: Vec<u128> = found.iter().map(|row| row.id.as_u128()).collect();
            assert_eq!(found, expected.into_iter().skip(1).take(2).collect::<Vec<_>>(), "{said}");
        }
    }

    /// Rows that were moved about are not found in the order of their ids; revocations that
    /// come to them from two sides must not wait for each other in a circle.
    async fn revocations_that_meet_from_two_sides_all_succeed(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let other = rows.again().await;
        for round in 0..12u128 {
            let first = round * 1000;
            let all: Vec<_> = (1..=200).map(|number| new_issuance(first + number, None, &[7])).collect();
            in_transaction!(rows, it => issuance::insert_all(it, all)).unwrap();
            // Moves every second row to the end of the heap.
            let some = format!(
                "UPDATE issuances SET scopes = scopes || ' x' WHERE jti IN \
                 (SELECT jti FROM issuances WHERE revoked_at IS NULL ORDER BY jti DESC LIMIT {})",
                60 + round
            );
            crate::kit::behind::execute(&rows.store, &some).await.unwrap();
            let by_user = async {
                in_transaction!(rows, it => cascade::revoke_user(it, id(1), "user", at(1)))
            };
            let by_client = async {
                in_transaction!(other, it => cascade::revoke_client(it, "app", "client", at(1)))
            };
            let (by_user, by_client) = tokio::join!(by_user, by_client);
            assert_eq!(by_user.unwrap().issuances + by_client.unwrap().issuances, 200, "each once");
        }
    }

    /// What is held in one transaction cannot be taken away by another until it is over.
    async fn a_client_that_is_held_stays_active_until_the_transaction_ends(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        for name in ["a", "b", "off"] {
            in_transaction!(rows, it => client::insert(it, &new_client(name))).unwrap();
        }
        let off = ClientStatus::Suspended;
        in_transaction!(rows, it => client::set_status(it, "off", off, at(1))).unwrap();
        let other = rows.again().await;
        let written = async {
            in_transaction!(rows, it => async move {
                let ids = ["b", "a", "off", "none"].map(str::to_owned).to_vec();
                let held = parties::hold(it, ids, vec![]).await?.clients;
                tokio::time::sleep(std::time::Duration::from_millis(150)).await;
                let seen = client::find(it, "a").await?.map(|client| client.status);
                issuance::insert_all(it, vec![NewIssuance { client_id: "a".to_owned(), ..new_issuance(1, None, &[]) }]).await?;
                Ok((held, seen))
            })
        };
        let revoked_meanwhile = async {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            in_transaction!(other, it => async move {
                client::set_status(it, "a", ClientStatus::Revoked, at(2)).await?;
                cascade::revoke_client(it, "a", "client", at(2)).await
            })
        };
        let (written, reach) = tokio::join!(written, revoked_meanwhile);
        let (held, seen) = written.unwrap();
        let both = ["a", "b"].map(str::to_owned);
        assert_eq!((held, seen), (both.into(), Some(ClientStatus::Active)));
        assert_eq!(reach.unwrap().issuances, 1, "what was written meanwhile is reached");
    }

    async fn a_users_sessions_and_grants_are_counted_once(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        in_transaction!(rows, it => user::insert(it, new_user(1, "ada@example.com"))).unwrap();
        let enabled = in_transaction!(rows, it => user::hold_all_enabled(it, vec![id(2), id(1)]));
        assert_eq!(enabled.unwrap(), [id(1)]);
        in_transaction!(rows, it => user::set_disabled(it, id(1), Some(at(1)), at(1))).unwrap();
        let enabled = in_transaction!(rows, it => user::hold_all_enabled(it, vec![id(1)]));
        assert!(enabled.unwrap().is_empty());
        assert_eq!(in_transaction!(rows, it => session::revoke_of_user(it, id(1), at(1))).unwrap(), 0);
        let deletions = join_all((0..4).map(|_| {
            let rows = rows.clone();
            async move { in_transaction!(rows, it => user::delete(it, id(1))).unwrap() }
        }));
        assert_eq!(deletions.await.into_iter().filter(|mine| *mine).count(), 1);
    }
}
