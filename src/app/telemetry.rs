//! Logs and metrics of the process.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogFormat, LogLevel, Logging};

/// The crates whose log is at the configured level.
const OURS: [&str; 4] = ["authserver", "actors", "entities", "migration"];

/// Upper bounds of every duration histogram, in seconds.
const DURATIONS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of the batch size histogram, in requests.
const SIZES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Sends the log to standard output, in the configured form.
pub fn start_logging(logging: &Logging) {
    if !logging.outputs.stdout {
        return;
    }
    let level = match logging.level {
        LogLevel::Trace => LevelFilter::TRACE,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    // Libraries speak up when something is wrong with them, not about their day.
    let filter = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_targets(OURS.map(|target| (target, level)))
        // It calls every malformed request of anybody an error. Ours are those of handlers.
        .with_target("actix_http::h1::dispatcher", LevelFilter::OFF);
    let registry = tracing_subscriber::registry().with(filter);
    // A second server in one process (as in tests) keeps the first one's log.
    let started = match logging.format {
        LogFormat::Json => {
            registry.with(fmt::layer().json().flatten_event(true).with_span_list(false)).try_init()
        }
        LogFormat::Text => registry.with(fmt::layer()).try_init(),
    };
    drop(started);
}

/// How often what was measured is folded into the histograms. Often, because the fold takes
/// time from the keepers, and the more the longer it waited.
const UPKEEP: Duration = Duration::from_secs(1);

/// The process's metrics, installed on first use.
///
/// A recorder belongs to a process, not to a server: several servers in one process
/// count into the same.
#[must_use]
pub fn metrics() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_duration_seconds".to_owned()), &DURATIONS)
                .and_then(|builder| {
                    let lag = Matcher::Full("authserver_relay_lag_seconds".to_owned());
                    builder.set_buckets_for_metric(lag, &DURATIONS)
                })
                .and_then(|builder| {
                    let sizes = Matcher::Suffix("_batch_size".to_owned());
                    builder.set_buckets_for_metric(sizes, &SIZES)
                })
                .and_then(PrometheusBuilder::install_recorder)
                .ok()
        })
        .as_ref()
}

/// Keeps the metrics in bounds for as long as it runs. Until it is folded, every single
/// measurement is kept: without this, memory grows with each request that nobody scrapes.
pub async fn keep_metrics() {
    if let Some(recorder) = metrics() {
        every(UPKEEP, || recorder.run_upkeep()).await;
    }
}

async fn every(period: Duration, work: impl Fn()) {
    loop {
        tokio::time::sleep(period).await;
        work();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn upkeep_comes_again_and_again() {
        let times = Cell::new(0);
        let work = every(Duration::from_millis(1), || times.set(times.get() + 1));
        let stopped = tokio::time::timeout(Duration::from_secs(1), work).await;
        assert!(stopped.is_err() && times.get() > 1, "{times:?}");
    }
}
