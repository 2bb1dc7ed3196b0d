//! What can be wrong with the keys, in words for the operator who has to mend it.

use std::io;
use std::path::PathBuf;

use entities::StoreError;
use protocol::envelope::{NotSealed, Unopened};
use protocol::jose::{NoSigningKey, SigningAlgorithm};

use super::schedule::RotationUnderWay;
use crate::runtime::Fault;
use crate::secrets::SecretsError;

/// What can be wrong with the keys, or with where they are kept.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// A file cannot be read or written.
    #[error("{path}: {cause}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Other people can read a private file.
    #[error("{path} is readable by others (mode {mode:o}); run: chmod 600 {path}")]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Other people can put files into the folder.
    #[error("{path} can be written by others (mode {mode:o}); run: chmod 700 {path}")]
    FolderExposed {
        /// The folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// There are keys, and no word of which of them signs. Making new ones now would
    /// put everybody's tokens out of force.
    #[error(
        "{path} is missing, but there are signing keys beside it; restore it from your \
         backup, or move the .pem files away to start anew"
    )]
    ManifestMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A file does not hold what it should.
    #[error("{path} is damaged: {detail}; restore it from your backup")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A rotation is under way.
    #[error(transparent)]
    RotationUnderWay(#[from] RotationUnderWay),
    /// No key pair could be made.
    #[error("the crypto library could not make a key for {0}")]
    Generation(SigningAlgorithm),
    /// There are keys, and none of them signs.
    #[error(transparent)]
    NoSigningKey(#[from] NoSigningKey),
    /// What is in the database does not open.
    #[error(transparent)]
    Unopened(#[from] Unopened),
    /// Nothing can be sealed.
    #[error(transparent)]
    NotSealed(#[from] NotSealed),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What relieves the root secret.
    #[error(transparent)]
    Ring(#[from] SecretsError),
    /// The keys were moved from the database into files while this process ran.
    #[error(
        "the keys are no longer in the database: they were moved into files. Stop this server, \
         and start it with signing.key_store set to keyfile and signing.key_path to their folder"
    )]
    MovedAway,
    /// The installation keeps its keys in files.
    #[error(
        "this database was set up with keys in files, and signing.key_store is database. Set \
         signing.key_store to keyfile; or stop every server and run `authserver admin key move \
         --to database` once, with signing.key_path set to the folder that has the keys"
    )]
    KeptInFiles,
    /// The installation keeps its keys in the database.
    #[error(
        "the keys of this installation are in its database, and signing.key_store is keyfile. \
         Set signing.key_store to database; or stop every server and run `authserver admin key \
         move --to keyfile` once"
    )]
    KeptInDatabase,
    /// The secrets are not those that the database was set up with.
    #[error(
        "the root secret is another than the one this database was set up with, so everything \
         that was given out would be useless. Use the key folder and the database of one \
         installation, or restore both from one backup"
    )]
    OtherInstallation,
    /// Other processes change the keys each time this one wants to.
    #[error("the signing keys were changed by others again and again; try again")]
    Contended,
}

impl Fault for KeyStoreError {
    fn fault(&self) -> Option<String> {
        match self {
            KeyStoreError::RotationUnderWay(_) | KeyStoreError::Contended => None,
            KeyStoreError::Store(error) => error.fault(),
            KeyStoreError::Ring(error) => error.fault(),
            error => Some(error.to_string()),
        }
    }
}
