//! Revocations among rows that outlive their tokens by a month, and among each other.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use entities::cascade::{self, Reach};
use entities::issuance::{self, Lineage, NewIssuance};
use entities::{authorization_code, family};

use crate::kit::behind::execute;
use crate::kit::store::{
    Rows, at, id, in_transaction, new_family, new_issuance, new_request, reading,
};
use crate::kit::{Backend, on_both_databases};

/// A month after the tokens of [`long_ago`] were issued.
const NOW: i64 = 30 * 24 * 60 * 60 * 1000;

/// A token that expired long before [`NOW`].
fn long_ago(number: u128) -> NewIssuance {
    new_issuance(number, None, &[7])
}

/// A token of another client that works at [`NOW`].
fn fresh(number: u128) -> NewIssuance {
    NewIssuance {
        client_id: "other".to_owned(),
        expires_at: at(NOW + 100_000),
        ..new_issuance(number, None, &[8])
    }
}

fn exchanged(token: NewIssuance, from: u128) -> NewIssuance {
    let lineage = Lineage { parent_jti: Some(id(from)), ..Lineage::default() };
    NewIssuance { lineage, ..token }
}

async fn write(rows: &Rows, tokens: Vec<NewIssuance>) {
    in_transaction!(rows, it => issuance::insert_all(it, tokens)).unwrap();
}

async fn revoked_among(rows: &Rows, numbers: &[u128]) -> BTreeSet<u128> {
    let jtis = numbers.iter().copied().map(id).collect();
    let found = reading!(rows, db => issuance::find_all(&db, jtis)).unwrap();
    found.into_iter().filter(|row| row.revoked_at.is_some()).map(|row| row.jti.as_u128()).collect()
}

/// Copies the token 300 000 times, each copy under an id of its own.
async fn multiply(rows: &Rows, backend: Backend, number: u128) {
    let (jti, series) = match backend {
        Backend::Sqlite => (
            "randomblob(16)",
            "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) \
             SELECT i FROM n) AS series",
        ),
        Backend::Postgres => ("gen_random_uuid()", "generate_series(1, 100000) AS series"),
    };
    let one = match backend {
        Backend::Sqlite => format!("x'{}'", id(number).simple()),
        Backend::Postgres => format!("'{}'", id(number)),
    };
    let copy = format!(
        "INSERT INTO issuances (jti, grant_type, user_id, client_id, resource_ids, scopes, \
         issued_at, expires_at) SELECT {jti}, grant_type, user_id, client_id, resource_ids, scopes, \
         issued_at, expires_at FROM issuances CROSS JOIN {series} WHERE issuances.jti = {one}"
    );
    for _ in 0..3 {
        assert_eq!(execute(&rows.store, &copy).await.unwrap(), 100_000);
    }
}

