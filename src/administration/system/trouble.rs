//! What of a status an operator has to do something about.

use chrono::TimeDelta;

use super::{EncryptionStatus, KeeperStatus, Status};

/// Sweeping that nobody has done for so long does not go on by itself.
const UNSWEPT: TimeDelta = TimeDelta::minutes(10);

/// What is not as it should be, the gravest first.
pub(super) fn of(status: &Status) -> Vec<String> {
    let mut troubles = Vec::new();
    if !status.database.reachable {
        troubles.push("the database does not answer".to_owned());
    }
    troubles.extend(status.keepers.iter().filter_map(of_keeper));
    if status.relay.as_ref().is_some_and(|relay| relay.state == "down") {
        let what = "it does not hear what other servers change, and asks the database each time";
        troubles.push(what.to_owned());
    }
    let signs = |key: &super::KeyView| key.status == "active";
    match &status.keys {
        Some(keys) if !keys.iter().any(signs) => {
            troubles.push("no signing key is active".to_owned());
        }
        _ => {}
    }
    troubles.extend(status.encryption.and_then(of_encryption));
    troubles.extend(of_sweeping(status));
    troubles
}

fn of_keeper(keeper: &KeeperStatus) -> Option<String> {
    let name = &keeper.keeper;
    let why = keeper.last_error.as_ref().map(|it| format!(" ({})", it.what)).unwrap_or_default();
    match keeper.state.as_str() {
        "up" if keeper.mailbox_depth >= keeper.mailbox_capacity => {
            Some(format!("the {name} keeper has all it can take on, and turns others away"))
        }
        "up" => None,
        "failed" => Some(format!("the {name} keeper has failed for good{why}: restart the server")),
        "unresponsive" => Some(format!("the {name} keeper does not move")),
        state => Some(format!("the {name} keeper is {state}{why}")),
    }
}

fn of_encryption(EncryptionStatus { old, other, .. }: EncryptionStatus) -> Option<String> {
    match (old, other) {
        (0, 0) => None,
        (old, 0) => Some(format!(
            "{old} rows are sealed with the master key before: order `authserver admin data reencrypt`"
        )),
        (_, other) => Some(format!(
            "{other} sealed rows open with neither master key: `authserver admin data reencrypt` \
             names them"
        )),
    }
}

fn of_sweeping(status: &Status) -> Option<String> {
    let last = status.janitor.turns.as_ref().and_then(|turns| turns.first());
    match last {
        Some(turn) => {
            if let Some(error) = &turn.error {
                return Some(format!("sweeping failed on {}: {error}", turn.replica));
            }
            let ago = status.time - turn.ended_at;
            (ago > UNSWEPT).then(|| format!("nothing was swept for {} minutes", ago.num_minutes()))
        }
        None => None,
    }
}
