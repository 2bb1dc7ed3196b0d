//! Encryption at rest of secrets that the server has to read again.

use std::collections::BTreeMap;

use protocol::envelope::{InvalidMaster, MasterKey, Sealer};
use url::Url;

use crate::config::section::section;
use crate::config::types::{DataEncryptionDriver, NamedSecret, Secret, VaultAuthMethod};

section! {
    /// Encryption at rest, of what the server has to read again.
    DataEncryption at "data_encryption." {
        /// What encrypts. Unset: nothing, and what needs it (`signing.key_store: database`) refuses to
        /// start.
        driver: Option<DataEncryptionDriver> = "",
    } with {
        /// A master key from the environment.
        aes_master: AesMaster,
        /// Encryption in HashiCorp Vault.
        vault_transit_encrypt: VaultTransitEncrypt,
    }
}

section! {
    /// A master key from the environment.
    AesMaster at "data_encryption.aes_master." {
        /// The name of the environment variable that holds the key, 64 hexadecimal digits.
        key_env: Option<NamedSecret> = "",
        /// The name of the environment variable that holds the key before, after the master key was
        /// changed: it opens what that sealed.
        old_key_env: Option<NamedSecret> = "",
    }
}

section! {
    /// Encryption in HashiCorp Vault.
    VaultTransitEncrypt at "data_encryption.vault_transit_encrypt." {
        /// Where Vault is.
        address: Option<Url> = "",
        /// The mount of the transit engine.
        mount_path: String = "transit",
        /// The key's name in the engine.
        key_name: Option<String> = "",
        /// How the server proves itself to Vault.
        auth_method: VaultAuthMethod = "token",
        /// The name of the environment variable that holds the token.
        token_env: Option<String> = "",
    } with {
        /// Authentication as an application role.
        approle: EncryptionApprole,
    }
}

section! {
    /// Authentication as an application role.
    EncryptionApprole at "data_encryption.vault_transit_encrypt.approle." {
        /// The role.
        role_id: Option<String> = "",
        /// Its secret.
        secret_id: Option<Secret> = "",
        /// The mount of the AppRole method.
        mount: String = "approle",
    }
}

/// What is wrong with the master keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusableMaster {
    /// No variable is named.
    #[error("data_encryption.aes_master.key_env is not set")]
    Unnamed,
    /// The variable that is named is not set.
    #[error("data_encryption.aes_master.{leaf} names the variable {variable}, which is not set")]
    Unset {
        /// Which setting names it.
        leaf: &'static str,
        /// The variable.
        variable: String,
    },
    /// It holds something else.
    #[error(
        "data_encryption.aes_master.{leaf} names the variable {variable}, whose value {why}; a \
         master key is 64 hexadecimal digits"
    )]
    Invalid {
        /// Which setting names it.
        leaf: &'static str,
        /// The variable.
        variable: String,
        /// What is wrong with the value.
        why: InvalidMaster,
    },
    /// Both name the same key.
    #[error(
        "data_encryption.aes_master.key_env and data_encryption.aes_master.old_key_env hold the \
         same key"
    )]
    Same,
}

impl DataEncryption {
    /// What seals and opens secrets, if a driver is set.
    ///
    /// # Errors
    /// When there is no usable master key; a checked configuration has one.
    pub fn sealer(&self) -> Result<Option<Sealer>, UnusableMaster> {
        match self.driver {
            Some(DataEncryptionDriver::AesMaster) => self.aes_master.sealer().map(Some),
            Some(DataEncryptionDriver::VaultTransitEncrypt) | None => Ok(None),
        }
    }
}

impl AesMaster {
    fn sealer(&self) -> Result<Sealer, UnusableMaster> {
        let current = self.key_env.as_ref().ok_or(UnusableMaster::Unnamed)?;
        let current = master("key_env", current)?;
        let old = self.old_key_env.as_ref().map(|old| master("old_key_env", old)).transpose()?;
        Sealer::new(current, old).map_err(|_| UnusableMaster::Same)
    }

    /// Reads the variables that are named.
    pub(crate) fn look_up(&mut self, env: &BTreeMap<String, String>) {
        for named in [&mut self.key_env, &mut self.old_key_env].into_iter().flatten() {
            named.look_up(env);
        }
    }
}

fn master(leaf: &'static str, named: &NamedSecret) -> Result<MasterKey, UnusableMaster> {
    let variable = || named.name().to_owned();
    let held = named.held().ok_or_else(|| UnusableMaster::Unset { leaf, variable: variable() })?;
    MasterKey::from_hex(held.expose()).map_err(|why| UnusableMaster::Invalid {
        leaf,
        variable: variable(),
        why,
    })
}
