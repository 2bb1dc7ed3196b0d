//! What operators do, through the functions behind the command line and the admin API, and
//! what it does to tokens.

mod agents;
mod audit;
mod clients;
mod clients_damaged;
mod clients_deleted;
mod fronting;
mod issuances;
mod resources;
mod users;

use actors::audit::Origin;
use authserver::administration::AdminError;

use crate::kit::Server;

/// Runs a function of `administration` at the desk of a server.
macro_rules! at_the_desk {
    ($server:expr, $desk:ident => $work:expr) => {{
        let origin = actors::audit::Origin::local();
        let $desk = $server.desk(&origin);
        $work.await
    }};
}
use at_the_desk;

/// What a patch is when it comes as JSON.
fn patch<T: serde::de::DeserializeOwned>(json: serde_json::Value) -> T {
    serde_json::from_value(json).unwrap()
}

/// The counts of a refused deletion.
#[track_caller]
fn dependents<T: std::fmt::Debug>(refused: Result<T, AdminError>) -> Vec<(String, u64)> {
    match refused {
        Err(AdminError::InUse(in_use)) => {
            in_use.dependents.into_iter().map(|it| (it.kind, it.count)).collect()
        }
        other => panic!("not refused for what rests on it: {other:?}"),
    }
}

/// Asserts a refusal of what was said, which names `word`.
#[track_caller]
fn is_invalid<T: std::fmt::Debug>(refused: Result<T, AdminError>, word: &str) {
    match refused {
        Err(AdminError::Invalid(why)) => assert!(why.contains(word), "{why}"),
        other => panic!("not refused: {other:?}"),
    }
}

/// Asserts that something is not there, with the error on the wire.
#[track_caller]
fn is_missing<T: std::fmt::Debug>(refused: Result<T, AdminError>, error: &str) {
    match refused {
        Err(AdminError::NotFound(missing)) => assert_eq!(missing.kind.error(), error),
        other => panic!("not missing: {other:?}"),
    }
}

/// The newest row of the audit log with this action, as `actor detail`.
async fn noted(server: &Server, action: &str) -> String {
    let (store, wanted) = (server.services.store.clone(), action.to_owned());
    let filter = entities::audit_event::Filter { action: Some(wanted), ..Default::default() };
    let page = entities::Page::first(1);
    let found = store
        .read(move |db| async move { entities::audit_event::list(&db, filter, page).await })
        .await
        .unwrap();
    let event = found.0.into_iter().next().unwrap_or_else(|| panic!("no {action} in the log"));
    format!("{} {}", event.actor_id.unwrap_or_default(), event.detail)
}

/// A moment of an operator's.
fn origin() -> Origin {
    Origin::local()
}
