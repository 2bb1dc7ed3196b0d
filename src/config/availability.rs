//! Settings for what this version does not do yet.
//!
//! A setting that is read and then does nothing misleads: an operator who wrote
//! `xaa.require_resource: true` believes that one is required. So asking for something that is not built refuses
//! to start, with that reason. Until it is built a feature rests: its `enabled` reads false whatever
//! the declared default says, so that code can trust `config.xaa.enabled`.
//!
//! Building a feature means deleting its rows here, and nothing else in this module.

use serde_json::Value;

/// One thing that is not built, and the settings that ask for it.
#[derive(Debug)]
pub(crate) struct Row {
    /// A key, or a whole section when it ends with a dot.
    key: &'static str,
    refuses: Refuses,
    feature: &'static str,
}

/// Which values of the key ask for the feature.
#[derive(Debug)]
enum Refuses {
    /// Everything but `false`, which is what the switch reads until then.
    SwitchingOn,
    /// Everything but the default.
    Change,
    /// These.
    Values(&'static [&'static str]),
}

use Refuses::{Change, SwitchingOn, Values};

const fn row(key: &'static str, refuses: Refuses, feature: &'static str) -> Row {
    Row { key, refuses, feature }
}

/// What is not built. The first row that fits a key counts, so a switch stands before its section.
pub(crate) const ROWS: &[Row] = &[
    row("signing.key_store", Values(&["vault_transit"]), "signing in Vault"),
    row("signing.vault_transit.", Change, "signing in Vault"),
    row("cimd.enabled", SwitchingOn, "client ID metadata documents"),
    row("oidc.enabled", SwitchingOn, "sign-in with an upstream provider"),
    row("oidc.", Change, "sign-in with an upstream provider"),
    row("xaa.enabled", SwitchingOn, "identity assertions"),
    row("xaa.", Change, "identity assertions"),
    row("connect.", Change, "connecting accounts at upstream providers"),
    row("data_encryption.driver", Values(&["vault_transit_encrypt"]), "encryption in Vault"),
    row("data_encryption.vault_transit_encrypt.", Change, "encryption in Vault"),
    row("observability.logging.outputs.otel", SwitchingOn, "logs over OpenTelemetry"),
    row("observability.logging.outputs.otel_endpoint", Change, "logs over OpenTelemetry"),
    row("observability.metrics.provider", Values(&["otel", "both"]), "metrics over OpenTelemetry"),
    row("observability.metrics.otel_endpoint", Change, "metrics over OpenTelemetry"),
    row("observability.tracing.enabled", SwitchingOn, "tracing"),
    row("observability.tracing.", Change, "tracing"),
    row("broker_providers", Change, "broker providers"),
];

/// What `key` reads while its feature is not built, when that is not its declared default.
pub(crate) fn resting_value(rows: &[Row], key: &str) -> Option<&'static str> {
    matches!(find(rows, key)?.refuses, SwitchingOn).then_some("false")
}

/// The feature that setting `key` to `value` asks for, if it is not built. `default` is what the
/// key reads when nobody sets it; both values as they are shown.
pub(crate) fn refusal(
    rows: &[Row],
    key: &str,
    value: &Value,
    default: Option<&Value>,
) -> Option<&'static str> {
    let row = find(rows, key)?;
    let refused = match row.refuses {
        SwitchingOn | Change => Some(value) != default,
        Values(values) => value.as_str().is_some_and(|value| values.contains(&value)),
    };
    refused.then_some(row.feature)
}

/// What the reference says about a key whose feature is not built.
pub(crate) fn note(key: &str) -> Option<String> {
    match find(ROWS, key)?.refuses {
        SwitchingOn | Change => Some("Not built yet.".to_owned()),
        Values(values) => {
            let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
            Some(format!("Not built yet: {}.", values.join(", ")))
        }
    }
}

fn find<'a>(rows: &'a [Row], key: &str) -> Option<&'a Row> {
    rows.iter().find(|row| row.key == key || (row.key.ends_with('.') && key.starts_with(row.key)))
}
