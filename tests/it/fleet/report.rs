//! What clients felt of each fault.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::faults::Fault;
use super::history::{Event, Moment, Outcome, Place};

/// One fault, from its begin until the fleet was whole again.
#[derive(Debug)]
pub(super) struct Felt {
    pub(super) fault: Fault,
    /// How long after the fault was over.
    pub(super) whole_after: Duration,
    /// Through the balancer: successes, 503 answers, connections that did not hold, anything else.
    pub(super) successes: u64,
    pub(super) unavailable: u64,
    pub(super) unknown: u64,
    pub(super) others: u64,
    /// The longest time in which no client had a success.
    pub(super) silence: Duration,
}

impl Felt {
    pub(super) fn of(
        history: &[Event],
        fault: Fault,
        [begun, ended]: [Moment; 2],
        whole_after: Duration,
    ) -> Felt {
        let answered = |event: &&Event| {
            event.place == Place::Balancer
                && event.outcome != Outcome::Pending
                && (begun..=ended).contains(&event.ended)
        };
        let mut felt = Felt {
            fault,
            whole_after,
            successes: 0,
            unavailable: 0,
            unknown: 0,
            others: 0,
            silence: Duration::ZERO,
        };
        let mut successes = vec![begun, ended];
        for event in history.iter().filter(answered) {
            match &event.outcome {
                outcome if outcome.is_success() => {
                    felt.successes += 1;
                    successes.push(event.ended);
                }
                outcome if outcome.is_unavailable() => felt.unavailable += 1,
                Outcome::Unknown => felt.unknown += 1,
                _ => felt.others += 1,
            }
        }
        successes.sort_unstable();
        let gaps = successes.windows(2).map(|pair| pair[1] - pair[0]);
        felt.silence = gaps.max().unwrap_or_default();
        felt
    }
}

/// The line above them.
pub(super) fn heading() -> String {
    format!(
        "{:<34} {:>9} {:>6} {:>8} {:>8} {:>9} {:>12}",
        "fault", "successes", "503", "unknown", "deserved", "silence", "whole after"
    )
}

impl fmt::Display for Felt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<34} {:>9} {:>6} {:>8} {:>8} {:>7.1} s {:>10.1} s",
            self.fault.to_string(),
            self.successes,
            self.unavailable,
            self.unknown,
            self.others,
            self.silence.as_secs_f64(),
            self.whole_after.as_secs_f64()
        )
    }
}

/// How often each act had each outcome.
pub(super) fn tally(history: &[Event]) -> String {
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
    for event in history {
        let act = format!("{:?}", event.act);
        let act = act.split([' ', '{']).next().unwrap_or_default().to_owned();
        let outcome = match &event.outcome {
            Outcome::Refused { status, error, .. } => format!("{status} {error}"),
            Outcome::Unknown => "unknown".to_owned(),
            Outcome::Strange(_) => "strange".to_owned(),
            Outcome::Pending => "pending".to_owned(),
            _ => "success".to_owned(),
        };
        *counts.entry((act, outcome)).or_default() += 1;
    }
    let lines = counts
        .into_iter()
        .map(|((act, outcome), count)| format!("{act:<14} {outcome:<40} {count:>7}\n"));
    lines.collect()
}
