//! Scopes as they are typed: `name|upstream|description`.

use std::path::PathBuf;

use clap::Args;
use protocol::resource::ScopeEntry;

use super::super::CliError;

#[derive(Debug, Args)]
pub(super) struct Scopes {
    /// A scope: 'name', or 'name||description' (repeatable).
    #[arg(long, value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A file with one such scope a line; '#' begins a comment.
    #[arg(long, value_name = "FILE")]
    scopes_file: Option<PathBuf>,
    /// Scopes given when a request names none, comma separated [default: all].
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    default_scopes: Vec<String>,
}

impl Scopes {
    /// The whole catalog, if anything was said about it.
    ///
    /// # Errors
    /// Says which line cannot be read.
    pub(super) fn read(self) -> Result<Option<Vec<ScopeEntry>>, CliError> {
        let mut lines = self.scopes;
        let from_file = self.scopes_file.is_some();
        if let Some(file) = self.scopes_file {
            let text = std::fs::read_to_string(&file).map_err(|error| {
                CliError::Usage(format!("--scopes-file {}: {error}", file.display()))
            })?;
            let meant = |line: &&str| !line.is_empty() && !line.starts_with('#');
            lines.extend(text.lines().map(str::trim).filter(meant).map(str::to_owned));
        }
        let is_default = |name: &str| self.default_scopes.iter().any(|wanted| wanted == name);
        let scopes: Result<Vec<ScopeEntry>, CliError> =
            lines.iter().map(|line| entry(line, is_default)).collect();
        let scopes = scopes?;
        let listed = |name: &&String| scopes.iter().all(|scope| scope.name != **name);
        match self.default_scopes.iter().find(listed) {
            Some(stranger) => Err(CliError::Usage(format!(
                "--default-scopes names '{stranger}', which is not among --scopes"
            ))),
            None => Ok(Some(scopes).filter(|scopes| from_file || !scopes.is_empty())),
        }
    }
}

fn entry(line: &str, is_default: impl Fn(&str) -> bool) -> Result<ScopeEntry, CliError> {
    let mut parts = line.splitn(3, '|').map(str::trim);
    let name = parts.next().unwrap_or_default();
    if parts.next().is_some_and(|upstream| !upstream.is_empty()) {
        return Err(CliError::Usage(format!(
            "scope '{name}': upstream scopes belong to broker resources, which are not built yet"
        )));
    }
    let description = parts.next().filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(ScopeEntry { name: name.to_owned(), description, default: is_default(name) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(scopes: &[&str], defaults: &[&str]) -> Result<Option<Vec<ScopeEntry>>, CliError> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let (scopes, default_scopes) = (owned(scopes), owned(defaults));
        Scopes { scopes, scopes_file: None, default_scopes }.read()
    }

    #[test]
    fn name_and_description_are_read_and_defaults_marked() {
        let read = typed(&["read||Look | around", "write"], &["write"]).unwrap().unwrap();
        assert_eq!((read[0].name.as_str(), read[0].default), ("read", false));
        assert_eq!(read[0].description.as_deref(), Some("Look | around"));
        assert_eq!((read[1].description.as_deref(), read[1].default), (None, true));
    }

    #[test]
    fn what_is_not_said_is_not_changed() {
        assert_eq!(typed(&[], &[]).unwrap(), None);
    }

    #[test]
    fn upstream_scopes_and_strange_defaults_are_refused() {
        assert!(typed(&["read|user:read|Look"], &[]).is_err());
        assert!(typed(&["read"], &["write"]).is_err());
    }
}
