//! Logs, metrics and traces.

use url::Url;

use crate::config::section::section;
use crate::config::types::{BasicAuth, LogFormat, LogLevel, MetricsProvider};

section! {
    /// Logs, metrics and traces.
    Observability at "observability." {
    } with {
        /// Logs.
        logging: Logging,
        /// Metrics.
        metrics: Metrics,
        /// Traces.
        tracing: Tracing,
    }
}

section! {
    /// Logs.
    Logging at "observability.logging." {
        /// The least severe event that is logged.
        level: LogLevel = "info",
        /// How a log line is written.
        format: LogFormat = "json",
    } with {
        /// Where logs go.
        outputs: LoggingOutputs,
    }
}

section! {
    /// Where logs go.
    LoggingOutputs at "observability.logging.outputs." {
        /// To standard output.
        stdout: bool = "true",
        /// To an OpenTelemetry collector.
        otel: bool = "false",
        /// Where the collector is.
        otel_endpoint: Option<Url> = "",
    }
}

section! {
    /// Metrics.
    Metrics at "observability.metrics." {
        /// Scraped from the admin listener, pushed, both or neither.
        provider: MetricsProvider = "prometheus",
        /// The path of the metrics on the admin listener.
        path: String = "/metrics",
        /// Where the collector is.
        otel_endpoint: Option<Url> = "",
        /// Who may scrape. Unset: anybody who reaches the admin listener.
        basic_auth: Option<BasicAuth> = "",
    }
}

section! {
    /// Traces.
    Tracing at "observability.tracing." {
        /// Whether requests are traced.
        enabled: bool = "false",
        /// Where the collector is.
        endpoint: Option<Url> = "",
        /// The part of requests that is traced.
        sample_rate: f64 = "1.0",
    }
}
