//! Authorization requests and codes: claimed once.

use chrono::{DateTime, Utc};
use entities::authorization_code::{self, Claim, Holder, Model, NewCode};
use entities::authorization_request::{self, NewRequest};
use entities::{ConnectionTrait, StoreError};
use futures::future::join_all;
use uuid::Uuid;

use crate::kit::on_both_databases;
use crate::kit::store::{Rows, at, id, in_transaction, new_request, reading};

fn new_code(hash: u8, user: u128, client: &str) -> NewCode {
    let mut request = new_request();
    request.client_id = client.to_owned();
    NewCode {
        code_hash: [hash; 32],
        user_id: id(user),
        request,
        auth_time: at(-5),
        amr: vec!["pwd".to_owned(), "otp".to_owned()],
        expires_at: at(60_000),
    }
}

/// The row of one code.
async fn find<C: ConnectionTrait>(db: &C, hash: &[u8; 32]) -> Result<Option<Model>, StoreError> {
    Ok(authorization_code::hold_all(db, vec![hash.to_vec()]).await?.pop())
}

/// Claims one code.
async fn redeem<C: ConnectionTrait>(
    db: &C,
    hash: &[u8; 32],
    family_id: Option<Uuid>,
    jti: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let claim = Claim { code_hash: hash.to_vec(), family_id, jti };
    let claimed = authorization_code::redeem_all(db, &[claim], now).await?;
    assert!(claimed.iter().all(|claimed| claimed[..] == hash[..]));
    Ok(claimed.len() == 1)
}

fn open_request() -> NewRequest {
    NewRequest {
        id: id(3),
        browser_hash: [9; 32],
        request: new_request(),
        created_at: at(0),
        expires_at: at(600_000),
    }
}

