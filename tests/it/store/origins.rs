//! What stands behind tokens that others are wanted for, of exactly those that are not revoked.

use entities::issuance::{self, Origin};
use entities::{Ids, cascade, client, family, user};

use crate::kit::database::Backend;
use crate::kit::on_both_databases;
use crate::kit::store::{
    Rows, at, id, in_transaction, new_client, new_family, new_issuance, new_user, reading,
};

/// Ada at the app: one token of a family, two without.
async fn populated(backend: Backend) -> Rows {
    let rows = Rows::migrated(backend).await;
    in_transaction!(rows, it => client::insert(it, &new_client("app"))).unwrap();
    in_transaction!(rows, it => user::insert(it, new_user(1, "ada@example.com"))).unwrap();
    in_transaction!(rows, it => family::insert(it, new_family(5))).unwrap();
    let tokens =
        [new_issuance(2, Some(5), &[7]), new_issuance(3, None, &[7]), new_issuance(4, None, &[])];
    in_transaction!(rows, it => issuance::insert_all(it, tokens.to_vec())).unwrap();
    rows
}

async fn origins(rows: &Rows, jtis: &[u128]) -> Vec<Origin> {
    let jtis = jtis.iter().copied().map(id).collect();
    in_transaction!(rows, it => issuance::hold_unrevoked(it, jtis)).unwrap()
}

on_both_databases! {
    async fn what_stands_behind_each_is_found_in_the_order_of_their_ids(backend: Backend) {
        let rows = populated(backend).await;
        let found = origins(&rows, &[4, 3, 99, 2]).await;
        let seen: Vec<_> = found
            .iter()
            .map(|it| (it.jti, it.user_id, it.client_id.as_str(), it.resource_ids.clone()))
            .collect();
        let ada = Some(id(1));
        assert_eq!(seen, [
            (id(2), ada, "app", Ids(vec![id(7)])),
            (id(3), ada, "app", Ids(vec![id(7)])),
            (id(4), ada, "app", Ids(Vec::new())),
        ]);
        let family = reading!(rows, db => family::find(&db, id(5))).unwrap().unwrap();
        assert_eq!(found[0].tip_ends_at, Some(family.expires_at));
        assert_eq!(found[0].family_ends_at, Some(family.absolute_expires_at));
        assert_eq!((found[1].tip_ends_at, found[1].family_ends_at), (None, None));
        assert!(found.iter().all(|it| it.grant_type == "authorization_code"));
        assert!(origins(&rows, &[]).await.is_empty());
    }

    async fn a_token_that_was_revoked_is_not_among_them(backend: Backend) {
        let rows = populated(backend).await;
        in_transaction!(rows, it => cascade::revoke_issuance(it, id(3), "x", at(1))).unwrap();
        in_transaction!(rows, it => cascade::revoke_family(it, id(5), "x", at(1))).unwrap();
        let found = origins(&rows, &[2, 3, 4]).await;
        assert_eq!(found.iter().map(|it| it.jti).collect::<Vec<_>>(), [id(4)]);
    }
}
