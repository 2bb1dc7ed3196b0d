//! Moments in the claims of others.

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// RFC 7519 §2: seconds since the epoch, perhaps with a fraction, which is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumericDate(pub DateTime<Utc>);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked before")]
        let whole = |number: f64| (number.abs() < 1e12).then_some(number.trunc() as i64);
        let seconds = number.as_i64().or_else(|| number.as_f64().and_then(whole));
        let moment = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        moment.map(NumericDate).ok_or_else(|| serde::de::Error::custom("no time"))
    }
}
