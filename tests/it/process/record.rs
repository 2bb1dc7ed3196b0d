//! What the clients were told, compared with what the database has.

use std::collections::HashSet;

use uuid::Uuid;

use super::load::Acknowledged;
use crate::kit::process::{Installation, ServerProcess};
use crate::kit::tenant::App;
use crate::kit::written_down::{without_audit_row, without_issuance};

/// Every access token that a client holds is in the database, and so is its audit row.
pub(super) async fn all_of_it_is_on_record(installation: &Installation, told: &[Acknowledged]) {
    let tokens: HashSet<Uuid> = told.iter().flat_map(|it| it.tokens.clone()).collect();
    assert!(!tokens.is_empty());
    let store = installation.store().await;
    let unrecorded = without_issuance(&store, &tokens).await;
    let unaudited = without_audit_row(&store, &tokens, 1_000_000).await;
    store.close().await;
    assert!(unrecorded.is_empty(), "tokens nobody wrote down: {unrecorded:?}");
    assert!(unaudited.is_empty(), "tokens the audit log lacks: {unaudited:?}");
}

/// The refresh token that was acknowledged last works: it is the tip, or the one before, whose
/// successor was committed and never arrived. An older one would be reuse and end the family; one
/// that the database does not know yet would be refused.
pub(super) async fn every_tip_lives(server: &ServerProcess, app: &App, told: &[Acknowledged]) {
    let endpoint = server.url("/oauth/token");
    let tips: Vec<&(String, u64)> = told.iter().filter_map(|told| told.tip.as_ref()).collect();
    assert!(!tips.is_empty());
    for (tip, rotations) in tips {
        assert!(*rotations > 0, "every family was rotated at least once");
        let next = app.refresh(&endpoint, tip).await.unwrap();
        assert_eq!(next.status, 200, "after {rotations} rotations: {next:?}\n{}", server.tail());
        let after = app.refresh(&endpoint, &next.member("refresh_token")).await.unwrap();
        assert_eq!(after.status, 200, "the family goes on: {after:?}\n{}", server.tail());
    }
}
