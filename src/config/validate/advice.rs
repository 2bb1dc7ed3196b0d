//! What is no contradiction, so that the server starts with it, and what its operator should hear
//! of at each start.

use super::Findings;
use super::deployment::{KEY_LENGTH, MAKE_ONE};
use crate::config::Config;

/// As few different bytes as no random key of [`KEY_LENGTH`] has, not even one of hexadecimal digits.
const FEW: usize = 8;

pub(super) fn check(config: &Config, findings: &mut Findings) {
    root_key(config, findings);
}

/// The limit on wrong admin keys never stands in the way of a right one: who shares an address with
/// the operator must not be able to shut them out. So nothing but the key itself stops who guesses
/// it. Minted keys are signed; this one is whatever somebody typed.
fn root_key(config: &Config, findings: &mut Findings) {
    let Some(key) = config.admin.api_key.as_ref().filter(|_| config.admin.enabled) else { return };
    let what = if key.length() < KEY_LENGTH {
        format!("has {} bytes only", key.length())
    } else if key.different_bytes() < FEW {
        "is made of a few different characters only".to_owned()
    } else {
        return;
    };
    findings.add(
        &["admin.api_key"],
        what,
        "A right key is let in however many wrong ones were tried, so whoever can guess this one \
         rules over every client and user",
        MAKE_ONE,
    );
}
