//! The keys that sign tokens.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::config::section::section;
use crate::config::types::{KeyStore, Secret, SigningAlgorithm};

section! {
    /// The keys that sign tokens.
    Signing at "signing." {
        /// The algorithm of new keys.
        algorithm: SigningAlgorithm = "ES256",
        /// Where keys live. `postgres_key` is another word for `database`.
        key_store: KeyStore = "keyfile",
        /// The directory of key files, readable by the server only. Created when missing.
        key_path: PathBuf = "data/keys",
        /// How often a new key takes over.
        rotation_interval: Duration = "30d",
    } with {
        /// Signing in HashiCorp Vault.
        vault_transit: VaultTransit,
    }
}

section! {
    /// Signing in HashiCorp Vault; the key never leaves it.
    VaultTransit at "signing.vault_transit." {
        /// Where Vault is.
        address: Option<Url> = "",
        /// The mount of the transit engine.
        mount: String = "transit",
        /// The key's name in the engine.
        key_name: String = "authserver-signing",
        /// How long one call may take.
        timeout: Duration = "10s",
        /// A Vault token. Either this or an AppRole.
        token: Option<Secret> = "",
    } with {
        /// Authentication as an application role.
        approle: Approle,
    }
}

section! {
    /// Authentication as an application role.
    Approle at "signing.vault_transit.approle." {
        /// The role.
        role_id: Option<String> = "",
        /// Its secret.
        secret_id: Option<Secret> = "",
        /// The mount of the AppRole method.
        mount: String = "approle",
    }
}
