//! Encryption of upstream credentials at rest.

use url::Url;

use crate::config::section::section;
use crate::config::types::{DataEncryptionDriver, Secret, VaultAuthMethod};

section! {
    /// Encryption of upstream credentials at rest.
    DataEncryption at "data_encryption." {
        /// What encrypts. Unset: nothing, and broker features refuse to start.
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
        key_env: Option<String> = "",
        /// The name of the environment variable that holds the key before, during a rotation.
        old_key_env: Option<String> = "",
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
