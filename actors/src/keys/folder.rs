//! A folder of private files: readable by their owner only, replaced as a whole, and
//! changed by one process at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::error::KeyStoreError;

const LOCK: &str = "lock";

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct PrivateFolder {
    path: PathBuf,
}

/// While it lives, no other process changes the folder.
#[derive(Debug)]
pub(super) struct Locked {
    _file: File,
}

impl PrivateFolder {
    /// Opens the folder, creating it (mode 0700) when missing.
    pub(super) fn open(folder: &Path) -> Result<PrivateFolder, KeyStoreError> {
        let path = folder.to_owned();
        let failed = |cause| KeyStoreError::File { path: path.clone(), cause };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let mode = fs::metadata(folder).map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o022 != 0 {
            return Err(KeyStoreError::FolderExposed { path, mode });
        }
        Ok(PrivateFolder { path })
    }

    /// Where a file of this name is.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Waits until nobody else changes the folder.
    pub(super) fn lock(&self) -> Result<Locked, KeyStoreError> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(self.path_of(LOCK)).map_err(|cause| self.failed(LOCK, cause))?;
        file.lock().map_err(|cause| self.failed(LOCK, cause))?;
        Ok(Locked { _file: file })
    }

    /// Whether the file is there. A disk that does not answer is not "no".
    pub(super) fn has(&self, name: &str) -> Result<bool, KeyStoreError> {
        self.path_of(name).try_exists().map_err(|cause| self.failed(name, cause))
    }

    /// The names of all files.
    pub(super) fn names(&self) -> Result<Vec<String>, KeyStoreError> {
        let name = |file: fs::DirEntry| file.file_name().to_string_lossy().into_owned();
        // A name that cannot be read may be that of the key that signs.
        let listed = fs::read_dir(&self.path)
            .and_then(|listed| listed.map(|file| file.map(name)).collect::<io::Result<_>>());
        listed.map_err(|cause| self.failed("", cause))
    }

    /// Reads a file that nobody else can read.
    pub(super) fn read(&self, name: &str) -> Result<String, KeyStoreError> {
        let path = self.path_of(name);
        let mode = fs::metadata(&path).map_err(|cause| self.failed(name, cause))?;
        let mode = mode.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyStoreError::Exposed { path, mode });
        }
        fs::read_to_string(&path).map_err(|cause| self.failed(name, cause))
    }

    /// Replaces a file as a whole: readers see the old or the new one, also after a
    /// power cut.
    pub(super) fn replace(&self, name: &str, content: &[u8]) -> Result<(), KeyStoreError> {
        let failed = |cause| self.failed(name, cause);
        let draft = self.path_of(&format!(".{name}.draft"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&draft).map_err(failed)?;
        file.write_all(content).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        fs::rename(&draft, self.path_of(name)).map_err(failed)?;
        File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(failed)
    }

    /// Gives a file another name.
    pub(super) fn rename(&self, name: &str, to: &str) -> Result<(), KeyStoreError> {
        fs::rename(self.path_of(name), self.path_of(to))
            .and_then(|()| File::open(&self.path)?.sync_all())
            .map_err(|cause| self.failed(name, cause))
    }

    /// Removes a file; one that is not there is removed already.
    pub(super) fn remove(&self, name: &str) -> Result<(), KeyStoreError> {
        match fs::remove_file(self.path_of(name)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(self.failed(name, cause)),
            _ => Ok(()),
        }
    }

    fn failed(&self, name: &str, cause: io::Error) -> KeyStoreError {
        KeyStoreError::File { path: self.path_of(name), cause }
    }
}
