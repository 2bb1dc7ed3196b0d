//! Rows as traffic leaves them, many at a time, for any time.

use std::ops::Range;

use chrono::{DateTime, Utc};

use crate::kit::{Backend, Server};

/// A table that traffic feeds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fed {
    pub(super) table: &'static str,
    /// Columns, and what is in them as SQL: `{id}`, `{bytes}`, `{list}`, `{object}` and `{t+N}`, a
    /// moment N seconds after the row was written.
    columns: &'static str,
    values: &'static str,
    /// One row for so many tokens.
    pub(super) each: u64,
    /// Seconds from the writing of a row to the end of its use.
    pub(super) used_for: u64,
}

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// All of them, with lifetimes of the defaults where those are not too long for a month.
pub(super) const ALL: [Fed; 11] = [
    Fed {
        table: "issuances",
        columns: "jti, grant_type, user_id, client_id, resource_ids, scopes, family_id, \
                  issued_at, expires_at",
        values: "{id}, 'refresh_token', {id}, '019a0000-0000-7000-8000-000000000001', {list}, \
                 'read write', {id}, {t+0}, {t+3600}",
        each: 1,
        used_for: HOUR,
    },
    Fed {
        table: "audit_events",
        columns: "id, action, actor_id, client_id, ip, detail, trace_id, created_at",
        values: "{id}, 'token.refreshed', '019a0000-0000-7000-8000-000000000001', \
                 '019a0000-0000-7000-8000-000000000002', '203.0.113.7', \
                 'family=019a0000-0000-7000-8000-000000000003 \
                 jti=019a0000-0000-7000-8000-000000000004', \
                 '019a0000-0000-7000-8000-000000000005', {t+0}",
        each: 1,
        used_for: 0,
    },
    Fed {
        table: "replay",
        columns: "key, expires_at",
        values: "{bytes}, {t+300}",
        each: 1,
        used_for: 300,
    },
    Fed {
        table: "families",
        columns: "id, generation, client_id, user_id, scopes, resource_ids, auth_time, amr, \
                  created_at, rotated_at, expires_at, absolute_expires_at",
        values: "{id}, 3, '019a0000-0000-7000-8000-000000000001', {id}, 'read write', {list}, \
                 {t+0}, {list}, {t+0}, {t+0}, {t+604800}, {t+604800}",
        each: 1,
        used_for: 7 * DAY,
    },
    Fed {
        table: "authorization_codes",
        columns: "code_hash, client_id, user_id, request, auth_time, amr, expires_at",
        values: "{bytes}, '019a0000-0000-7000-8000-000000000001', {id}, {object}, {t+0}, {list}, \
                 {t+60}",
        each: 1,
        used_for: 60,
    },
    Fed {
        table: "authorization_requests",
        columns: "id, browser_hash, client_id, request, created_at, expires_at",
        values: "{id}, {bytes}, '019a0000-0000-7000-8000-000000000001', {object}, {t+0}, {t+600}",
        each: 1,
        used_for: 600,
    },
    Fed {
        table: "attempts",
        columns: "identity, kind, failures, expires_at",
        values: "{bytes}, 1, 1, {t+600}",
        each: 1,
        used_for: 600,
    },
    Fed {
        table: "sessions",
        columns: "id_hash, user_id, auth_time, amr, expires_at",
        values: "{bytes}, {id}, {t+0}, {list}, {t+86400}",
        each: 1,
        used_for: DAY,
    },
    Fed {
        table: "budgets",
        columns: "identity, full_at",
        values: "{bytes}, {s} * 1000000",
        each: 1,
        used_for: 0,
    },
    Fed {
        table: "consent_grants",
        columns: "id, user_id, client_id, resource_id, scopes, created_at, updated_at, revoked_at",
        values: "{id}, {id}, '019a0000-0000-7000-8000-000000000001', {id}, 'read', {t+0}, {t+0}, \
                 {t+0}",
        each: 10,
        used_for: 0,
    },
    Fed {
        table: "clients",
        columns: "id, name, redirect_uris, grant_types, response_types, \
                  token_endpoint_auth_method, application_type, agent, status, source, metadata, \
                  created_at, updated_at",
        values: "'fed-' || {n}, 'Unused', {list}, {list}, {list}, 'none', 'web', false, 'active', \
                 'dcr', {object}, {t+0}, {t+0}",
        each: 10,
        used_for: 0,
    },
];

impl Fed {
    /// What so many tokens left behind, evenly over the `seconds` from `from` on. `first` tells them
    /// from those before.
    pub(super) fn rows(
        &self,
        backend: Backend,
        numbers: Range<u64>,
        from: DateTime<Utc>,
        seconds: u64,
    ) -> String {
        let count = numbers.end - numbers.start;
        let (first, last, from) = (numbers.start, numbers.end - 1, from.timestamp());
        let second = format!("({from} + (n - {first}) * {seconds} / {count})");
        let id = match backend {
            Backend::Sqlite => format!("unhex(printf('%012x70008000%012x', {second} * 1000, n))"),
            Backend::Postgres => format!(
                "(lpad(to_hex({second}::bigint * 1000), 12, '0') || '70008000' || \
                 lpad(to_hex(n::bigint), 12, '0'))::uuid"
            ),
        };
        let (bytes, list, object) = match backend {
            Backend::Sqlite => {
                ("randomblob(32)", "'[\"019a0000-0000-7000-8000-000000000009\"]'", "'{}'")
            }
            Backend::Postgres => (
                "sha256(n::text::bytea)",
                "'[\"019a0000-0000-7000-8000-000000000009\"]'::jsonb",
                "'{}'::jsonb",
            ),
        };
        let mut values = self.values.to_owned();
        for seconds in [0, 60, 300, 600, 3600, 86_400, 604_800] {
            let at = match backend {
                Backend::Sqlite => format!(
                    "strftime('%Y-%m-%dT%H:%M:%S', {second} + {seconds}, 'unixepoch') || '+00:00'"
                ),
                Backend::Postgres => format!("to_timestamp({second} + {seconds})"),
            };
            values = values.replace(&format!("{{t+{seconds}}}"), &at);
        }
        let filled = [
            ("{id}", id.as_str()),
            ("{bytes}", bytes),
            ("{list}", list),
            ("{object}", object),
            ("{s}", &second),
            ("{n}", "n"),
        ];
        for (name, value) in filled {
            values = values.replace(name, value);
        }
        let Fed { table, columns, .. } = self;
        format!(
            "WITH RECURSIVE numbers(n) AS \
             (SELECT CAST({first} AS bigint) UNION ALL SELECT n + 1 FROM numbers WHERE n < {last}) \
             INSERT INTO {table} ({columns}) SELECT {values} FROM numbers"
        )
    }
}

/// Exactly how many rows a table has.
pub(super) async fn count(server: &Server, table: &str) -> u64 {
    match server.backend() {
        Backend::Postgres => server.execute(&format!("SELECT 1 FROM {table}")).await,
        Backend::Sqlite => {
            use entities::table::Table;
            let table = Table::ALL.into_iter().find(|it| it.as_str() == table).unwrap();
            u64::try_from(server.services.store.count_rows(table).await.unwrap()).unwrap()
        }
    }
}
