//! Does anything grow that should not, or is anything larger than it should be?
//!
//! The first part of a run is warm-up: caches fill, pools open, tables come to where as much
//! is swept as is added. Of the rest the first and the last third are compared, by their
//! medians. Rows that outlast every soak because they are kept a day or longer are compared
//! with what was done: nothing done makes more than a few of them.

use std::fmt;

use super::sample::Sample;
use crate::report::median;

/// Of the run, this part is warm-up.
const WARM_UP: f64 = 0.3;
/// Tables whose rows are kept at least an hour, however short their lives: the audit log a
/// day at least, codes, families and sessions a day after their end, clients that nobody
/// uses an hour.
const KEPT: [&str; 5] = ["audit_events", "authorization_codes", "clients", "families", "sessions"];
/// More rows of a kind than this no act leaves behind, on average.
const ROWS_OF_AN_ACT: f64 = 2.0;
/// What memory may differ by, in megabytes: the allocator's leave.
const MEMORY: f64 = 3.0;
/// The memory that is aimed at, in megabytes, however flat it is.
const MOST_MEMORY: f64 = 150.0;
/// What a number of files may differ by: connections come and go.
const FILES: f64 = 8.0;
/// What a number of rows may differ by: what comes in within the minute between two sweeps
/// differs from minute to minute.
const ROWS: f64 = 200.0;
/// All of them may differ by this share.
const SHARE: f64 = 0.1;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    what: String,
    from: f64,
    to: f64,
    /// Whether it is as it should be.
    pub fine: bool,
    remark: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { what, from, to, fine, remark } = self;
        let verdict = if *fine { "ok" } else { "WRONG" };
        write!(f, "{what:<26} {from:>10.1} → {to:>10.1}  {verdict}{remark}")
    }
}

/// What the samples say.
#[must_use]
pub fn of(samples: &[Sample]) -> Vec<Finding> {
    let end = samples.last().map_or(0.0, |sample| sample.at);
    let warm: Vec<&Sample> = samples.iter().filter(|it| it.at >= end * WARM_UP).collect();
    let third = warm.len().div_ceil(3);
    let (early, late) = (&warm[..third], &warm[warm.len() - third..]);
    let compared = |what: &str, leave: f64, figure: &dyn Fn(&Sample) -> f64| {
        let of =
            |part: &[&Sample]| median(&mut part.iter().map(|it| figure(it)).collect::<Vec<_>>());
        let (from, to) = (of(early), of(late));
        let fine = to - from <= leave.max(from * SHARE);
        Finding { what: what.to_owned(), from, to, fine, remark: "" }
    };
    let memory = compared("memory, MB", MEMORY, &|it| it.memory_mb);
    let most = Finding {
        what: "memory, of at most MB".to_owned(),
        from: MOST_MEMORY,
        to: memory.to,
        fine: memory.to <= MOST_MEMORY,
        remark: "",
    };
    let files = compared("open files", FILES, &|it| number(it.open_files));
    let mut findings = vec![memory, most, files];
    for name in samples.last().into_iter().flat_map(|last| last.rows.keys()) {
        let rows = |it: &Sample| number(it.rows.get(name).copied().unwrap_or_default());
        findings.push(match KEPT.contains(&name.as_str()) {
            false => compared(name, ROWS, &rows),
            true => kept(name, samples, &rows),
        });
    }
    let errors: u64 = samples.iter().map(|sample| sample.errors).sum();
    let (to, fine) = (number(errors), errors == 0);
    findings.push(Finding { what: "errors".to_owned(), from: 0.0, to, fine, remark: "" });
    findings
}

fn kept(name: &str, samples: &[Sample], rows: &dyn Fn(&Sample) -> f64) -> Finding {
    let acts: u64 = samples.iter().flat_map(|sample| sample.acts.values()).sum();
    let from = samples.first().map_or(0.0, rows);
    let to = samples.last().map_or(0.0, rows);
    let fine = to - from <= number(acts) * ROWS_OF_AN_ACT;
    Finding { what: name.to_owned(), from, to, fine, remark: ", kept longer than this run" }
}

fn number(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::acts::Act;
    use super::*;

    /// An hour in which memory and a table are these, minute by minute.
    fn hour(memory: fn(f64) -> f64, issuances: fn(f64) -> f64) -> Vec<Sample> {
        let minute = |minute: u32| {
            let at = f64::from(minute);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test")]
            let rows = issuances(at) as u64;
            Sample {
                at: at * 60.0,
                memory_mb: memory(at),
                acts: BTreeMap::from([(Act::Issue, 100)]),
                rows: BTreeMap::from([
                    ("issuances".to_owned(), rows),
                    ("audit_events".to_owned(), u64::from(minute) * 100),
                ]),
                ..Sample::default()
            }
        };
        (0..=60).map(minute).collect()
    }

    fn not_fine(samples: &[Sample]) -> Vec<String> {
        let findings = of(samples).into_iter().filter(|finding| !finding.fine);
        findings.map(|finding| finding.what).collect()
    }

    #[test]
    fn what_fills_up_and_stays_is_fine() {
        let samples = hour(|at| 40.0 + at.min(15.0), |at| at.min(3.0) * 1000.0);
        assert_eq!(not_fine(&samples), [""; 0]);
    }

    #[test]
    fn what_goes_on_growing_is_told() {
        assert_eq!(not_fine(&hour(|at| 40.0 + at * 0.3, |_| 0.0)), ["memory, MB"]);
        assert_eq!(not_fine(&hour(|_| 40.0, |at| at * 100.0)), ["issuances"]);
        assert_eq!(not_fine(&hour(|_| 160.0, |_| 0.0)), ["memory, of at most MB"]);
    }

    #[test]
    fn rows_that_are_kept_may_be_as_many_as_what_was_done_explains() {
        let mut samples = hour(|_| 40.0, |_| 0.0);
        assert_eq!(not_fine(&samples), [""; 0]);
        samples.last_mut().unwrap().rows.insert("audit_events".to_owned(), 1_000_000);
        assert_eq!(not_fine(&samples), ["audit_events"]);
    }

    #[test]
    fn one_wrong_answer_is_one_too_many() {
        let mut samples = hour(|_| 40.0, |_| 0.0);
        samples[3].errors = 1;
        assert_eq!(not_fine(&samples), ["errors"]);
    }
}
