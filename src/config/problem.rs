//! What can be wrong with a configuration, in words for the operator who has to mend it.
//!
//! Each says what is wrong, what it means and what to do. The value of a secret is never part of it.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The configuration file, by its path.
    File(String),
    /// An environment variable, by its name.
    Variable(String),
    /// The built-in default.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "in {path}"),
            Self::Variable(name) => write!(f, "from the variable {name}"),
            Self::Default => f.write_str("by default"),
        }
    }
}

/// One problem with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error(
        "cannot read the configuration file {path}: {cause}. The server does not start without the \
         file it was told to use; check the path and who may read it"
    )]
    Unreadable {
        /// The path as given.
        path: String,
        /// What the operating system said.
        cause: String,
    },
    /// The file is not YAML, or not a mapping.
    #[error(
        "{path} is not a YAML mapping of settings: {cause}. Nothing was read from it; correct the file at that place"
    )]
    NotYaml {
        /// The path as given.
        path: String,
        /// What the YAML parser said.
        cause: String,
    },
    /// A key in the file that is no setting.
    #[error("`{key}` is not a setting and would have no effect; {}", remedy_for_unknown(suggestion.as_deref()))]
    UnknownKey {
        /// Its full path.
        key: String,
        /// The setting that was probably meant.
        suggestion: Option<String>,
    },
    /// A key written with dots instead of nesting.
    #[error(
        "`{key}` is written with a dot and would have no effect; keys are nested: put each part under the one before, on its own line"
    )]
    DottedKey {
        /// The key as written.
        key: String,
    },
    /// An `AUTHPLANE_*` variable that overrides nothing.
    #[error("the variable {name} overrides no setting and would have no effect; {}", remedy_for_unknown(suggestion.as_deref()))]
    UnknownVariable {
        /// Its name.
        name: String,
        /// The variable that was probably meant.
        suggestion: Option<String>,
    },
    /// `${VAR}` in the file, and nobody set `VAR`.
    #[error(
        "`{key}` refers to ${{{variable}}}, which is not set, so its value is unknown; set {variable} or write `$${{` for a literal `${{`"
    )]
    UnsetVariable {
        /// The key whose value refers to it.
        key: String,
        /// The variable that is missing.
        variable: String,
    },
    /// `${` that is not followed by a name and `}`.
    #[error(
        "`{key}` contains `${{` that is not a reference of the form ${{NAME}}, so its value is unknown; correct it or write `$${{` for a literal `${{`"
    )]
    BadReference {
        /// The key whose value contains it.
        key: String,
    },
    /// A section that holds a plain value.
    #[error(
        "`{key}` {place} holds a plain value, but it is a section; put its settings under it, indented"
    )]
    NotASection {
        /// The section.
        key: String,
        /// Where it was set.
        place: Place,
    },
    /// A value of the wrong form.
    #[error("`{key}` {place} {}: expected {form}", describe_unparseable(shown.as_deref(), why))]
    Unparseable {
        /// The setting.
        key: String,
        /// Where it was set.
        place: Place,
        /// The value, unless it is a secret.
        shown: Option<String>,
        /// What is wrong with it; may be empty.
        why: String,
        /// What was expected.
        form: String,
    },
    /// A setting for something this version does not do.
    #[error("`{key}` {place} asks for {feature}, which is not built yet; remove it")]
    NotBuilt {
        /// The setting.
        key: String,
        /// Where it was set.
        place: Place,
        /// What is not built yet.
        feature: &'static str,
    },
    /// Values that are well formed but cannot be right.
    #[error("`{key}` {what}. {meaning}. {remedy}")]
    Invalid {
        /// The setting.
        key: String,
        /// What is wrong.
        what: String,
        /// What that means.
        meaning: String,
        /// What to do.
        remedy: String,
    },
}

impl ConfigError {
    /// The setting it is about, without a position inside a list.
    pub(crate) fn setting(&self) -> Option<String> {
        match self {
            Self::UnsetVariable { key, .. }
            | Self::BadReference { key }
            | Self::UnknownKey { key, .. }
            | Self::NotASection { key, .. }
            | Self::Unparseable { key, .. }
            | Self::NotBuilt { key, .. }
            | Self::Invalid { key, .. } => key.split('[').next().map(str::to_owned),
            Self::Unreadable { .. }
            | Self::NotYaml { .. }
            | Self::DottedKey { .. }
            | Self::UnknownVariable { .. } => None,
        }
    }
}

/// Everything that is wrong with the configuration, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
}

impl ConfigErrors {
    pub(crate) fn new(errors: Vec<ConfigError>) -> Self {
        Self { errors }
    }

    /// The problems, in the order in which to read them.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.errors.iter()
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self { errors: vec![error] }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errors.len() {
            1 => f.write_str("the configuration has a problem, the server does not start:")?,
            n => write!(f, "the configuration has {n} problems, the server does not start:")?,
        }
        self.errors.iter().try_for_each(|error| write!(f, "\n  - {error}"))
    }
}

impl std::error::Error for ConfigErrors {}

/// A rule that does not hold, and the settings it looked at.
#[derive(Debug)]
pub(crate) struct Finding {
    /// The settings the rule depends on; the first is the one to name.
    pub(crate) keys: &'static [&'static str],
    /// Position inside the first key, for entries of a list.
    pub(crate) inside: String,
    pub(crate) what: String,
    pub(crate) meaning: &'static str,
    pub(crate) remedy: String,
}

impl Finding {
    pub(crate) fn concerns_any(&self, keys: &BTreeSet<String>) -> bool {
        self.keys.iter().any(|key| keys.contains(*key))
    }
}

impl From<Finding> for ConfigError {
    fn from(finding: Finding) -> Self {
        let key = finding.keys.first().copied().unwrap_or_default();
        Self::Invalid {
            key: format!("{key}{}", finding.inside),
            what: finding.what,
            meaning: finding.meaning.to_owned(),
            remedy: finding.remedy,
        }
    }
}

fn remedy_for_unknown(suggestion: Option<&str>) -> String {
    match suggestion {
        Some(name) => format!("did you mean `{name}`?"),
        None => "remove it (`authserver docs config` lists every setting)".to_owned(),
    }
}

fn describe_unparseable(shown: Option<&str>, why: &str) -> String {
    match (shown, why.is_empty()) {
        (Some(value), true) => format!("is {value}"),
        (Some(value), false) => format!("is {value}, and {why}"),
        (None, true) => "cannot be understood".to_owned(),
        (None, false) => format!("cannot be understood, because {why}"),
    }
}

/// The longest part of a value that a message repeats.
const SHOWN_CHARACTERS: usize = 80;

/// A value as a message may repeat it: one line, of bounded length, without URL credentials.
pub(crate) fn printable(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let masked = mask_userinfo(text);
            let mut short: String = masked.chars().take(SHOWN_CHARACTERS).collect();
            if short.len() < masked.len() {
                short.push('…');
            }
            format!("{short:?}")
        }
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a section".to_owned(),
        Value::Null => "empty".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// Somebody who pastes `https://user:password@host` into the wrong setting still keeps the password.
fn mask_userinfo(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://***@{host}"),
        None => text.to_owned(),
    }
}
