//! Collects what the operator gave: the leaves of the file, and over them the variables.
//!
//! The `config` crate reads the YAML. Laying one source over the other is done here and not by its
//! builder, because every message has to name where the offending value came from.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use ::config::{File, FileFormat, Source as _};
use serde_json::Value;

use super::environment;
use super::interpolate::Interpolation;
use super::problem::{ConfigError, ConfigErrors, Place};
use super::reader::Given;
use super::section::Setting;
use super::suggest;

/// A configuration is a few kilobytes; something larger is not a configuration.
const LARGEST_FILE: u64 = 1024 * 1024;

/// The text of a configuration file and the name to call it by.
#[derive(Debug)]
pub(crate) struct Document {
    name: String,
    tree: serde_json::Map<String, Value>,
}

/// Reads and parses a file.
pub(crate) fn read(path: &Path) -> Result<Document, ConfigErrors> {
    let name = path.display().to_string();
    let unreadable =
        |cause: String| ConfigErrors::from(ConfigError::Unreadable { path: name.clone(), cause });
    let file = std::fs::File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let mut text = String::new();
    file.take(LARGEST_FILE + 1)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(error.to_string()))?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > LARGEST_FILE {
        return Err(unreadable("it is larger than 1 MiB".to_owned()));
    }
    Document::parse(name, &text)
}

impl Document {
    /// Parses YAML text.
    pub(crate) fn parse(name: String, text: &str) -> Result<Self, ConfigErrors> {
        let text = text.trim_start_matches('\u{feff}');
        let not_yaml =
            |cause: String| ConfigErrors::from(ConfigError::NotYaml { path: name.clone(), cause });
        let values = File::from_str(text, FileFormat::Yaml)
            .collect()
            .map_err(|error| not_yaml(error.to_string()))?;
        let mut tree = serde_json::Map::new();
        for (key, value) in values {
            let value = value.try_deserialize().map_err(|error| not_yaml(error.to_string()))?;
            tree.insert(key, value);
        }
        Ok(Self { name, tree })
    }
}

/// What was given, by key, and what was wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) given: BTreeMap<&'static str, Given>,
    pub(crate) errors: Vec<ConfigError>,
    referenced: BTreeSet<String>,
}

/// Settings whose value is the name of a variable that holds a secret.
const NAME_A_VARIABLE: &[&str] = &[
    "oidc.client_secret_ref",
    "data_encryption.aes_master.key_env",
    "data_encryption.aes_master.old_key_env",
    "data_encryption.vault_transit_encrypt.token_env",
];

impl Gathered {
    /// Takes the leaves of the file; `${NAME}` comes from `env`.
    pub(crate) fn take_file(
        &mut self,
        document: &Document,
        table: &[Setting],
        env: &BTreeMap<String, String>,
    ) {
        let keys: Vec<&'static str> = table.iter().map(|setting| setting.key).collect();
        let mut interpolation = Interpolation::new(env);
        let mut walk =
            Walk { keys: &keys, document, into: self, interpolation: &mut interpolation };
        walk.section("", &document.tree);
        self.errors.append(&mut interpolation.errors);
        self.referenced.append(&mut interpolation.used);
    }

    /// Takes the variables that override a setting, and reports those that look as if they did.
    pub(crate) fn take_environment(&mut self, table: &[Setting], env: &BTreeMap<String, String>) {
        for setting in table {
            if let Some(text) = env.get(&setting.variable).filter(|text| !text.is_empty()) {
                let place = Place::Variable(setting.variable.clone());
                self.given.insert(setting.key, Given { value: Value::from(text.as_str()), place });
            }
        }
        self.refuse_unknown_variables(table, env);
    }

    fn refuse_unknown_variables(&mut self, table: &[Setting], env: &BTreeMap<String, String>) {
        let known: Vec<&str> = table.iter().map(|setting| setting.variable.as_str()).collect();
        let named: BTreeSet<&str> =
            NAME_A_VARIABLE.iter().filter_map(|key| self.given.get(key)?.value.as_str()).collect();
        let stray = env.iter().filter(|(name, value)| {
            name.starts_with(environment::PREFIX)
                && *name != environment::CONFIG_FILE
                && !environment::COMMAND_LINE.contains(&name.as_str())
                && !known.contains(&name.as_str())
                && !named.contains(name.as_str())
                && !self.referenced.contains(*name)
                && !environment::is_somebody_elses(name, value, &known)
        });
        let errors: Vec<ConfigError> = stray
            .map(|(name, _)| ConfigError::UnknownVariable {
                name: name.clone(),
                suggestion: environment::suggestion(name, &known),
            })
            .collect();
        self.errors.extend(errors);
    }
}

/// One walk over the tree of the file.
struct Walk<'a, 'env> {
    keys: &'a [&'static str],
    document: &'a Document,
    into: &'a mut Gathered,
    interpolation: &'a mut Interpolation<'env>,
}

impl Walk<'_, '_> {
    fn section(&mut self, path: &str, members: &serde_json::Map<String, Value>) {
        for (name, value) in members {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            if name.contains('.') {
                self.into.errors.push(ConfigError::DottedKey { key: path });
            } else {
                self.member(path, value);
            }
        }
    }

    fn member(&mut self, path: String, value: &Value) {
        if let Some(key) = self.keys.iter().find(|key| **key == path) {
            self.leaf(key, value);
            return;
        }
        let inside = format!("{path}.");
        if !self.keys.iter().any(|key| key.starts_with(&inside)) {
            let suggestion = suggest::setting(&path, self.keys);
            self.into.errors.push(ConfigError::UnknownKey { key: path, suggestion });
            return;
        }
        match value {
            Value::Object(members) => self.section(&path, members),
            // A section whose settings are all commented out.
            Value::Null => {}
            _ => self.into.errors.push(ConfigError::NotASection { key: path, place: self.place() }),
        }
    }

    /// A key without a value counts as not set.
    fn leaf(&mut self, key: &'static str, value: &Value) {
        if value.is_null() {
            return;
        }
        if let Some(value) = self.interpolation.apply(key, value.clone()) {
            let place = self.place();
            self.into.given.insert(key, Given { value, place });
        }
    }

    fn place(&self) -> Place {
        Place::File(self.document.name.clone())
    }
}
