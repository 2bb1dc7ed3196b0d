//! The dry run about nobody in particular: what every gate says when it is not known who the
//! user is, and so not what they agreed to.

use super::{Explanation, Facts, Gate, explain};

/// What the gates say, whoever the user is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForAnybody {
    /// What they say to somebody who has agreed to everything. A refusal holds for everybody.
    pub explanation: Explanation,
    /// Whether [`Gate::Consent`] was asked, and so what comes of it depends on what the user has
    /// agreed to: a token has at most these scopes then, and all of them only for somebody who
    /// has agreed to all of them.
    pub depends_on_user: bool,
}

/// What comes of an exchange for a user of whom nothing is known. Whatever `facts` says of their
/// consent is not looked at.
#[must_use]
pub fn explain_for_anybody(facts: &Facts<'_>) -> ForAnybody {
    let everything = facts.target.catalog();
    let explanation = explain(&Facts { consent: Some(&everything), ..*facts });
    let depends_on_user = explanation.asked.iter().any(|asked| asked.gate == Gate::Consent);
    ForAnybody { explanation, depends_on_user }
}
