//! Smallest and largest values.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Findings;
use crate::config::Config;
use crate::config::types::written;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// No bound of its own: reading a duration already refuses more than ten years.
const UNBOUNDED: Duration = Duration::MAX;

/// Most keys whose tokens may live at the same time.
const KEYS_AT_ONCE: u32 = 16;

/// Most addresses that are told apart: 80 MB of counters, and as many rows of a kind.
const MOST_TRACKED: u32 = 10_000_000;

type Key = &'static [&'static str];

pub(super) fn check(config: &Config, findings: &mut Findings) {
    for (key, value) in timeouts(config) {
        within(key, value, MILLISECOND..=UNBOUNDED, "With less nothing would be in time", findings);
    }
    for (key, value) in lifetimes(config) {
        within(key, value, SECOND..=UNBOUNDED, "It would be over before any use", findings);
    }
    for (key, value, meaning) in windows(config) {
        within(key, value, SECOND..=UNBOUNDED, meaning, findings);
    }
    for (key, value, range, meaning) in ranges(config) {
        within(key, value, range, meaning, findings);
    }
    for (key, value, range, meaning) in counts(config) {
        if !range.contains(&value) {
            let remedy = match *range.end() {
                u32::MAX => format!("Set at least {}", range.start()),
                most => format!("Set {} to {most}", range.start()),
            };
            findings.add(key, format!("is {value}"), meaning, remedy);
        }
    }
    order(config, findings);
}

fn within(
    key: Key,
    value: Duration,
    range: RangeInclusive<Duration>,
    meaning: &'static str,
    findings: &mut Findings,
) {
    if range.contains(&value) {
        return;
    }
    let least = written(*range.start());
    let remedy = match *range.end() {
        UNBOUNDED => format!("Set at least {least}"),
        most => format!("Set {least} to {}", written(most)),
    };
    findings.add(key, format!("is {}", written(value)), meaning, remedy);
}

fn timeouts(config: &Config) -> [(Key, Duration); 4] {
    let Config { server, signing, .. } = config;
    [
        (&["server.read_timeout"], server.read_timeout),
        (&["server.write_timeout"], server.write_timeout),
        (&["server.idle_timeout"], server.idle_timeout),
        (&["signing.vault_transit.timeout"], signing.vault_transit.timeout),
    ]
}

/// How long what is handed out stays good.
fn lifetimes(config: &Config) -> [(Key, Duration); 8] {
    let Config { dcr, oauth, session, client_credentials, dpop, token_exchange, xaa, .. } = config;
    [
        (&["dcr.default_token_expiry"], dcr.default_token_expiry),
        (&["dcr.default_refresh_expiry"], dcr.default_refresh_expiry),
        (&["oauth.state_max_age"], oauth.state_max_age),
        (&["session.max_age"], session.max_age),
        (&["client_credentials.token_expiry"], client_credentials.token_expiry),
        (&["dpop.nonce_ttl"], dpop.nonce_ttl),
        (&["token_exchange.token_expiry"], token_exchange.token_expiry),
        (&["xaa.token_expiry"], xaa.token_expiry),
    ]
}

