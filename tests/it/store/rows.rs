//! Clients, resources, users, sessions, issuances and the audit log: what is written is what is
//! read, to the millisecond, and what is taken is taken.

use entities::audit_event::{self, Detail, NewEvent};
use entities::issuance::NewIssuance;
use entities::{
    Ids, Page, StoreError, Strings, catalog_version, client, issuance, resource, session, user,
};
use protocol::client::ClientStatus;
use protocol::resource::RuntimePolicy;

use crate::kit::on_both_databases;
use crate::kit::store::{
    Rows, at, id, in_transaction, new_client, new_issuance, new_resource, new_user, reading,
};

fn event(number: u128, milliseconds: i64) -> NewEvent {
    NewEvent {
        id: id(number),
        action: "token.issued",
        actor_id: None,
        client_id: Some("app".to_owned()),
        ip: Some("::1".to_owned()),
        detail: Detail::new().with("reason", "a \"quoted\" ☃"),
        trace_id: None,
        created_at: at(milliseconds),
    }
}

/// The row that an issuance becomes.
fn issued(new: NewIssuance) -> issuance::Model {
    issuance::Model {
        jti: new.jti,
        grant_type: new.grant_type.as_str().to_owned(),
        user_id: new.user_id,
        client_id: new.client_id,
        resource_ids: Ids(new.resource_ids),
        scopes: new.scopes.to_string(),
        family_id: new.family_id,
        jkt: new.jkt,
        issued_at: new.issued_at,
        expires_at: new.expires_at,
        revoked_at: None,
        revoked_reason: None,
        parent_jti: new.lineage.parent_jti,
        consent_client_id: new.lineage.consent_client_id,
        via_link: new.lineage.via_link,
        agent_chain: new.lineage.agent_chain.map(Strings),
    }
}

/// The row that an event becomes.
fn appended(new: NewEvent) -> audit_event::Model {
    audit_event::Model {
        id: new.id,
        action: new.action.to_owned(),
        actor_id: new.actor_id,
        client_id: new.client_id,
        ip: new.ip,
        detail: new.detail.as_str().to_owned(),
        trace_id: new.trace_id,
        created_at: new.created_at,
    }
}

