//! What each act of revocation reaches, row by row.

use entities::cascade::{self, Reach};
use entities::issuance::{self, Lineage, NewIssuance};
use entities::{Page, client, consent_grant, family, session, user};
use protocol::client::ClientStatus;
use uuid::Uuid;

use crate::kit::on_both_databases;
use crate::kit::store::{
    Rows, at, id, in_transaction, new_client, new_family, new_issuance, new_user, reading,
};

const APP_HERE: u128 = 10;
const APP_ELSEWHERE: u128 = 11;
const OTHER_APP: u128 = 12;
const OTHER_USER: u128 = 13;

/// Families of one user at two resources and two clients, and of another user; a token each.
async fn populated(backend: crate::kit::Backend) -> Rows {
    let rows = Rows::migrated(backend).await;
    let of = |number, user: u128, client: &str, resource: u128| family::Model {
        user_id: id(user),
        client_id: client.to_owned(),
        resource_ids: entities::Ids(vec![id(resource)]),
        ..new_family(number)
    };
    for family in [
        of(APP_HERE, 1, "app", 7),
        of(APP_ELSEWHERE, 1, "app", 8),
        of(OTHER_APP, 1, "other", 7),
        of(OTHER_USER, 2, "app", 7),
    ] {
        let token = NewIssuance {
            user_id: Some(family.user_id),
            client_id: family.client_id.clone(),
            resource_ids: family.resource_ids.0.clone(),
            ..new_issuance(family.id.as_u128() + 100, Some(family.id.as_u128()), &[])
        };
        in_transaction!(rows, it => family::insert(it, family)).unwrap();
        in_transaction!(rows, it => issuance::insert_all(it, vec![token])).unwrap();
    }
    rows
}

/// Which of the four families are revoked, and that their tokens are exactly as revoked.
async fn revoked(rows: &Rows) -> Vec<u128> {
    let mut revoked = Vec::new();
    for number in [APP_HERE, APP_ELSEWHERE, OTHER_APP, OTHER_USER] {
        let family = reading!(rows, db => family::find(&db, id(number))).unwrap().unwrap();
        let token = reading!(rows, db => issuance::find_all(&db, vec![id(number + 100)]));
        let token = token.unwrap().pop().unwrap();
        assert_eq!(family.revoked_at, token.revoked_at);
        assert_eq!(family.revoked_reason, token.revoked_reason);
        revoked.extend(family.revoked_at.map(|_| number));
    }
    revoked
}

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

/// A token for a resource that another client got in exchange for one of the user's.
fn exchanged(number: u128, resource: u128, lineage: Lineage) -> NewIssuance {
    let client_id = "gateway".to_owned();
    NewIssuance { client_id, lineage, ..new_issuance(number, None, &[resource]) }
}

/// Those of these tokens that are revoked.
async fn fallen(rows: &Rows, of: impl Iterator<Item = u128>) -> Vec<u128> {
    let jtis = of.map(id).collect();
    let found = reading!(rows, db => issuance::find_all(&db, jtis)).unwrap();
    let fallen = found.iter().filter(|row| row.revoked_at.is_some());
    let mut fallen: Vec<u128> = fallen.map(|row| row.jti.as_u128()).collect();
    fallen.sort_unstable();
    fallen
}