/// Windows, caches and intervals that may be as long as one likes, but not nothing.
fn windows(config: &Config) -> [(Key, Duration, &'static str); 8] {
    const REPLACED: &str = "Connections would be replaced all the time";
    const FETCHED: &str = "They would be fetched at every request";
    let Config { storage, cimd, rate_limit, admin, xaa, .. } = config;
    [
        (&["storage.max_conn_lifetime"], storage.max_conn_lifetime, REPLACED),
        (&["storage.max_conn_idle_time"], storage.max_conn_idle_time, REPLACED),
        (&["cimd.cache_ttl"], cimd.cache_ttl, FETCHED),
        (&["xaa.jwks_cache_ttl"], xaa.jwks_cache_ttl, FETCHED),
        (&["xaa.max_assertion_age"], xaa.max_assertion_age, "Every assertion would be too old"),
        (&["rate_limit.auth_fail_window"], rate_limit.auth_fail_window, "No failure would count"),
        (&["rate_limit.auth_lockout"], rate_limit.auth_lockout, "It would lock nobody out"),
        (&["admin.audit_default_lookback"], admin.audit_default_lookback, "It would find nothing"),
    ]
}

type Ranged<T> = (Key, T, RangeInclusive<T>, &'static str);

fn ranges(config: &Config) -> [Ranged<Duration>; 7] {
    let Config { signing, cimd, oauth, dpop, dcr, retention, .. } = config;
    [
        (
            &["oauth.code_expiry"],
            oauth.code_expiry,
            SECOND..=10 * MINUTE,
            "A client redeems its code within seconds; one that lives longer is of use to a thief \
             only (RFC 6749 §4.1.2)",
        ),
        (
            &["oauth.refresh_grace"],
            oauth.refresh_grace,
            Duration::ZERO..=5 * MINUTE,
            "Within it a stolen token that was just rotated still works; it is for retries, which \
             come at once",
        ),
        (
            &["dpop.proof_lifetime"],
            dpop.proof_lifetime,
            10 * SECOND..=5 * MINUTE,
            "Too little refuses clients whose clock is a little off, too much lets a stolen proof \
             live",
        ),
        (
            &["cimd.fetch_timeout"],
            cimd.fetch_timeout,
            MILLISECOND..=10 * SECOND,
            "Too little never succeeds, and who waits for a document gives up after 15 seconds",
        ),
        (
            &["signing.rotation_interval"],
            signing.rotation_interval,
            60 * MINUTE..=UNBOUNDED,
            "A key is published before it signs; a shorter turn would leave verifiers behind",
        ),
        (
            &["dcr.unused_client_ttl"],
            dcr.unused_client_ttl.unwrap_or(UNBOUNDED),
            60 * MINUTE..=UNBOUNDED,
            "Clients would be gone before the people who brought them have signed in",
        ),
        (
            &["retention.audit"],
            retention.audit.unwrap_or(UNBOUNDED),
            24 * 60 * MINUTE..=UNBOUNDED,
            "Nobody could find out today what happened yesterday",
        ),
    ]
}

fn counts(config: &Config) -> [Ranged<u32>; 9] {
    const ALL: &str = "It would refuse everything";
    let Config { server, storage, dcr, rate_limit, admin, token_exchange, .. } = config;
    let at_least_one = 1..=u32::MAX;
    [
        (
            &["server.max_connections"],
            server.max_connections,
            16..=1_000_000,
            "Too few would be taken up by a few browsers, and no machine has memory for more",
        ),
        (
            &["storage.max_conns"],
            storage.max_conns,
            1..=10_000,
            "Without a connection there is no database, and no database takes more",
        ),
        (
            &["token_exchange.max_chain_depth"],
            token_exchange.max_chain_depth,
            1..=10,
            "Without a hop nobody can exchange, and who acts for whom at the end of a longer chain \
             nobody can judge",
        ),
        (
            &["rate_limit.max_tracked_identities"],
            rate_limit.max_tracked_identities,
            1..=MOST_TRACKED,
            "Without one no failure would count, and the memory for all of them is taken at the start",
        ),
        (&["dcr.rate_limit_burst"], dcr.rate_limit_burst, at_least_one.clone(), ALL),
        (
            &["rate_limit.requests_per_second"],
            rate_limit.requests_per_second,
            at_least_one.clone(),
            ALL,
        ),
        (&["rate_limit.burst"], rate_limit.burst, at_least_one.clone(), ALL),
        (
            &["admin.requests_per_second"],
            admin.requests_per_second.unwrap_or(1),
            at_least_one.clone(),
            ALL,
        ),
        (&["admin.burst"], admin.burst.unwrap_or(1), at_least_one, ALL),
    ]
}

fn order(config: &Config, findings: &mut Findings) {
    let Config { storage, admin, signing, .. } = config;
    let longest_token = config.longest_access_token();
    let too_often = signing.rotation_interval.saturating_mul(KEYS_AT_ONCE) < longest_token;
    // Nothing at all is told of by its own bound.
    if too_often && !signing.rotation_interval.is_zero() {
        findings.add(
            &[
                "signing.rotation_interval",
                "dcr.default_token_expiry",
                "client_credentials.token_expiry",
                "token_exchange.token_expiry",
            ],
            "is short, next to the lifetime of tokens",
            "A key stays published until the last token it signed has expired, so there would be \
             dozens of keys in the JWKS",
            format!("Set at least {}, or shorten the lifetimes", written(longest_token)),
        );
    }
    if storage.min_conns > storage.max_conns {
        findings.add(
            &["storage.min_conns", "storage.max_conns"],
            format!(
                "is {}, more than storage.max_conns ({})",
                storage.min_conns, storage.max_conns
            ),
            "The pool would have to be larger than it may be",
            "Lower storage.min_conns or raise storage.max_conns",
        );
    }
    if admin.audit_default_lookback > admin.audit_max_lookback {
        findings.add(
            &["admin.audit_default_lookback", "admin.audit_max_lookback"],
            "is longer than admin.audit_max_lookback",
            "A query that does not say how far back would always be refused",
            "Shorten it or lengthen admin.audit_max_lookback",
        );
    }
}