on_both_databases! {
    /// `state` is whatever the client likes; that it is the id of a resource means nothing.
    async fn a_code_is_for_the_resources_of_its_request_and_for_no_other_id_in_it(
        backend: Backend
    ) {
        let rows = Rows::migrated(backend).await;
        let mut request = new_request();
        request.state = Some(format!("back to {}", id(8)));
        let code = NewCode {
            code_hash: [1; 32], user_id: id(1), request, auth_time: at(0), amr: Vec::new(),
            expires_at: at(60_000),
        };
        in_transaction!(rows, it => authorization_code::insert(it, code)).unwrap();
        for (resource, expected) in [(8, 0), (7, 1)] {
            let resource = Holder::Resource(id(resource));
            let revoked = in_transaction!(rows, it =>
                authorization_code::revoke_pending(it, resource, at(1)));
            assert_eq!(revoked.unwrap(), expected);
        }
    }

    async fn a_code_reads_back_exactly_as_it_was_written(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        in_transaction!(rows, it => authorization_code::insert(it, new_code(1, 1, "app"))).unwrap();
        let code = reading!(rows, db => find(&db, &[1; 32])).unwrap().unwrap();
        assert_eq!(code.request().unwrap(), new_request());
        assert_eq!((code.auth_time, code.expires_at), (at(-5), at(60_000)));
        assert_eq!(code.amr.0, ["pwd", "otp"]);
        assert_eq!((code.user_id, code.client_id.as_str()), (id(1), "app"));
        assert_eq!((code.redeemed_at, code.revoked_at), (None, None));
        assert_eq!((code.family_id, code.jti), (None, None));
        assert_eq!(reading!(rows, db => find(&db, &[2; 32])).unwrap(), None);
        let again = in_transaction!(rows, it =>
            authorization_code::insert(it, new_code(1, 2, "b")));
        assert!(matches!(again, Err(StoreError::Duplicate(_))), "{again:?}");
    }

    async fn of_many_who_claim_a_code_one_does(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        in_transaction!(rows, it => authorization_code::insert(it, new_code(1, 1, "app"))).unwrap();
        let replica = rows.again().await;
        let claims = (0..40).map(|n: u128| {
            let rows = if n.is_multiple_of(2) { rows.clone() } else { replica.clone() };
            async move {
                let jti = id(100 + n);
                let claim = in_transaction!(rows, it =>
                    redeem(it, &[1; 32], Some(id(n)), jti, at(1)));
                claim.unwrap().then_some((id(n), jti))
            }
        });
        let winners: Vec<_> = join_all(claims).await.into_iter().flatten().collect();
        let [(family, jti)] = winners.try_into().unwrap();
        let code = reading!(rows, db => find(&db, &[1; 32])).unwrap().unwrap();
        assert_eq!((code.family_id, code.jti), (Some(family), Some(jti)));
        assert_eq!(code.redeemed_at, Some(at(1)));
    }

    async fn a_code_that_is_expired_revoked_or_unknown_cannot_be_claimed(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        for hash in [1, 2] {
            in_transaction!(rows, it => authorization_code::insert(it, new_code(hash, 1, "app")))
                .unwrap();
        }
        let late = in_transaction!(rows, it =>
            redeem(it, &[1; 32], None, id(9), at(60_000)));
        assert!(!late.unwrap(), "at the very millisecond it expires");
        let unknown = in_transaction!(rows, it =>
            redeem(it, &[3; 32], None, id(9), at(1)));
        assert!(!unknown.unwrap());
        let revoked = in_transaction!(rows, it =>
            authorization_code::revoke_pending(it, Holder::User(id(1)), at(1)));
        assert_eq!(revoked.unwrap(), 2);
        let after = in_transaction!(rows, it =>
            redeem(it, &[2; 32], None, id(9), at(2)));
        assert!(!after.unwrap());
    }

    async fn pending_codes_are_revoked_by_user_and_client_and_redeemed_ones_stay(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        for (hash, user, client) in [(1, 1, "app"), (2, 1, "app"), (3, 1, "b"), (4, 2, "app")] {
            let code = new_code(hash, user, client);
            in_transaction!(rows, it => authorization_code::insert(it, code))
                .unwrap();
        }
        in_transaction!(rows, it => redeem(it, &[1; 32], None, id(9), at(1)))
            .unwrap();
        let of_app = in_transaction!(rows, it =>
            authorization_code::revoke_pending(it, Holder::UserAtClient(id(1), "app", id(7)), at(2)));
        assert_eq!(of_app.unwrap(), 1);
        let of_user = in_transaction!(rows, it =>
            authorization_code::revoke_pending(it, Holder::User(id(1)), at(3)));
        assert_eq!(of_user.unwrap(), 1);
        let of_client = in_transaction!(rows, it =>
            authorization_code::revoke_pending(it, Holder::Client("app"), at(4)));
        assert_eq!(of_client.unwrap(), 1, "the other user's");
        let mut revoked = Vec::new();
        for hash in 1..=4 {
            let code = reading!(rows, db => find(&db, &[hash; 32]));
            revoked.push(code.unwrap().unwrap().revoked_at);
        }
        assert_eq!(revoked, [None, Some(at(2)), Some(at(3)), Some(at(4))]);
    }

    async fn a_request_is_found_by_its_own_browser_in_time_and_decided_once(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        in_transaction!(rows, it => authorization_request::insert(it, open_request())).unwrap();
        let find = |browser: [u8; 32], now| {
            let rows = rows.clone();
            async move {
                reading!(rows, db => authorization_request::find_open(&db, id(3), &browser, now))
                    .unwrap()
            }
        };
        let found = find([9; 32], at(599_999)).await.unwrap();
        assert_eq!(found.request().unwrap(), new_request());
        assert_eq!((found.created_at, found.expires_at), (at(0), at(600_000)));
        assert_eq!(find([8; 32], at(1)).await, None, "another browser");
        assert_eq!(find([9; 32], at(600_000)).await, None, "too late");

        let decide = |browser: [u8; 32], now| {
            let rows = rows.clone();
            async move {
                in_transaction!(rows, it => authorization_request::decide(it, id(3), &browser, now))
                    .unwrap()
            }
        };
        assert!(!decide([8; 32], at(1)).await);
        assert!(!decide([9; 32], at(600_000)).await);
        let decided = join_all((0..20).map(|_| decide([9; 32], at(1)))).await;
        assert_eq!(decided.into_iter().filter(|mine| *mine).count(), 1);
        assert_eq!(find([9; 32], at(2)).await, None, "decided");
    }
}
