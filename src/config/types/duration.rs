//! Durations: `30s`, `15m`, `1h30m`, `168h`, `30d`, `2w`.

use std::time::Duration;

use serde_json::Value;

use super::{InvalidValue, Scalar, invalid};

/// Longer than any setting means something by, and short enough that a date of this century plus a
/// few of them is a date.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Largest first, for writing.
const UNITS: [(&str, u128); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Scalar for Duration {
    fn kind() -> String {
        "duration".to_owned()
    }

    fn form() -> String {
        "a duration with its unit, such as 500ms, 30s, 15m, 1h30m, 30d or 2w".to_owned()
    }

    fn parse_text(text: &str) -> Result<Self, InvalidValue> {
        let has_known_units = text
            .split(|c: char| c.is_ascii_digit() || c == ' ')
            .all(|unit| matches!(unit, "" | "ms" | "s" | "m" | "h" | "d" | "w"));
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid("it has no unit"));
        }
        // humantime knows months and years too, and tells `M` from `m`: a trap.
        if !has_known_units {
            return Err(invalid(""));
        }
        let duration = humantime::parse_duration(text).map_err(|_| invalid(""))?;
        if duration > LONGEST {
            return Err(invalid("it is longer than ten years"));
        }
        Ok(duration)
    }

    fn show(&self) -> Value {
        Value::from(written(*self))
    }
}

/// A duration as an operator wrote it, `d` and `w` among its units.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    Duration::parse_text(text).ok()
}

/// A duration as an operator would write it, in its largest whole unit.
pub(crate) fn written(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    UNITS
        .iter()
        .find(|(_, length)| milliseconds > 0 && milliseconds.is_multiple_of(*length))
        .map_or_else(
            || "0s".to_owned(),
            |(unit, length)| format!("{}{unit}", milliseconds / length),
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(milliseconds in 0..=LONGEST.as_secs() * 1000) {
            let duration = Duration::from_millis(milliseconds);
            prop_assert_eq!(parse_duration(&written(duration)), Some(duration));
        }

        #[test]
        fn whatever_is_read_has_a_unit_we_name_and_an_end(text in "[0-9 .a-zA-Zµ+-]{0,12}") {
            if let Some(duration) = parse_duration(&text) {
                prop_assert!(duration <= LONGEST);
                prop_assert!(text.contains(|letter: char| "smhdw".contains(letter)), "{}", text);
                prop_assert!(!text.contains(|letter: char| letter.is_ascii_uppercase()), "{}", text);
                prop_assert!(!text.contains(['.', '+', '-', 'y', 'µ']), "{}", text);
            }
        }
    }
}
