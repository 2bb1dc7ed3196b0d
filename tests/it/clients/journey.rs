//! One journey: a client is run, and every line it prints has to say that a step went well.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Semaphore;

use super::stage::Stage;

/// Chromium is heavy: this many journeys run at once, whatever the number of tests that do.
static BROWSERS: Semaphore = Semaphore::const_new(2);
/// When a journey gives up by itself.
const JOURNEY_TIMEOUT_SECONDS: &str = "120";
/// When we give up on a journey that does not.
const PATIENCE: Duration = Duration::from_secs(150);

/// Whose client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sdk {
    TypeScript,
    Python,
    Rust,
    /// oauth4webapi, which knows no leniency.
    Strict,
    /// The MCP conformance runner, for which we are the server under test.
    Conformance,
    /// MCP Inspector, whose page runs in the browser.
    Inspector,
}

impl Sdk {
    /// How it is started, from `tests/clients`.
    fn program(self) -> &'static [&'static str] {
        match self {
            Sdk::TypeScript => &["node", "build/typescript/journey.js"],
            Sdk::Python => &[".venv/bin/python", "python/journey.py"],
            Sdk::Rust => &["rust/target/debug/rust-client"],
            Sdk::Strict => &["node", "build/strict/journey.js"],
            Sdk::Conformance => &["node", "build/conformance/journey.js"],
            Sdk::Inspector => &["node", "build/inspector/journey.js"],
        }
    }
}

impl fmt::Display for Sdk {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Sdk::TypeScript => "typescript",
            Sdk::Python => "python",
            Sdk::Rust => "rmcp",
            Sdk::Strict => "oauth4webapi",
            Sdk::Conformance => "conformance",
            Sdk::Inspector => "inspector",
        })
    }
}

/// Runs a journey. An `Err` is everything there is to know about its failure.
pub(super) async fn travel(stage: &Stage, sdk: Sdk, scenario: &str) -> Result<(), String> {
    let _permit = BROWSERS.acquire().await.unwrap();
    let settings = [("SCENARIO", scenario), ("JOURNEY_TIMEOUT_SECONDS", JOURNEY_TIMEOUT_SECONDS)];
    let name = format!("{sdk}-{scenario}");
    let mut client = stage.run(&name, sdk.program(), &settings);
    let status = client.end_within(PATIENCE).await;
    let verdict = match status.success() {
        true => arrived(&client.out(), &format!("{sdk}/{scenario}")),
        false => Err(format!("it ended with {status}")),
    };
    verdict.map_err(|why| format!("{sdk}/{scenario}: {why}\n{}{}", client.tail(), stage.tail()))
}

/// Every step went well, and the last line says that the journey did.
pub(super) fn arrived(lines: &str, journey: &str) -> Result<(), String> {
    let mut last = Value::Null;
    for line in lines.lines() {
        last = serde_json::from_str(line).map_err(|_| format!("not JSON: {line}"))?;
        if last["ok"] != true {
            return Err(format!("a step did not go well: {line}"));
        }
    }
    match last["step"] == "journey" && last["journey"] == journey {
        true => Ok(()),
        false => Err(format!("the last line is not about the journey: {last}")),
    }
}

#[test]
fn a_journey_has_arrived_when_its_last_line_says_so_and_no_line_differs() {
    let step = r#"{"step":"metadata","ok":true,"ms":12}"#;
    let end = r#"{"step":"journey","ok":true,"journey":"python/full"}"#;
    let went = |lines: &[&str]| arrived(&lines.join("\n"), "python/full");
    assert_eq!(went(&[step, end]), Ok(()));
    went(&[]).unwrap_err();
    went(&[step]).unwrap_err();
    went(&[step, "Traceback", end]).unwrap_err();
    went(&[&step.replace("true", "false"), end]).unwrap_err();
    went(&[step, &end.replace("full", "deny")]).unwrap_err();
}
