//! One JSON line per step on standard output; the first failure ends the journey with its reason.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::timeout;

/// Why a step did not go well.
pub type Failure = Box<dyn std::error::Error>;

const STEP_LIMIT: Duration = Duration::from_secs(60);

/// Fails with `otherwise` unless it holds.
pub fn expect(holds: bool, otherwise: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

/// Runs one step within its time limit, reports it, and returns what it produced.
pub async fn step<T>(
    name: &str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let started = Instant::now();
    let result =
        timeout(STEP_LIMIT, work).await.unwrap_or_else(|_| Err("no answer in time".into()));
    let ms = started.elapsed().as_millis() as u64;
    match &result {
        Ok(_) => println!("{}", json!({ "step": name, "ok": true, "ms": ms })),
        Err(why) => {
            let reason = why.to_string();
            println!("{}", json!({ "step": name, "ok": false, "ms": ms, "reason": reason }));
        }
    }
    result.map_err(|why| format!("{name}: {why}").into())
}

/// Runs the whole journey and turns its outcome into an exit code.
pub async fn journey(name: &str, work: impl Future<Output = Result<(), Failure>>) {
    match work.await {
        Ok(()) => println!("{}", json!({ "step": "journey", "ok": true, "journey": name })),
        Err(why) => {
            let reason = why.to_string();
            println!(
                "{}",
                json!({ "step": "journey", "ok": false, "journey": name, "reason": reason })
            );
            std::process::exit(1);
        }
    }
}
