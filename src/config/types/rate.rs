//! Rates: `10/min`.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::Value;

use super::{InvalidValue, Scalar, invalid};

/// So many per so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
}

impl Rate {
    /// How many.
    #[must_use]
    pub fn count(self) -> NonZeroU32 {
        self.count
    }

    /// In what time.
    #[must_use]
    pub fn period(self) -> Duration {
        Duration::from_secs(match self.unit {
            Unit::Second => 1,
            Unit::Minute => 60,
            Unit::Hour => 60 * 60,
            Unit::Day => 24 * 60 * 60,
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Second => "s",
            Unit::Minute => "min",
            Unit::Hour => "h",
            Unit::Day => "d",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

impl Scalar for Rate {
    fn kind() -> String {
        "rate".to_owned()
    }

    fn form() -> String {
        "a rate such as 5/s, 10/min, 100/h or 1000/d".to_owned()
    }

    fn parse_text(text: &str) -> Result<Self, InvalidValue> {
        let (count, unit) = text.split_once('/').ok_or_else(|| invalid(""))?;
        let count = count
            .trim()
            .parse()
            .map_err(|_| invalid("its count is not a positive whole number"))?;
        let unit = match unit.trim() {
            "s" | "sec" | "second" => Unit::Second,
            "m" | "min" | "minute" => Unit::Minute,
            "h" | "hour" => Unit::Hour,
            "d" | "day" => Unit::Day,
            _ => return Err(invalid("its unit is not s, min, h or d")),
        };
        Ok(Self { count, unit })
    }

    fn show(&self) -> Value {
        Value::from(self.to_string())
    }
}
