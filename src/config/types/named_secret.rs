//! Secrets that a setting names and does not hold: they are in a variable of the environment.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Refusal, Secret, SettingValue};

/// Longer than any name, shorter than a key: whoever writes the key itself in place of the name
/// is told so, and does not find it in the log.
const LONGEST_NAME: usize = 60;

/// The name of an environment variable, and what it holds.
#[derive(Debug, Clone)]
pub struct NamedSecret {
    name: String,
    held: Option<Secret>,
}

impl NamedSecret {
    /// The variable's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it holds; none when it is unset or empty.
    #[must_use]
    pub fn held(&self) -> Option<&Secret> {
        self.held.as_ref()
    }

    /// Looks the variable up.
    pub(crate) fn look_up(&mut self, env: &BTreeMap<String, String>) {
        let held = env.get(&self.name).filter(|value| !value.is_empty());
        self.held = held.map(|value| Secret::new(value.clone()));
    }
}

/// The empty text is no name.
impl SettingValue for Option<NamedSecret> {
    fn kind() -> String {
        "name of a variable".to_owned()
    }

    fn form() -> String {
        "the name of an environment variable: letters, digits and _".to_owned()
    }

    /// What is refused is not repeated: it may be the secret.
    fn parse(value: &Value) -> Result<Self, Vec<Refusal>> {
        let refused = |why: &str| {
            Err(vec![Refusal::Value { inside: String::new(), shown: None, why: why.to_owned() }])
        };
        let Value::String(name) = value else { return refused("it is no text") };
        if name.is_empty() {
            return Ok(None);
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.len() > LONGEST_NAME {
            return refused("it is too long for a name; is it the key itself?");
        }
        if !name.bytes().all(is_name) || name.starts_with(|first: char| first.is_ascii_digit()) {
            return refused("it is no name");
        }
        Ok(Some(NamedSecret { name: name.clone(), held: None }))
    }

    fn show(&self) -> Value {
        self.as_ref().map_or(Value::Null, |named| Value::from(named.name.as_str()))
    }
}
