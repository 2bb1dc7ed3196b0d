//! Environment names of settings, and which other `AUTHPLANE_*` names are nobody's mistake.
//!
//! Keys contain underscores, so a name is never taken apart: it is looked up among the names of all
//! keys.

use super::suggest;

/// Every variable that overrides a setting starts with this.
pub(crate) const PREFIX: &str = "AUTHPLANE_";

/// Names the configuration file; no setting.
pub(crate) const CONFIG_FILE: &str = "AUTHPLANE_CONFIG";

/// Where the command line works and with which admin key; no settings of the server.
pub(crate) const COMMAND_LINE: [&str; 2] = ["AUTHPLANE_SERVER", "AUTHPLANE_ADMIN_KEY"];

/// Secrets of broker providers may live under this prefix, under names that operators choose.
const VAULT: &str = "AUTHPLANE_VAULT_";

/// Keys whose variable does not follow the rule.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("signing.vault_transit.address", "AUTHPLANE_VAULT_ADDR"),
    ("signing.vault_transit.token", "AUTHPLANE_VAULT_TOKEN"),
    ("signing.vault_transit.mount", "AUTHPLANE_VAULT_TRANSIT_MOUNT"),
    ("signing.vault_transit.key_name", "AUTHPLANE_VAULT_TRANSIT_KEY_NAME"),
    ("signing.vault_transit.timeout", "AUTHPLANE_VAULT_TIMEOUT"),
    ("signing.vault_transit.approle.role_id", "AUTHPLANE_VAULT_APPROLE_ROLE_ID"),
    ("signing.vault_transit.approle.secret_id", "AUTHPLANE_VAULT_APPROLE_SECRET_ID"),
    ("signing.vault_transit.approle.mount", "AUTHPLANE_VAULT_APPROLE_MOUNT"),
    ("rate_limit.requests_per_second", "AUTHPLANE_RATE_LIMIT_RPS"),
];

/// The variable that overrides `key`: upper case, dots to underscores, or its exception.
pub(crate) fn variable_of(key: &str) -> String {
    match EXCEPTIONS.iter().find(|(exception, _)| *exception == key) {
        Some((_, name)) => (*name).to_owned(),
        None => by_rule(key),
    }
}

/// The variable that was probably meant by `name`.
pub(crate) fn suggestion(name: &str, known: &[&str]) -> Option<String> {
    let exceptional = EXCEPTIONS.iter().find(|(key, _)| by_rule(key) == name);
    exceptional
        .map(|(_, variable)| *variable)
        .or_else(|| suggest::nearest(name, known.iter().copied()))
        .map(str::to_owned)
}

/// Whether `name`, which overrides nothing, is there for another reason.
///
/// A provider's secret under `AUTHPLANE_VAULT_` is, unless it is a slip of the pen away from a name
/// that means something. A Kubernetes service named `authplane…` puts its address into the
/// environment of every pod beside it, and nobody should fail to start for that.
pub(crate) fn is_somebody_elses(name: &str, value: &str, known: &[&str]) -> bool {
    if name.starts_with(VAULT) {
        let slip = known
            .iter()
            .any(|known| known.starts_with(VAULT) && suggest::distance(known, name) <= 2);
        return !slip;
    }
    is_service_link(name, value)
}

fn is_service_link(name: &str, value: &str) -> bool {
    let is_address = value.starts_with("tcp://") || value.starts_with("udp://");
    let is_port = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let names_a_port = |part: &str| {
        let mut words = part.split('_');
        words
            .next()
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
            && words.next().is_some_and(|protocol| matches!(protocol, "TCP" | "UDP" | "SCTP"))
    };
    name.ends_with("_SERVICE_HOST")
        || (name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_")) && is_port
        || name.ends_with("_PORT") && is_address
        || name.rsplit_once("_PORT_").is_some_and(|(_, rest)| names_a_port(rest))
        || names_a_port_attribute(name, names_a_port)
}

/// `…_PORT_9000_TCP_PORT`: the last `_PORT` is not the one that starts the port's name.
fn names_a_port_attribute(name: &str, names_a_port: impl Fn(&str) -> bool) -> bool {
    ["_PORT", "_PROTO", "_ADDR"].iter().any(|attribute| {
        name.strip_suffix(attribute)
            .and_then(|rest| rest.rsplit_once("_PORT_"))
            .is_some_and(|(_, rest)| names_a_port(rest))
    })
}

fn by_rule(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "_"))
}