on_both_databases! {
    async fn a_client_reads_back_exactly_and_its_id_is_taken_once(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let url = "https://app.example/client.json";
        for made in [new_client("app"), new_client(url)] {
            in_transaction!(rows, it => client::insert(it, &made)).unwrap();
        }
        let found = reading!(rows, db => client::find(&db, "app")).unwrap().unwrap();
        assert_eq!(found, new_client("app"));
        assert_eq!(reading!(rows, db => client::find(&db, "APP")).unwrap(), None);
        let all = client::Filter::default();
        for (limit, shown) in [(10, 2), (1, 1)] {
            let page = Page::first(limit);
            let (some, total) = reading!(rows, db => client::list(&db, all, page)).unwrap();
            assert_eq!((some.len(), total), (shown, 2));
        }
        let again = in_transaction!(rows, it => client::insert(it, &new_client(url)));
        assert!(matches!(again, Err(StoreError::Duplicate(_))), "{again:?}");

        let status = ClientStatus::Suspended;
        assert!(in_transaction!(rows, it => client::set_status(it, "app", status, at(9))).unwrap());
        assert!(!in_transaction!(rows, it => client::set_status(it, "b", status, at(9))).unwrap());
        let found = reading!(rows, db => client::find(&db, "app")).unwrap().unwrap();
        assert_eq!((found.status, found.updated_at, found.created_at), (status, at(9), at(0)));
    }

    async fn a_resource_reads_back_exactly_and_slug_and_uri_are_taken_once(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        for made in [new_resource(7, "mcp"), new_resource(8, "files")] {
            in_transaction!(rows, it => resource::insert(it, &made, at(0))).unwrap();
        }
        let all = reading!(rows, db => resource::all_mint(&db)).unwrap();
        assert_eq!(all, [new_resource(8, "files"), new_resource(7, "mcp")], "by slug");
        let mut same_uri = new_resource(9, "other");
        same_uri.uri = "https://mcp.example/mcp".to_owned();
        for taken in [new_resource(9, "mcp"), same_uri] {
            let again = in_transaction!(rows, it => resource::insert(it, &taken, at(0)));
            assert!(matches!(again, Err(StoreError::Duplicate(_))), "{again:?}");
        }
        let mut changed = new_resource(7, "mcp");
        changed.policy.runtime = RuntimePolicy { client_ids: vec!["guard".to_owned()] };
        let (known, unknown) = (changed.clone(), new_resource(99, "none"));
        assert!(in_transaction!(rows, it => resource::replace(it, &known, at(1))).unwrap());
        assert!(!in_transaction!(rows, it => resource::replace(it, &unknown, at(1))).unwrap());
        assert_eq!(reading!(rows, db => resource::all_mint(&db)).unwrap()[1], changed);
    }

    async fn a_user_reads_back_exactly_and_an_address_is_taken_once(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let ada = new_user(1, "ada@example.com");
        let made = ada.clone();
        in_transaction!(rows, it => user::insert(it, made)).unwrap();
        let again = in_transaction!(rows, it => user::insert(it, new_user(2, "ada@example.com")));
        assert!(matches!(again, Err(StoreError::Duplicate(_))), "{again:?}");
        let found = reading!(rows, db => user::find_by_email(&db, "ada@example.com")).unwrap();
        assert_eq!(found, Some(ada.clone()));
        let found = reading!(rows, db => user::find_by_email(&db, "ADA@example.com")).unwrap();
        assert_eq!(found, None);

        let disable = Some(at(5));
        for (number, known) in [(1, true), (9, false)] {
            let done = in_transaction!(rows, it =>
                user::set_disabled(it, id(number), disable, at(5)));
            assert_eq!(done.unwrap(), known);
        }
        let found = reading!(rows, db => user::find(&db, id(1))).unwrap();
        assert_eq!(found, Some(user::Model { disabled_at: disable, updated_at: at(5), ..ada }));
        for (disabled, shown) in [(None, 1), (Some(true), 1), (Some(false), 0)] {
            let which = user::Filter { disabled, ..user::Filter::default() };
            let list = reading!(rows, db => user::list(&db, which, Page::first(10))).unwrap();
            assert_eq!((list.0.len(), list.1), (shown, shown as u64));
        }
    }

    async fn a_session_lives_until_it_expires_or_is_ended(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        for number in 1..=3 {
            let session = session::Model {
                id_hash: vec![number; 32],
                user_id: id(u128::from(number / 3)),
                auth_time: at(-7),
                amr: entities::Strings(vec!["pwd".to_owned()]),
                expires_at: at(1000),
                revoked_at: None,
            };
            in_transaction!(rows, it => session::insert(it, session)).unwrap();
        }
        let live = |number: u8, now| {
            let rows = rows.clone();
            async move {
                reading!(rows, db => session::find_live(&db, &[number; 32], now)).unwrap()
            }
        };
        assert_eq!(live(1, at(999)).await.unwrap().auth_time, at(-7));
        assert_eq!(live(1, at(1000)).await, None);
        assert!(in_transaction!(rows, it => session::revoke(it, &[1; 32], at(1))).unwrap());
        assert!(!in_transaction!(rows, it => session::revoke(it, &[1; 32], at(2))).unwrap());
        assert_eq!(live(1, at(3)).await, None);
        assert!(live(2, at(3)).await.is_some());
        let ended = in_transaction!(rows, it => session::revoke_of_user(it, id(0), at(4)));
        assert_eq!(ended.unwrap(), 1);
        assert_eq!(live(2, at(5)).await, None);
        assert!(live(3, at(5)).await.is_some());
    }

    async fn many_issuances_are_written_in_one_statement_or_not_at_all(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let many: Vec<_> = (1..=300).map(|number| new_issuance(number, Some(5), &[7, 8])).collect();
        in_transaction!(rows, it => issuance::insert_all(it, many)).unwrap();
        in_transaction!(rows, it => issuance::insert_all(it, Vec::new())).unwrap();
        let wanted = vec![id(1), id(300), id(301)];
        let mut found = reading!(rows, db => issuance::find_all(&db, wanted)).unwrap();
        found.sort_unstable_by_key(|row| row.jti);
        let expected: Vec<issuance::Model> =
            [1, 300].map(|number| issued(new_issuance(number, Some(5), &[7, 8]))).into();
        assert_eq!(found, expected);

        let clash = vec![new_issuance(301, None, &[]), new_issuance(1, None, &[])];
        let refused = in_transaction!(rows, it => issuance::insert_all(it, clash));
        assert!(matches!(refused, Err(StoreError::Duplicate(_))), "{refused:?}");
        assert_eq!(reading!(rows, db => issuance::find_all(&db, vec![id(301)])).unwrap(), []);
    }

    async fn the_audit_log_reads_newest_first(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let batch = vec![event(1, 10), event(3, 20), event(2, 20)];
        in_transaction!(rows, it => audit_event::append(it, batch)).unwrap();
        in_transaction!(rows, it => audit_event::append(it, Vec::new())).unwrap();
        let newest = reading!(rows, db => audit_event::newest(&db, 2)).unwrap();
        assert_eq!(newest, [appended(event(3, 20)), appended(event(2, 20))]);
    }

    /// Somebody else decides how long what they send is.
    async fn a_long_detail_is_kept_to_four_kilobytes_of_whole_characters(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        for (number, head) in ["a", "ab"].into_iter().enumerate() {
            let number = u128::try_from(number).unwrap();
            let detail = Detail::new().with(head, "é".repeat(5 * 1024));
            let (whole, new) = (detail.as_str().to_owned(), NewEvent { detail, ..event(number, 0) });
            in_transaction!(rows, it => audit_event::append(it, vec![new])).unwrap();
            let newest = reading!(rows, db => audit_event::newest(&db, 1)).unwrap();
            let kept = &newest[0].detail;
            assert!((4095..=4096).contains(&kept.len()), "{}", kept.len());
            assert!(whole.starts_with(kept.as_str()), "{kept}");
        }
    }

    async fn the_catalog_version_moves_by_one_for_each_change(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let before = reading!(rows, db => catalog_version::read(&db)).unwrap();
        for _ in 0..3 {
            in_transaction!(rows, it => catalog_version::advance(it)).unwrap();
        }
        assert_eq!(reading!(rows, db => catalog_version::read(&db)).unwrap(), before + 3);
    }
}
