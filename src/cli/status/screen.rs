//! A status, for people.

use chrono::{DateTime, TimeDelta, Utc};
use comfy_table::{Cell, Color};

use super::super::output;
use crate::administration::system::{
    EncryptionStatus, JanitorStatus, KeeperStatus, RelayStatus, Status, TableSizes,
};

/// How it is to look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looks {
    /// With colours.
    pub(super) coloured: bool,
    /// As JSON.
    pub(super) json: bool,
}

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

impl Looks {
    fn tinted(self, colour: &str, text: &str) -> String {
        match self.coloured {
            true => format!("{colour}{text}{PLAIN}"),
            false => text.to_owned(),
        }
    }

    /// A word in a table that is good or bad news.
    fn cell(self, text: &str, is_good: bool) -> Cell {
        let cell = Cell::new(text);
        match self.coloured {
            true => cell.fg(if is_good { Color::Green } else { Color::Red }),
            false => cell,
        }
    }
}

/// That nobody answers.
pub(super) fn silence(since: DateTime<Utc>, why: &str, looks: Looks) -> String {
    let told = format!("no answer since {}: {why}", output::time(since));
    format!("{}\n", looks.tinted(RED, &told))
}

/// All of it.
pub(super) fn of(status: &Status, looks: Looks) -> String {
    let mut page = heading(status, looks);
    page.push('\n');
    page.push_str(&output::aligned(&server(status)));
    page.push('\n');
    page.push_str(&keepers(status, looks));
    page.push_str(&keys(status, looks));
    page.push_str(&status.encryption.map(sealing).unwrap_or_default());
    page.push_str(&sweeping(&status.janitor, status.time, looks));
    if let Some(sizes) = &status.tables {
        page.push_str(&tables(sizes, status.time, looks));
    }
    page
}

fn heading(status: &Status, looks: Looks) -> String {
    if status.troubles.is_empty() {
        return format!("{}\n", looks.tinted(GREEN, "all is well"));
    }
    let told = status.troubles.iter().map(|trouble| format!("not well: {trouble}"));
    told.map(|line| format!("{}\n", looks.tinted(RED, &line))).collect()
}

fn server(status: &Status) -> Vec<(&'static str, String)> {
    let database = &status.database;
    let answers = match database.latency_ms {
        Some(took) => format!("answers in {took} ms"),
        None => "does not answer".to_owned(),
    };
    let used = &database.connections;
    let others = status.relay.as_ref().map_or_else(String::new, others);
    vec![
        ("issuer", status.issuer.clone()),
        ("version", status.version.clone()),
        ("replica", status.replica.name.clone()),
        ("up for", span(TimeDelta::seconds(i64::try_from(status.replica.uptime).unwrap_or(0)))),
        ("database", format!("{}, {answers}", database.driver)),
        (
            "connections",
            format!("{} in use, {} idle, {} at most", used.in_use, used.idle, used.max),
        ),
        ("relay", others),
    ]
}

/// Whether it hears the others, how fast, and why it did not.
fn others(relay: &RelayStatus) -> String {
    let lag = relay.lag_ms.map(|lag| format!(", news takes {lag:.1} ms"));
    let lost = relay.last_error.as_ref().map(|error| format!(", last error: {error}"));
    [Some(relay.state.clone()), lag, lost].into_iter().flatten().collect()
}

fn keepers(status: &Status, looks: Looks) -> String {
    let row = |keeper: &KeeperStatus| {
        let error = keeper.last_error.as_ref();
        let error = error.map(|it| format!("{}: {}", ago(status.time, it.at), it.what));
        let well = keeper.last_success.map(|at| ago(status.time, at)).unwrap_or_default();
        vec![
            Cell::new(&keeper.keeper),
            looks.cell(&keeper.state, keeper.state == "up"),
            Cell::new(format!("{} of {}", keeper.mailbox_depth, keeper.mailbox_capacity)),
            Cell::new(keeper.restarts),
            Cell::new(well),
            Cell::new(error.unwrap_or_default()),
        ]
    };
    let heading = ["KEEPER", "STATE", "WAITING", "RESTARTS", "LAST SUCCESS", "LAST ERROR"];
    drawn(&heading, status.keepers.iter().map(row).collect(), looks)
}

fn keys(status: &Status, looks: Looks) -> String {
    let Some(keys) = &status.keys else {
        return "The signing keys cannot be told: their keeper does not answer.\n".to_owned();
    };
    let row = |key: &crate::administration::key::KeyView| {
        let changes = key.changes_at.map(output::time).unwrap_or_default();
        vec![
            Cell::new(&key.kid),
            Cell::new(&key.alg),
            Cell::new(&key.status),
            Cell::new(output::time(key.created_at)),
            Cell::new(changes),
        ]
    };
    let heading = ["KEY", "ALG", "STATE", "MADE AT", "CHANGES AT"];
    drawn(&heading, keys.iter().map(row).collect(), looks)
}

fn sealing(encryption: EncryptionStatus) -> String {
    let EncryptionStatus { current, old, other } = encryption;
    let others = match (old, other) {
        (0, 0) => String::new(),
        (old, other) => format!(", {old} with the one before, {other} with neither"),
    };
    format!("{current} rows are sealed with the current master key{others}.\n")
}

fn sweeping(janitor: &JanitorStatus, now: DateTime<Utc>, looks: Looks) -> String {
    let next = janitor.next.map(|at| format!("Next turn here in {}.\n", span(at - now)));
    let next = next.unwrap_or_default();
    let Some(turns) = &janitor.turns else {
        return format!("How sweeping went cannot be told: the database does not answer.\n{next}");
    };
    if turns.is_empty() {
        return format!("Nobody has swept yet.\n{next}");
    }
    let rows = turns.iter().map(|turn| {
        let swept = turn.swept.iter().map(|(table, rows)| format!("{table} {rows}"));
        let swept = match &turn.error {
            Some(error) => looks.cell(error, false),
            None if turn.swept.is_empty() => Cell::new("nothing to sweep"),
            None => Cell::new(swept.collect::<Vec<_>>().join(", ")),
        };
        let left = if turn.finished { "" } else { "more" };
        vec![
            Cell::new(&turn.replica),
            Cell::new(ago(now, turn.ended_at)),
            Cell::new(format!("{} ms", turn.took_ms)),
            swept,
            Cell::new(left),
        ]
    });
    let heading = ["SWEPT BY", "LAST", "TOOK", "ROWS", "LEFT"];
    format!("{}{next}", drawn(&heading, rows.collect(), looks))
}

fn tables(sizes: &TableSizes, now: DateTime<Utc>, looks: Looks) -> String {
    let rows = sizes.rows.iter().map(|(name, rows)| vec![Cell::new(name), Cell::new(rows)]);
    let heading = format!("ROWS, {}", ago(now, sizes.counted_at));
    drawn(&["TABLE", &heading], rows.collect(), looks)
}

fn drawn(heading: &[&str], rows: Vec<Vec<Cell>>, looks: Looks) -> String {
    let mut table = output::styled(heading, rows);
    if looks.coloured {
        table.enforce_styling();
    }
    format!("{table}\n")
}

/// How long ago, in one unit.
fn ago(now: DateTime<Utc>, at: DateTime<Utc>) -> String {
    format!("{} ago", span(now - at))
}

fn span(delta: TimeDelta) -> String {
    let seconds = delta.num_seconds().max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86400),
    }
}
