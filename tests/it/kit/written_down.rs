//! Which of the tokens that clients hold the database knows.

use std::collections::HashSet;

use entities::{Store, audit_event, issuance};
use uuid::Uuid;

/// The actions of the audit log that hand a token out.
const ISSUED: [&str; 4] =
    ["client_credentials.issued", "token.refreshed", "token.issued", "token.exchanged"];

/// The tokens that have no issuance.
pub(crate) async fn without_issuance(store: &Store, tokens: &HashSet<Uuid>) -> HashSet<Uuid> {
    let mut missing = tokens.clone();
    let tokens: Vec<Uuid> = tokens.iter().copied().collect();
    for some in tokens.chunks(1000) {
        let some = some.to_vec();
        let rows = store.read(|db| async move { issuance::find_all(&db, some).await });
        for row in rows.await.unwrap() {
            missing.remove(&row.jti);
        }
    }
    missing
}

/// The tokens that are in none of the newest `rows` audit rows.
pub(crate) async fn without_audit_row(
    store: &Store,
    tokens: &HashSet<Uuid>,
    rows: u64,
) -> HashSet<Uuid> {
    let mut missing = tokens.clone();
    let events = store.read(move |db| async move { audit_event::newest(&db, rows).await });
    let events = events.await.unwrap();
    let events = events.iter().filter(|event| ISSUED.contains(&event.action.as_str()));
    let details = events.flat_map(|event| event.detail.split(' '));
    for jti in details.filter_map(|pair| pair.strip_prefix("jti=")) {
        missing.remove(&Uuid::parse_str(jti).unwrap());
    }
    missing
}
