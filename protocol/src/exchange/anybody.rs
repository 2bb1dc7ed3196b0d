//! The dry run about nobody in particular: what every gate says when it is not known who the
//! user is, and so not what they agreed to.

use super::{ConsentNeeded, Explanation, Facts, Gate, explain};

/// What the gates say, whoever the user is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForAnybody {
    /// What they say to somebody who has agreed to as much as matters. A refusal holds for
    /// everybody.
    pub explanation: Explanation,
    /// What somebody would have to have agreed to for [`Gate::Consent`] to let the exchange
    /// pass. None when that gate is not reached, and when it is not asked.
    pub depends_on: Option<ConsentNeeded>,
}

/// What comes of an exchange for a user of whom nothing is known. Whatever `facts` says of their
/// consent is not looked at.
#[must_use]
pub fn explain_for_anybody(facts: &Facts<'_>) -> ForAnybody {
    let explanation = explain(&Facts { consent: None, ..*facts });
    let denial = explanation.outcome.as_ref().err();
    let asked = denial.filter(|denial| denial.gate == Gate::Consent);
    let Some(needed) = asked.and_then(|denial| denial.consent.clone()) else {
        return ForAnybody { explanation, depends_on: None };
    };
    let explanation = explain(&Facts { consent: Some(&needed.scopes), ..*facts });
    ForAnybody { explanation, depends_on: Some(needed) }
}
