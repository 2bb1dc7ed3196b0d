//! Turns what the operator gave into typed values, collecting every problem on the way.

use std::collections::BTreeMap;

use serde_json::Value;

use super::availability::{self, Row};
use super::problem::{ConfigError, Place, printable};
use super::types::{Refusal, SettingValue};

/// A value somebody set, and where.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) value: Value,
    pub(crate) place: Place,
}

/// Hands out typed leaves by key.
#[derive(Debug)]
pub(crate) struct Reader {
    given: BTreeMap<&'static str, Given>,
    errors: Vec<ConfigError>,
    rows: &'static [Row],
}

impl Reader {
    pub(crate) fn new(
        given: BTreeMap<&'static str, Given>,
        errors: Vec<ConfigError>,
        rows: &'static [Row],
    ) -> Self {
        Self { given, errors, rows }
    }

    pub(crate) fn into_errors(self) -> Vec<ConfigError> {
        self.errors
    }

    /// The value of `key`: what was given, or the default. A value that is refused is reported and
    /// the default takes its place, so that the rest can still be checked.
    pub(crate) fn leaf<T: SettingValue>(&mut self, key: &'static str, default: &str) -> Option<T> {
        let resting = availability::resting_value(self.rows, key).unwrap_or(default);
        let fallback = match T::parse(&Value::from(resting)) {
            Ok(value) => Some(value),
            Err(refusals) => {
                self.refuse::<T>(key, &Place::Default, refusals);
                None
            }
        };
        let Some(given) = self.given.remove(key) else { return fallback };
        let value = match T::parse(&given.value) {
            Ok(value) => value,
            Err(refusals) => {
                self.refuse::<T>(key, &given.place, refusals);
                return fallback;
            }
        };
        let rest = fallback.as_ref().map(SettingValue::show);
        match availability::refusal(self.rows, key, &value.show(), rest.as_ref()) {
            Some(feature) => {
                self.errors.push(ConfigError::NotBuilt {
                    key: key.to_owned(),
                    place: given.place,
                    feature,
                });
                fallback
            }
            None => Some(value),
        }
    }

    fn refuse<T: SettingValue>(&mut self, key: &str, place: &Place, refusals: Vec<Refusal>) {
        for refusal in refusals {
            self.errors.push(match refusal {
                Refusal::Value { inside, shown, why } => ConfigError::Unparseable {
                    key: format!("{key}{inside}"),
                    place: place.clone(),
                    shown: if T::SECRET { None } else { shown.as_ref().map(printable) },
                    why,
                    form: T::form(),
                },
                Refusal::UnknownMember { inside, suggestion } => {
                    ConfigError::UnknownKey { key: format!("{key}{inside}"), suggestion }
                }
            });
        }
    }
}
