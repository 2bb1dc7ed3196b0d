//! What must hold between values that are each well formed.
//!
//! A rule says what is wrong, what it means and what to do, and names every setting it looked at: if
//! one of those already failed to read, the rule is silent, because it would judge a default.

mod advice;
mod bounds;
mod clients;
mod deployment;
mod federation;
mod seeds;
mod telemetry;

use super::Config;
use super::problem::Finding;

/// Every rule that does not hold.
pub(crate) fn check(config: &Config) -> Vec<Finding> {
    let mut findings = Findings::default();
    bounds::check(config, &mut findings);
    deployment::check(config, &mut findings);
    clients::check(config, &mut findings);
    federation::check(config, &mut findings);
    telemetry::check(config, &mut findings);
    seeds::check(config, &mut findings);
    findings.found
}

/// What is allowed, and unwise.
pub(crate) fn advise(config: &Config) -> Vec<Finding> {
    let mut findings = Findings::default();
    advice::check(config, &mut findings);
    findings.found
}

/// Collects what the rules find.
#[derive(Debug, Default)]
struct Findings {
    found: Vec<Finding>,
}

impl Findings {
    /// The first of `keys` is the one to blame.
    fn add(
        &mut self,
        keys: &'static [&'static str],
        what: impl Into<String>,
        meaning: &'static str,
        remedy: impl Into<String>,
    ) {
        self.add_inside(keys, String::new(), what, meaning, remedy);
    }

    fn add_inside(
        &mut self,
        keys: &'static [&'static str],
        inside: String,
        what: impl Into<String>,
        meaning: &'static str,
        remedy: impl Into<String>,
    ) {
        self.found.push(Finding {
            keys,
            inside,
            what: what.into(),
            meaning,
            remedy: remedy.into(),
        });
    }
}
