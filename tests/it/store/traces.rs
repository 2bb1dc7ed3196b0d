//! What stands behind tokens that others are wanted for: found of exactly those that are good, and
//! each time what was asked.

use std::collections::HashSet;

use entities::issuance::{self, Origin};
use entities::{Ids, cascade, client, consent_grant, family, user};
use protocol::client::ClientStatus;

use crate::kit::database::Backend;
use crate::kit::on_both_databases;
use crate::kit::store::{
    Rows, at, id, in_transaction, new_client, new_family, new_issuance, new_user, reading,
};

fn grant(number: u128, resource: u128, scopes: &str) -> consent_grant::Model {
    consent_grant::Model {
        id: id(number),
        user_id: id(1),
        client_id: "app".to_owned(),
        resource_id: id(resource),
        scopes: scopes.to_owned(),
        created_at: at(0),
        updated_at: at(0),
        revoked_at: None,
    }
}

/// Ada at the app: one token of a family, two without; she agreed about resource 8, and no more
/// about 9.
async fn populated(backend: Backend) -> Rows {
    let rows = Rows::migrated(backend).await;
    in_transaction!(rows, it => client::insert(it, &new_client("app"))).unwrap();
    in_transaction!(rows, it => user::insert(it, new_user(1, "ada@example.com"))).unwrap();
    in_transaction!(rows, it => family::insert(it, new_family(5))).unwrap();
    let tokens =
        [new_issuance(2, Some(5), &[7]), new_issuance(3, None, &[7]), new_issuance(4, None, &[])];
    in_transaction!(rows, it => issuance::insert_all(it, tokens.to_vec())).unwrap();
    in_transaction!(rows, it => consent_grant::upsert(it, grant(20, 8, "read write"))).unwrap();
    in_transaction!(rows, it => consent_grant::upsert(it, grant(21, 9, "read"))).unwrap();
    in_transaction!(rows, it => consent_grant::revoke(it, id(21), at(1))).unwrap();
    rows
}

async fn traced(rows: &Rows, jtis: &[u128], resources: &[u128]) -> Vec<Origin> {
    let ids = |numbers: &[u128]| numbers.iter().copied().map(id).collect();
    let (jtis, resources) = (ids(jtis), ids(resources));
    let mut found = reading!(rows, db => issuance::trace_all(&db, jtis, resources)).unwrap();
    found.sort_by_key(|origin| (origin.jti, origin.agreed_about));
    found
}

on_both_databases! {
    async fn what_was_asked_about_each_token_is_answered(backend: Backend) {
        let rows = populated(backend).await;
        in_transaction!(rows, it => consent_grant::upsert(it, grant(22, 10, "admin"))).unwrap();
        let found = traced(&rows, &[2, 3, 4, 99], &[8, 9, 10]).await;
        let seen: Vec<_> = found
            .iter()
            .map(|it| (it.jti, it.agreed_about, it.agreed.as_deref(), it.resource_ids.0.len()))
            .collect();
        let (about_8, about_10) = ((Some(id(8)), Some("read write")), (Some(id(10)), Some("admin")));
        assert_eq!(seen, [
            (id(2), about_8.0, about_8.1, 1),
            (id(2), about_10.0, about_10.1, 1),
            (id(3), about_8.0, about_8.1, 1),
            (id(3), about_10.0, about_10.1, 1),
            (id(4), about_8.0, about_8.1, 0),
            (id(4), about_10.0, about_10.1, 0),
        ]);
        assert_eq!((found[0].user_id, found[0].resource_ids.clone()), (Some(id(1)), Ids(vec![id(7)])));
        let family = reading!(rows, db => family::find(&db, id(5))).unwrap().unwrap();
        assert_eq!(found[0].tip_ends_at, Some(family.expires_at));
        assert_eq!(found[0].family_ends_at, Some(family.absolute_expires_at));
        assert_eq!((found[2].tip_ends_at, found[2].family_ends_at), (None, None));
    }

    async fn where_nothing_was_agreed_to_the_token_is_found_all_the_same(backend: Backend) {
        let rows = populated(backend).await;
        for resources in [&[][..], &[9], &[77]] {
            let found = traced(&rows, &[2], resources).await;
            assert_eq!(found.len(), 1, "{resources:?}");
            assert_eq!((found[0].jti, found[0].agreed_about, &found[0].agreed), (id(2), None, &None));
        }
    }

    async fn a_token_is_traced_exactly_when_it_is_good(backend: Backend) {
        let rows = populated(backend).await;
        macro_rules! agree {
            ($expected:expr) => {
                let found = traced(&rows, &[2, 3, 4], &[8]).await;
                let found: HashSet<_> = found.into_iter().map(|it| it.jti).collect();
                let wanted = vec![id(2), id(3), id(4)];
                let good = reading!(rows, db => issuance::find_good(&db, wanted)).unwrap();
                assert_eq!(found, good.into_iter().collect());
                assert_eq!(found.len(), $expected);
            };
        }
        agree!(3);
        in_transaction!(rows, it =>
            client::set_status(it, "app", ClientStatus::Suspended, at(1))).unwrap();
        agree!(0);
        in_transaction!(rows, it =>
            client::set_status(it, "app", ClientStatus::Active, at(1))).unwrap();
        agree!(3);
        in_transaction!(rows, it => user::set_disabled(it, id(1), Some(at(1)), at(1))).unwrap();
        agree!(0);
        in_transaction!(rows, it => user::set_disabled(it, id(1), None, at(1))).unwrap();
        in_transaction!(rows, it => cascade::revoke_issuance(it, id(3), "x", at(1))).unwrap();
        agree!(2);
    }
}