on_both_databases! {
    /// A client that asks for tokens all day has hundreds of times as many rows as tokens
    /// that work. Were they all written, no transaction would be long enough.
    async fn a_client_with_a_month_of_tokens_is_revoked_at_once(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        write(&rows, vec![long_ago(1)]).await;
        multiply(&rows, backend, 1).await;
        let of_the_client =
            NewIssuance { client_id: "app".to_owned(), resource_ids: vec![id(7)], ..fresh(2) };
        write(&rows, vec![of_the_client, exchanged(fresh(3), 1), exchanged(fresh(4), 3)]).await;
        let bystander = NewIssuance { resource_ids: vec![id(7)], ..fresh(5) };
        write(&rows, vec![bystander]).await;

        let begun = Instant::now();
        let live = reading!(rows, db => cascade::live_of_client(&db, "app", at(NOW))).unwrap();
        assert_eq!(live, Reach { families: 0, issuances: 1 });
        let reach = in_transaction!(rows, it => cascade::revoke_client(it, "app", "why", at(NOW)));
        assert_eq!(reach.unwrap(), Reach { families: 0, issuances: 3 });
        assert_eq!(revoked_among(&rows, &[1, 2, 3, 4, 5]).await, [2, 3, 4].into());
        let went = in_transaction!(rows, it =>
            cascade::revoke_resource(it, id(7), Vec::new(), "why", at(NOW)));
        assert_eq!(went.unwrap().live, Reach { families: 0, issuances: 1 });
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(6), "it took {took:?}");

        let all = reading!(rows, db => issuance::count_revoked(&db)).unwrap();
        assert_eq!(all, 4, "what is over stays as it was");
    }

    /// What was exchanged may live longer than what it came of, and so may what came of that.
    async fn a_revocation_goes_through_tokens_that_are_over(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let mut all = vec![NewIssuance { family_id: Some(id(50)), ..long_ago(1) }];
        all.extend((2..=6).map(|n| exchanged(long_ago(n), n - 1)));
        all.extend([exchanged(fresh(7), 6), exchanged(fresh(8), 7), fresh(9)]);
        write(&rows, all).await;
        let family = family::Model { expires_at: at(NOW + 1), ..new_family(50) };
        in_transaction!(rows, it => family::insert(it, family)).unwrap();
        let reach = in_transaction!(rows, it => cascade::revoke_family(it, id(50), "why", at(NOW)));
        assert_eq!(reach.unwrap(), Reach { families: 1, issuances: 2 });
        // The first is over, and marked all the same: it is of the family.
        let every: Vec<u128> = (1..=9).collect();
        assert_eq!(revoked_among(&rows, &every).await, [1, 7, 8].into());
    }

    /// For a replica whose clock is a little behind, they still work.
    async fn what_ended_just_now_is_reached_all_the_same(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let mut tokens = vec![new_issuance(1, Some(50), &[7])];
        tokens.push(NewIssuance { expires_at: at(0), ..new_issuance(2, None, &[7]) });
        write(&rows, tokens).await;
        in_transaction!(rows, it => family::insert(it, new_family(50))).unwrap();
        let code = authorization_code::NewCode {
            code_hash: [1; 32], user_id: id(1), request: new_request(), auth_time: at(0),
            amr: Vec::new(), expires_at: at(100_000),
        };
        in_transaction!(rows, it => authorization_code::insert(it, code)).unwrap();
        let a_minute_later = at(160_000);
        let reach = in_transaction!(rows, it =>
            cascade::revoke_client(it, "app", "why", a_minute_later));
        assert_eq!(reach.unwrap(), Reach { families: 1, issuances: 2 });
        let codes = reading!(rows, db => authorization_code::hold_all(&db, vec![vec![1; 32]]));
        assert_eq!(codes.unwrap()[0].revoked_at, Some(a_minute_later));
    }

    /// Two families, each of which came of the other's client by exchange: whoever went from
    /// level to level, or from family to family, would hold one and want the other.
    async fn revocations_that_cross_in_their_lineage_all_succeed(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        let other = rows.again().await;
        for round in 0..12u128 {
            let first = 10_000 * (round + 1);
            let (a, b) = (first, first + 1);
            for family in [a, b] {
                let client_id = if family == a { "app" } else { "other" }.to_owned();
                let family = family::Model { client_id, ..new_family(family) };
                in_transaction!(rows, it => family::insert(it, family)).unwrap();
            }
            // The roots of one are the leaves' neighbours of the other, in the order of ids.
            let mut tokens = Vec::new();
            for n in 0..100u128 {
                let (low, high) = (first + 100 + n, first + 5000 + n);
                let of = |number, family, client: &str| NewIssuance {
                    client_id: client.to_owned(),
                    ..new_issuance(number, Some(family), &[7])
                };
                tokens.push(of(low, a, "app"));
                tokens.push(of(high, b, "other"));
                let leaf = |number, from| exchanged(
                    NewIssuance { client_id: "agent".to_owned(), ..new_issuance(number, None, &[7]) },
                    from,
                );
                tokens.push(leaf(high + 1000, low));
                tokens.push(leaf(low + 1000, high));
            }
            write(&rows, tokens).await;
            let (agents, apps) = tokio::join!(
                async { in_transaction!(rows, it => cascade::revoke_client(it, "agent", "x", at(1))) },
                async {
                    in_transaction!(other, it => async move {
                        let one = cascade::revoke_all(it, &[id(a), id(b)], &[], "y", at(1)).await?;
                        Ok::<_, entities::StoreError>(one.reach())
                    })
                },
            );
            assert_eq!(agents.unwrap().issuances + apps.unwrap().issuances, 400, "each once");
        }
    }
}
