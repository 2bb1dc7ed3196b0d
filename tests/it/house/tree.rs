//! The repository as the rules see it: every text file a person wrote, with its path from the root.

use std::fs;
use std::path::Path;

/// Directories that hold what was built, installed or stored, never what was written.
const NOT_OURS: [&str; 6] = [".git", "target", "node_modules", ".venv", "__pycache__", "data"];

/// One text file of the repository.
#[derive(Debug)]
pub(super) struct SourceFile {
    /// From the root, with `/` between the parts.
    pub(super) path: String,
    pub(super) text: String,
}

impl SourceFile {
    /// A file that exists only in a test.
    pub(super) fn sample(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    pub(super) fn has_extension(&self, extensions: &[&str]) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
    }
}

/// The directory that holds `Cargo.lock`.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file of the repository, in the order of their paths.
pub(super) fn files() -> Vec<SourceFile> {
    let mut found = Vec::new();
    collect(root(), &mut found);
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// Every Rust file of the repository.
pub(super) fn rust_files() -> Vec<SourceFile> {
    files().into_iter().filter(|file| file.has_extension(&["rs"])).collect()
}

/// Names of the directories directly below `parent` (from the root; `""` is the root itself).
/// Empty when there is no such directory.
pub(super) fn directories_below(parent: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root().join(parent)) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| !NOT_OURS.contains(&name.as_str()))
        .collect();
    names.sort();
    names
}

/// Fails with every finding at once, so that one run shows all there is to mend.
pub(super) fn assert_none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}\n  {}\n", findings.join("\n  "));
}

fn collect(directory: &Path, found: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && !NOT_OURS.contains(&name.as_str()) {
            collect(&entry.path(), found);
        } else if kind.is_file() {
            found.extend(read_text(&entry.path()));
        }
    }
}

/// `None` for what is not UTF-8 text, and for a file that vanished while we looked.
fn read_text(path: &Path) -> Option<SourceFile> {
    let text = String::from_utf8(fs::read(path).ok()?).ok()?;
    let path = path.strip_prefix(root()).ok()?.to_str()?.replace('\\', "/");
    Some(SourceFile { path, text })
}
