//! `${NAME}` in values of the file, from the environment; `$${` is a literal `${`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::problem::ConfigError;

/// Replaces references in every string of a value, however deep.
#[derive(Debug)]
pub(crate) struct Interpolation<'a> {
    env: &'a BTreeMap<String, String>,
    /// The variables that were referred to.
    pub(crate) used: BTreeSet<String>,
    /// What could not be replaced.
    pub(crate) errors: Vec<ConfigError>,
}

impl<'a> Interpolation<'a> {
    pub(crate) fn new(env: &'a BTreeMap<String, String>) -> Self {
        Self { env, used: BTreeSet::new(), errors: Vec::new() }
    }

    /// `value` with its references replaced, or `None` if one of them could not be.
    pub(crate) fn apply(&mut self, key: &str, value: Value) -> Option<Value> {
        match value {
            Value::String(text) => self.text(key, &text).map(Value::String),
            Value::Array(items) => {
                let items: Vec<Option<Value>> = items
                    .into_iter()
                    .enumerate()
                    .map(|(index, item)| self.apply(&format!("{key}[{index}]"), item))
                    .collect();
                items.into_iter().collect::<Option<Vec<Value>>>().map(Value::Array)
            }
            Value::Object(members) => {
                let members: Vec<Option<(String, Value)>> = members
                    .into_iter()
                    .map(|(name, member)| {
                        Some((name.clone(), self.apply(&format!("{key}.{name}"), member)?))
                    })
                    .collect();
                members.into_iter().collect::<Option<_>>().map(Value::Object)
            }
            plain => Some(plain),
        }
    }

    fn text(&mut self, key: &str, text: &str) -> Option<String> {
        let mut whole = true;
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, reference) = rest.split_at(at);
            if let Some(before) = before.strip_suffix('$') {
                out.push_str(before);
                out.push_str("${");
                rest = reference.strip_prefix("${").unwrap_or_default();
                continue;
            }
            out.push_str(before);
            let Some((name, after)) = split_reference(reference) else {
                self.errors.push(ConfigError::BadReference { key: key.to_owned() });
                return None;
            };
            self.used.insert(name.to_owned());
            match self.env.get(name) {
                Some(value) => out.push_str(value),
                None => {
                    whole = false;
                    let variable = name.to_owned();
                    self.errors.push(ConfigError::UnsetVariable { key: key.to_owned(), variable });
                }
            }
            rest = after;
        }
        out.push_str(rest);
        whole.then_some(out)
    }
}

/// `${NAME}rest` into `NAME` and `rest`.
fn split_reference(reference: &str) -> Option<(&str, &str)> {
    let (name, after) = reference.strip_prefix("${")?.split_once('}')?;
    let is_name = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some((name, after))
}
