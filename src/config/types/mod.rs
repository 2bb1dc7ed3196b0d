//! The types of settings: how each is written, read and shown.

mod choices;
mod duration;
mod issuer;
mod named_secret;
mod net;
mod plain;
mod rate;
mod secret;

pub use self::choices::{
    DataEncryptionDriver, DcrMode, KeyStore, LogFormat, LogLevel, MetricsProvider, SameSite,
    SigningAlgorithm, StorageDriver, SubjectMode, VaultAuthMethod,
};
pub(crate) use self::duration::{parse_duration, written};
pub use self::issuer::Issuer;
pub use self::named_secret::NamedSecret;
pub use self::net::{ExactUri, Origin};
pub use self::plain::ScopeName;
pub use self::rate::Rate;
pub(crate) use self::secret::MASK;
pub use self::secret::{BasicAuth, Secret};

use serde_json::Value;

/// A text that is not a value of the type it was read as; says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(pub(crate) String);

/// A value that was refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It has the wrong form.
    Value {
        /// Position inside a list, such as `[2]`; empty for the value itself.
        inside: String,
        /// The part that is wrong.
        shown: Option<Value>,
        /// Why, for a sentence that already names the value; may be empty. Never contains a secret.
        why: String,
    },
    /// An entry has a member nobody knows.
    UnknownMember {
        /// Position, such as `[2].slgu`.
        inside: String,
        /// The full name that was probably meant.
        suggestion: Option<String>,
    },
}

impl Refusal {
    fn of(value: &Value, why: impl Into<String>) -> Vec<Self> {
        vec![Self::Value { inside: String::new(), shown: Some(value.clone()), why: why.into() }]
    }
}

/// A type of setting.
pub(crate) trait SettingValue: Sized {
    /// Whether it must never be shown.
    const SECRET: bool = false;
    /// What the reference calls it, `duration`.
    fn kind() -> String;
    /// What a message says was expected, `a duration such as …`.
    fn form() -> String;
    /// Reads it from the YAML value or the text of a variable.
    fn parse(value: &Value) -> Result<Self, Vec<Refusal>>;
    /// It as JSON, masked if secret.
    fn show(&self) -> Value;
}

/// A type of setting that is one piece of text.
pub(crate) trait Scalar: Sized {
    /// As [`SettingValue::SECRET`].
    const SECRET: bool = false;
    /// Whether YAML must give a string. True for free text: YAML would turn an unquoted `0123` into
    /// 123 and nobody would know.
    const FREE_TEXT: bool = false;
    /// As [`SettingValue::kind`].
    fn kind() -> String;
    /// As [`SettingValue::form`].
    fn form() -> String;
    /// Reads it; the error says why, and never contains the text if that is secret.
    fn parse_text(text: &str) -> Result<Self, InvalidValue>;
    /// As [`SettingValue::show`].
    fn show(&self) -> Value;
    /// Whether `c` separates items of a list written as one text.
    fn separates(c: char) -> bool {
        c == ','
    }
}

/// The text of a YAML scalar.
fn text_of<T: Scalar>(value: &Value) -> Result<String, Vec<Refusal>> {
    match value {
        Value::String(text) if T::FREE_TEXT => Ok(text.clone()),
        Value::String(text) => Ok(text.trim().to_owned()),
        Value::Bool(_) | Value::Number(_) if T::FREE_TEXT => {
            Err(Refusal::of(value, "YAML reads it as a number or a truth value; put it in quotes"))
        }
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(Refusal::of(value, "")),
    }
}

impl<T: Scalar> SettingValue for T {
    const SECRET: bool = T::SECRET;

    fn kind() -> String {
        T::kind()
    }

    fn form() -> String {
        T::form()
    }

    fn parse(value: &Value) -> Result<Self, Vec<Refusal>> {
        T::parse_text(&text_of::<T>(value)?).map_err(|why| Refusal::of(value, why.0))
    }

    fn show(&self) -> Value {
        Scalar::show(self)
    }
}

/// The empty text is no value.
impl<T: Scalar> SettingValue for Option<T> {
    const SECRET: bool = T::SECRET;

    fn kind() -> String {
        T::kind()
    }

    fn form() -> String {
        T::form()
    }

    fn parse(value: &Value) -> Result<Self, Vec<Refusal>> {
        match value {
            Value::String(text) if text.is_empty() => Ok(None),
            value => <T as SettingValue>::parse(value).map(Some),
        }
    }

    fn show(&self) -> Value {
        self.as_ref().map_or(Value::Null, Scalar::show)
    }
}

/// A YAML list, or one text with separators.
impl<T: Scalar> SettingValue for Vec<T> {
    const SECRET: bool = T::SECRET;

    fn kind() -> String {
        format!("list of {}s", T::kind())
    }

    fn form() -> String {
        format!("a list, each item {}", T::form())
    }

    fn parse(value: &Value) -> Result<Self, Vec<Refusal>> {
        let items: Vec<Value> = match value {
            Value::Array(items) => items.clone(),
            Value::String(text) => text
                .split(T::separates)
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(Value::from)
                .collect(),
            other => vec![other.clone()],
        };
        let mut parsed = Self::new();
        let mut refusals = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match <T as SettingValue>::parse(item) {
                Ok(item) => parsed.push(item),
                Err(refused) => refusals.extend(refused.into_iter().map(|one| one.at(index))),
            }
        }
        if refusals.is_empty() { Ok(parsed) } else { Err(refusals) }
    }

    fn show(&self) -> Value {
        self.iter().map(Scalar::show).collect()
    }
}

impl Refusal {
    fn at(self, index: usize) -> Self {
        match self {
            Self::Value { inside, shown, why } => {
                Self::Value { inside: format!("[{index}]{inside}"), shown, why }
            }
            Self::UnknownMember { inside, suggestion } => {
                Self::UnknownMember { inside: format!("[{index}]{inside}"), suggestion }
            }
        }
    }
}

fn invalid(why: impl Into<String>) -> InvalidValue {
    InvalidValue(why.into())
}
