//! What a replica wrote whose clock was wrong does not shut anybody out until everybody's clock has
//! caught up with it.

use std::time::Duration;

use entities::attempt::{self, Allowance, Kind, Tried};
use entities::budget::{self, Refill};

use crate::kit::on_both_databases;
use crate::kit::store::{Rows, at, in_transaction, reading};

const WHO: [u8; 32] = [7; 32];
const TRIED: Tried = Tried { kind: Kind::SignIn, identity: WHO, subject: [1; 32], place: None };
const YEAR: i64 = 365 * 24 * 60 * 60 * 1000;
const MINUTE: i64 = 60 * 1000;

/// Three failures within ten minutes lock for a quarter of an hour.
fn allowance(now: i64) -> Allowance {
    Allowance { most: 3, window_ends: at(now + 10 * MINUTE), lock_ends: at(now + 15 * MINUTE) }
}

async fn fails(rows: &Rows, now: i64) -> Option<i32> {
    in_transaction!(rows, it => attempt::count(it, &TRIED, at(now), allowance(now))).unwrap()
}

async fn spends(rows: &Rows, now: i64) -> bool {
    let refill = Refill::new(Duration::from_secs(60), 2);
    in_transaction!(rows, it => budget::spend(it, &WHO, at(now), refill)).unwrap()
}

on_both_databases! {
    async fn a_lockout_from_the_future_ends_in_due_time(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        for failures in [Some(1), Some(2), Some(3), None] {
            assert_eq!(fails(&rows, YEAR).await, failures);
        }
        assert_eq!(fails(&rows, 0).await, None, "locked it is");
        let row = reading!(rows, db => attempt::find(&db, &WHO)).unwrap().unwrap();
        assert_eq!(row.expires_at, at(15 * MINUTE));
        assert_eq!(fails(&rows, 15 * MINUTE - 1).await, None);
        assert_eq!(fails(&rows, 15 * MINUTE).await, Some(1));
    }

    async fn a_failure_from_the_future_is_forgotten_in_due_time(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        assert_eq!(fails(&rows, YEAR).await, Some(1));
        assert_eq!(fails(&rows, 0).await, Some(2));
        assert_eq!(fails(&rows, 10 * MINUTE).await, Some(1));
    }

    async fn clocks_that_are_minutes_apart_lift_no_lockout(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        for _ in 0..3 {
            fails(&rows, 4 * MINUTE).await;
        }
        assert_eq!(fails(&rows, 0).await, None);
        let row = reading!(rows, db => attempt::find(&db, &WHO)).unwrap().unwrap();
        assert_eq!(row.expires_at, at(19 * MINUTE));
    }

    async fn a_budget_spent_in_the_future_refills_from_now_on(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        assert!(spends(&rows, YEAR).await && spends(&rows, YEAR).await);
        assert!(!spends(&rows, YEAR).await);
        assert!(spends(&rows, 0).await, "one unit is left");
        assert!(!spends(&rows, 0).await, "and no more");
        assert!(!spends(&rows, MINUTE - 1).await);
        assert!(spends(&rows, MINUTE).await);
    }

    async fn clocks_that_are_minutes_apart_make_no_budget_larger(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        assert!(spends(&rows, 4 * MINUTE).await && spends(&rows, 4 * MINUTE).await);
        assert!(!spends(&rows, 0).await);
        assert!(!spends(&rows, 4 * MINUTE).await);
    }

    async fn what_is_given_back_can_be_spent_again(backend: Backend) {
        let rows = Rows::migrated(backend).await;
        assert!(spends(&rows, 0).await && spends(&rows, 0).await && !spends(&rows, 0).await);
        let refill = Refill::new(Duration::from_secs(60), 2);
        in_transaction!(rows, it => budget::give_back(it, &WHO, refill)).unwrap();
        assert!(spends(&rows, 0).await && !spends(&rows, 0).await);
    }
}
