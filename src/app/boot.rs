//! From a configuration to running keepers: what the server and the command line share.

use std::sync::Arc;

use actors::keys::{KeyFiles, KeyStore, KeyStoreError, SealedKeys, Upkeep};
use actors::runtime::{Environment, Household, StartError};
use actors::{Keepers, keepers};
use entities::{Store, StoreError, installation};
use migration::{Schema, bring_up_to_date};
use tokio::runtime::Handle;

use super::{Secrets, TlsError, seed, settings};
use crate::config::{Config, KeyStore as Kept, UnusableMaster};

/// Why a server does not start. Each says what happened and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The database.
    #[error(
        "The store cannot be used: {0}\nCheck storage.* in the configuration, and that the database is running."
    )]
    Store(#[from] StoreError),
    /// The database was migrated by a version with which this one cannot live.
    #[error(
        "This version of the server does not run on this database: {0}.\n\
         Run the version that migrated it; or, to go back, restore the backup from before."
    )]
    Schema(String),
    /// The database belongs to an installation with another root secret.
    #[error(
        "This database was set up with another root secret than the one in {key_path}. Codes, \
         refresh tokens and client secrets made with the one are useless to the other.\n\
         Point signing.key_path (here: {key_path}) to the key folder this database was set up \
         with, on every replica and for every command; or use an empty database."
    )]
    ForeignDatabase {
        /// The configured key folder.
        key_path: String,
    },
    /// The database is in use, and the secret it was set up with is not there.
    #[error(
        "{key_path}/root-secret is missing, and this database was set up with one. Without it \
         every client secret, code and refresh token is useless.\n\
         Restore it from your backup, or point signing.key_path to the folder that has it."
    )]
    RootSecretMissing {
        /// The configured key folder.
        key_path: String,
    },
    /// The certificate.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// The keys.
    #[error("The signing keys cannot be used: {0}\nsigning.key_store says where they are kept.")]
    Keys(#[from] KeyStoreError),
    /// The master key.
    #[error("What is encrypted at rest cannot be read: {0}")]
    Master(#[from] UnusableMaster),
    /// Keys are to be kept in the database, and nothing would seal them.
    #[error(
        "Keys are kept in the database only encrypted. Set data_encryption.driver to aes_master, \
         and data_encryption.aes_master.key_env to the name of a variable that holds a master \
         key (`openssl rand -hex 32`)."
    )]
    NoSealer,
    /// A keeper.
    #[error("A part of the server cannot start: {0}")]
    Keeper(#[from] StartError),
    /// A configured resource.
    #[error("resources: '{slug}' cannot be created: {reason}")]
    Seed {
        /// The entry.
        slug: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A listener.
    #[error(
        "Cannot listen on {address} ({setting}): {cause}\nIs another server running there? Choose another address with {setting}."
    )]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The setting it comes from.
        setting: &'static str,
        /// Why.
        cause: std::io::Error,
    },
}

/// Keepers that run, and what they run on.
#[derive(Debug)]
pub struct Booted {
    /// The database.
    pub store: Store,
    /// Handles to the keepers.
    pub keepers: Keepers,
    /// The keepers themselves.
    pub household: Arc<Household>,
    /// Derived keys.
    pub secrets: Secrets,
    /// Where the keys are kept.
    pub keys: KeyStore,
}

/// Opens the store, brings its schema up to date, and starts the keepers. Needs an
/// actix system; database work runs on `io`.
///
/// # Errors
/// See [`BootError`].
pub async fn boot(
    config: &Config,
    environment: &Environment,
    io: Handle,
    upkeep: Upkeep,
) -> Result<Booted, BootError> {
    let (store, keys) = match config.signing.key_store {
        Kept::Database => {
            let sealer = config.data_encryption.sealer()?.ok_or(BootError::NoSealer)?;
            let store = open_migrated(config, io).await?;
            (store.clone(), KeyStore::Database(SealedKeys::new(store, sealer)))
        }
        Kept::Keyfile | Kept::VaultTransit => {
            let files = KeyFiles::open(&config.signing.key_path)?;
            let store = open_migrated(config, io).await?;
            may_use_files(&store, &files, config).await?;
            (store, KeyStore::Files(files))
        }
    };
    let root = keys.root_secret(environment).await?;
    let secrets = Secrets::derive(config, &root);
    claim(&store, &secrets, config).await?;
    let ring = keys.ring_store(&store, &root);
    let settings = settings::keeper_settings(config, &secrets, keys.clone(), ring, upkeep);
    let (keepers, household) = keepers::start(&store, environment, settings).await?;
    seed::resources(&config.resources, &keepers, environment).await?;
    Ok(Booted { store, keepers, household: Arc::new(household), secrets, keys })
}

/// Keys are in one place only. And a new root secret is for a new database: an old one would be
/// of no use to it.
///
/// The database is asked first: whoever claims it makes the secret before.
async fn may_use_files(store: &Store, files: &KeyFiles, config: &Config) -> Result<(), BootError> {
    if SealedKeys::are_in(store).await? {
        return Err(KeyStoreError::KeptInDatabase.into());
    }
    let claimed = store.read(|db| async move { installation::is_claimed(&db).await }).await?;
    if !claimed || files.has_root_secret()? {
        return Ok(());
    }
    let key_path = config.signing.key_path.display().to_string();
    Err(BootError::RootSecretMissing { key_path })
}

/// Makes sure that the database and the key folder belong together.
async fn claim(store: &Store, secrets: &Secrets, config: &Config) -> Result<(), BootError> {
    let fingerprint = secrets.fingerprint;
    let ours = store
        .write(move |transaction| {
            Box::pin(async move { installation::claim(transaction, fingerprint).await })
        })
        .await?;
    if ours {
        return Ok(());
    }
    if config.signing.key_store == Kept::Database {
        return Err(KeyStoreError::OtherInstallation.into());
    }
    let key_path = config.signing.key_path.display().to_string();
    Err(BootError::ForeignDatabase { key_path })
}

/// Opens the store and brings its schema up to date.
///
/// # Errors
/// [`BootError::Store`], or [`BootError::Schema`].
pub(crate) async fn open_migrated(config: &Config, io: Handle) -> Result<Store, BootError> {
    let store = Store::open(settings::store_options(config), io).await?;
    let schema = store
        .migrate(|transaction| Box::pin(async move { Ok(bring_up_to_date(transaction).await?) }))
        .await?;
    match schema {
        Schema::Current => {}
        Schema::Ahead(added) => tracing::info!(
            ?added,
            "a newer version has migrated the database; this one runs on it as it is"
        ),
        Schema::Unusable(reason) => return Err(BootError::Schema(reason)),
    }
    Ok(store)
}
