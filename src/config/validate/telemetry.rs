//! Logs, metrics and traces.

use super::Findings;
use crate::config::Config;
use crate::config::types::MetricsProvider;

const NOWHERE: &str = "What is collected would have nowhere to go";
const SET_ENDPOINT: &str = "Set it to the collector's URL";

pub(super) fn check(config: &Config, findings: &mut Findings) {
    let observability = &config.observability;
    let outputs = &observability.logging.outputs;
    if outputs.otel && outputs.otel_endpoint.is_none() {
        findings.add(
            &["observability.logging.outputs.otel_endpoint", "observability.logging.outputs.otel"],
            "is not set, and observability.logging.outputs.otel is true",
            NOWHERE,
            SET_ENDPOINT,
        );
    }
    let metrics = &observability.metrics;
    let pushes = matches!(metrics.provider, MetricsProvider::Otel | MetricsProvider::Both);
    if pushes && metrics.otel_endpoint.is_none() {
        findings.add(
            &["observability.metrics.otel_endpoint", "observability.metrics.provider"],
            format!(
                "is not set, and observability.metrics.provider is {}",
                metrics.provider.as_str()
            ),
            NOWHERE,
            SET_ENDPOINT,
        );
    }
    if !metrics.path.starts_with('/') || metrics.path.contains(['?', '#', '{', ' ']) {
        findings.add(
            &["observability.metrics.path"],
            format!("is {:?}", metrics.path),
            "No request could reach it",
            "Write a path that starts with /, such as /metrics",
        );
    } else if metrics.path == "/" || metrics.path == "/admin" || metrics.path.starts_with("/admin/")
    {
        findings.add(
            &["observability.metrics.path"],
            format!("is {:?}", metrics.path),
            "That is where the admin API is",
            "Choose another path, such as /metrics",
        );
    }
    if observability.tracing.enabled && observability.tracing.endpoint.is_none() {
        findings.add(
            &["observability.tracing.endpoint", "observability.tracing.enabled"],
            "is not set, and observability.tracing.enabled is true",
            NOWHERE,
            SET_ENDPOINT,
        );
    }
}