on_both_databases! {
    async fn a_family_falls_with_its_tokens_and_once(backend: Backend) {
        let rows = populated(backend).await;
        let once = in_transaction!(rows, it =>
            cascade::revoke_family(it, id(APP_HERE), "why", at(1)));
        assert_eq!(once.unwrap(), Reach { families: 1, issuances: 1 });
        let twice = in_transaction!(rows, it =>
            cascade::revoke_family(it, id(APP_HERE), "x", at(2)));
        assert_eq!(twice.unwrap(), Reach::default());
        assert_eq!(revoked(&rows).await, [APP_HERE]);
        let family = reading!(rows, db => family::find(&db, id(APP_HERE))).unwrap().unwrap();
        assert_eq!(family.revoked_at, Some(at(1)));
        assert_eq!(family.revoked_reason.as_deref(), Some("why"));
    }

    async fn one_token_falls_alone(backend: Backend) {
        let rows = populated(backend).await;
        let reach = in_transaction!(rows, it =>
            cascade::revoke_issuance(it, id(110), "why", at(1)));
        assert_eq!(reach.unwrap(), Reach { families: 0, issuances: 1 });
        let family = reading!(rows, db => family::find(&db, id(APP_HERE))).unwrap().unwrap();
        assert_eq!(family.revoked_at, None);
    }

    async fn a_users_everything_falls_with_the_user(backend: Backend) {
        let rows = populated(backend).await;
        let session = session::Model {
            id_hash: vec![1; 32],
            user_id: id(1),
            auth_time: at(0),
            amr: entities::Strings(Vec::new()),
            expires_at: at(100_000),
            revoked_at: None,
        };
        in_transaction!(rows, it => session::insert(it, session)).unwrap();
        assert!(reading!(rows, db => session::find_live(&db, &[1; 32], at(1))).unwrap().is_some());
        let reach = in_transaction!(rows, it => cascade::revoke_user(it, id(1), "why", at(1)));
        assert_eq!(reach.unwrap(), Reach { families: 3, issuances: 3 });
        assert_eq!(revoked(&rows).await, [APP_HERE, APP_ELSEWHERE, OTHER_APP]);
        assert!(reading!(rows, db => session::find_live(&db, &[1; 32], at(1))).unwrap().is_none());
    }

    async fn a_clients_everything_falls_with_the_client(backend: Backend) {
        let rows = populated(backend).await;
        let reach = in_transaction!(rows, it => cascade::revoke_client(it, "app", "why", at(1)));
        assert_eq!(reach.unwrap(), Reach { families: 3, issuances: 3 });
        assert_eq!(revoked(&rows).await, [APP_HERE, APP_ELSEWHERE, OTHER_USER]);
    }

    async fn a_consent_grant_takes_what_rests_on_it(backend: Backend) {
        let rows = populated(backend).await;
        for grant in [grant(20, 7, "read"), grant(21, 8, "read")] {
            in_transaction!(rows, it => consent_grant::upsert(it, grant)).unwrap();
        }
        let unknown = in_transaction!(rows, it =>
            cascade::revoke_consent_grant(it, id(99), "why", at(1)));
        assert_eq!(unknown.unwrap(), None);
        let reach = in_transaction!(rows, it =>
            cascade::revoke_consent_grant(it, id(20), "why", at(1)));
        assert_eq!(reach.unwrap(), Some(Reach { families: 1, issuances: 1 }));
        assert_eq!(revoked(&rows).await, [APP_HERE]);
        let again = in_transaction!(rows, it =>
            cascade::revoke_consent_grant(it, id(20), "why", at(2)));
        assert_eq!(again.unwrap(), None);
    }

    /// What others got in exchange for the client's tokens rests on the consent with it.
    async fn a_consent_grant_takes_what_others_got_on_the_strength_of_it(backend: Backend) {
        let rows = populated(backend).await;
        in_transaction!(rows, it => consent_grant::upsert(it, grant(20, 7, "read"))).unwrap();
        let resting = |number, client: &str, resource| exchanged(number, resource, Lineage {
            parent_jti: Some(id(111)),
            consent_client_id: Some(client.to_owned()),
            ..Lineage::default()
        });
        // For the resource with that client; what came of it; and what rests on other consent.
        let tokens = vec![
            resting(200, "app", 7),
            exchanged(201, 9, Lineage { parent_jti: Some(id(200)), ..Lineage::default() }),
            resting(202, "app", 8),
            resting(203, "other", 7),
            NewIssuance { user_id: Some(id(2)), ..resting(204, "app", 7) },
        ];
        in_transaction!(rows, it => issuance::insert_all(it, tokens)).unwrap();
        let reach = in_transaction!(rows, it =>
            cascade::revoke_consent_grant(it, id(20), "why", at(1)));
        assert_eq!(reach.unwrap(), Some(Reach { families: 1, issuances: 3 }));
        assert_eq!(fallen(&rows, 200..=204).await, [200, 201]);
    }

    async fn a_link_takes_what_was_issued_by_way_of_it(backend: Backend) {
        let rows = populated(backend).await;
        let via = |number, link| exchanged(number, 8, Lineage {
            parent_jti: Some(id(110)),
            via_link: Some(id(link).to_string()),
            agent_chain: Some(vec!["app".to_owned(), "https://gateway.example/☃ \"".to_owned()]),
            ..Lineage::default()
        });
        let offspring = Lineage { parent_jti: Some(id(200)), ..Lineage::default() };
        let tokens = vec![via(200, 77), via(201, 78), exchanged(202, 9, offspring)];
        let written = via(200, 77).lineage.agent_chain;
        in_transaction!(rows, it => issuance::insert_all(it, tokens)).unwrap();
        let found = reading!(rows, db => issuance::find_all(&db, vec![id(200)])).unwrap();
        assert_eq!(found[0].agent_chain.clone().map(|chain| chain.0), written);
        let reach = in_transaction!(rows, it => cascade::revoke_via_link(it, id(77), "why", at(1)));
        assert_eq!(reach.unwrap(), Reach { families: 0, issuances: 2 });
        assert_eq!(fallen(&rows, 200..=202).await, [200, 202]);
        assert_eq!(revoked(&rows).await, [0; 0], "what it came of stays");
        let again = in_transaction!(rows, it => cascade::revoke_via_link(it, id(77), "x", at(2)));
        assert_eq!(again.unwrap(), Reach::default());
    }

    /// One row per user, client and resource, however often the user agrees.
    async fn agreeing_again_changes_the_one_row_and_brings_it_back(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        in_transaction!(rows, it => consent_grant::upsert(it, grant(20, 7, "read"))).unwrap();
        in_transaction!(rows, it => consent_grant::upsert(it, grant(21, 8, "list"))).unwrap();
        assert!(in_transaction!(rows, it => consent_grant::revoke(it, id(20), at(1))).unwrap());
        assert!(!in_transaction!(rows, it => consent_grant::revoke(it, id(20), at(2))).unwrap());
        let live = reading!(rows, db => consent_grant::live(&db, id(1), "app")).unwrap();
        assert_eq!(live.iter().map(|grant| grant.id).collect::<Vec<_>>(), [id(21)]);

        let anew = consent_grant::Model {
            created_at: at(5),
            updated_at: at(5),
            ..grant(22, 7, "read write")
        };
        in_transaction!(rows, it => consent_grant::upsert(it, anew)).unwrap();
        let all = reading!(rows, db => consent_grant::of_user(&db, id(1), Page::first(10))).unwrap().0;
        assert_eq!(all.iter().map(|grant| grant.id).collect::<Vec<_>>(), [id(20), id(21)]);
        let expected = consent_grant::Model { updated_at: at(5), ..grant(20, 7, "read write") };
        assert_eq!(all[0], expected, "the first id and date stay");
    }

    async fn a_token_is_good_while_it_its_client_and_its_user_are(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        in_transaction!(rows, it => client::insert(it, &new_client("app"))).unwrap();
        in_transaction!(rows, it => user::insert(it, new_user(1, "ada@example.com"))).unwrap();
        let machine = NewIssuance { user_id: None, ..new_issuance(3, None, &[7]) };
        let foreign = NewIssuance { client_id: "gone".to_owned(), ..new_issuance(4, None, &[7]) };
        let orphan = NewIssuance { user_id: Some(id(9)), ..new_issuance(5, None, &[7]) };
        let all = vec![new_issuance(2, None, &[7]), machine, foreign, orphan];
        in_transaction!(rows, it => issuance::insert_all(it, all)).unwrap();
        let good = || {
            let rows = rows.clone();
            async move {
                let jtis: Vec<Uuid> = (2..=6).map(id).collect();
                let good = reading!(rows, db => issuance::find_good(&db, jtis)).unwrap();
                let mut good: Vec<u128> = good.iter().map(Uuid::as_u128).collect();
                good.sort_unstable();
                good
            }
        };
        assert_eq!(good().await, [2, 3]);
        in_transaction!(rows, it => user::set_disabled(it, id(1), Some(at(1)), at(1))).unwrap();
        assert_eq!(good().await, [3]);
        in_transaction!(rows, it => user::set_disabled(it, id(1), None, at(2))).unwrap();
        for (status, expected) in [
            (ClientStatus::Suspended, [].as_slice()),
            (ClientStatus::Active, &[2, 3]),
            (ClientStatus::Revoked, &[]),
        ] {
            in_transaction!(rows, it => client::set_status(it, "app", status, at(3))).unwrap();
            assert_eq!(good().await, expected, "{status}");
        }
    }
}
