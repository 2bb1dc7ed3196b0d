//! What the clients were told, compared with what the database has.

use std::collections::HashSet;

use entities::{Store, audit_event, issuance};
use uuid::Uuid;

use super::load::Acknowledged;
use super::tenant::App;
use crate::kit::process::{Installation, ServerProcess};

/// Every access token that a client holds is in the database, and so is its audit row.
pub(super) async fn all_of_it_is_on_record(installation: &Installation, told: &[Acknowledged]) {
    let tokens: HashSet<Uuid> = told.iter().flat_map(|it| it.tokens.clone()).collect();
    assert!(!tokens.is_empty());
    let store = installation.store().await;
    let recorded = recorded(&store, &tokens).await;
    let audited = audited(&store).await;
    store.close().await;
    let unrecorded: Vec<&Uuid> = tokens.difference(&recorded).collect();
    assert!(unrecorded.is_empty(), "tokens nobody wrote down: {unrecorded:?}");
    let unaudited: Vec<&Uuid> = tokens.difference(&audited).collect();
    assert!(unaudited.is_empty(), "tokens the audit log lacks: {unaudited:?}");
}

async fn recorded(store: &Store, tokens: &HashSet<Uuid>) -> HashSet<Uuid> {
    let mut found = HashSet::new();
    let tokens: Vec<Uuid> = tokens.iter().copied().collect();
    for some in tokens.chunks(1000) {
        let some = some.to_vec();
        let rows = store.read(|db| async move { issuance::find_all(&db, some).await });
        found.extend(rows.await.unwrap().iter().map(|row| row.jti));
    }
    found
}

async fn audited(store: &Store) -> HashSet<Uuid> {
    let events = store.read(|db| async move { audit_event::newest(&db, 1_000_000).await });
    let issued = ["client_credentials.issued", "token.refreshed", "token.issued"];
    let events = events.await.unwrap();
    let events = events.iter().filter(|event| issued.contains(&event.action.as_str()));
    let details = events.flat_map(|event| event.detail.split(' '));
    let jtis = details.filter_map(|pair| pair.strip_prefix("jti="));
    jtis.map(|jti| Uuid::parse_str(jti).unwrap()).collect()
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
