//! Upstream providers and the encryption of what they give us.

use super::Findings;
use super::deployment::long_enough;
use crate::config::types::{DataEncryptionDriver, KeyStore, VaultAuthMethod};
use crate::config::{Config, UnusableMaster};

const MAKE_MASTER: &str =
    "Make one with `openssl rand -hex 32`, and keep a copy where the database's backup is not";

pub(super) fn check(config: &Config, findings: &mut Findings) {
    oidc(config, findings);
    if let Some(secret) = &config.connect.state_secret {
        long_enough(&["connect.state_secret"], secret, 32, findings);
    }
    match config.data_encryption.driver {
        Some(DataEncryptionDriver::AesMaster) => aes_master(config, findings),
        Some(DataEncryptionDriver::VaultTransitEncrypt) => vault(config, findings),
        None => without_driver(config, findings),
    }
}

fn without_driver(config: &Config, findings: &mut Findings) {
    if config.data_encryption.aes_master.key_env.is_some() {
        findings.add(
            &["data_encryption.aes_master.key_env", "data_encryption.driver"],
            "is set, and data_encryption.driver is not",
            "Nothing would be encrypted with that key",
            "Set data_encryption.driver to aes_master, or remove it",
        );
    }
    if config.signing.key_store == KeyStore::Database {
        findings.add(
            &["data_encryption.driver", "signing.key_store"],
            "is not set, and signing.key_store is database",
            "Whoever got hold of a copy of the database could sign tokens",
            "Set it to aes_master, and data_encryption.aes_master.key_env to the name of a variable \
             that holds a master key (`openssl rand -hex 32`)",
        );
    }
}

fn oidc(config: &Config, findings: &mut Findings) {
    let oidc = &config.oidc;
    if oidc.client_secret.is_some() && oidc.client_secret_ref.is_some() {
        findings.add(
            &["oidc.client_secret", "oidc.client_secret_ref"],
            "and oidc.client_secret_ref are both set",
            "Only one of them can be the secret",
            "Remove one",
        );
    }
    if !oidc.enabled {
        return;
    }
    const MEANING: &str = "Users could not sign in with the provider";
    if oidc.issuer.is_none() {
        findings.add(
            &["oidc.issuer", "oidc.enabled"],
            "is not set, and oidc.enabled is true",
            MEANING,
            "Set it to the provider's issuer, or oidc.enabled to false",
        );
    }
    if oidc.client_id.is_none() {
        findings.add(
            &["oidc.client_id", "oidc.enabled"],
            "is not set, and oidc.enabled is true",
            MEANING,
            "Set it to the client ID the provider gave you, or oidc.enabled to false",
        );
    }
    if oidc.scopes.iter().all(|scope| scope.as_str() != "openid") {
        findings.add(
            &["oidc.scopes", "oidc.enabled"],
            "does not contain openid",
            "The provider would not say who signed in (OpenID Connect Core §3.1.2.1)",
            "Add openid",
        );
    }
}

fn aes_master(config: &Config, findings: &mut Findings) {
    const KEY: &[&str] = &["data_encryption.aes_master.key_env", "data_encryption.driver"];
    const OLD: &[&str] = &["data_encryption.aes_master.old_key_env", "data_encryption.driver"];
    const NO_KEY: &str = "There is no key to encrypt with";
    let keys = |leaf: &str| if leaf == "key_env" { KEY } else { OLD };
    match config.data_encryption.sealer() {
        Ok(_) => {}
        Err(UnusableMaster::Unnamed) => findings.add(
            KEY,
            "is not set, and data_encryption.driver is aes_master",
            NO_KEY,
            format!("Set it to the name of a variable that holds a master key. {MAKE_MASTER}"),
        ),
        Err(UnusableMaster::Unset { leaf, variable }) => findings.add(
            keys(leaf),
            format!("names the variable {variable}, which is not set"),
            match leaf {
                "key_env" => NO_KEY,
                _ => "What was encrypted with the key before could not be read",
            },
            match leaf {
                "key_env" => format!("Set {variable} to a master key. {MAKE_MASTER}"),
                _ => format!("Set {variable} to the key before, or remove old_key_env"),
            },
        ),
        Err(UnusableMaster::Invalid { leaf, variable, why }) => findings.add(
            keys(leaf),
            format!("names the variable {variable}, whose value {why}"),
            "A master key is 32 random bytes, written as 64 hexadecimal digits",
            format!("Correct {variable}. {MAKE_MASTER}"),
        ),
        Err(UnusableMaster::Same) => findings.add(
            OLD,
            "holds the same key as data_encryption.aes_master.key_env",
            "The master key would seem changed, and is the old one",
            "Give key_env the new key and old_key_env the one before; or remove old_key_env",
        ),
    }
}

fn vault(config: &Config, findings: &mut Findings) {
    let vault = &config.data_encryption.vault_transit_encrypt;
    const MEANING: &str = "There is nothing to encrypt with";
    if vault.address.is_none() {
        findings.add(
            &["data_encryption.vault_transit_encrypt.address", "data_encryption.driver"],
            "is not set, and data_encryption.driver is vault_transit_encrypt",
            MEANING,
            "Set it to the URL of Vault",
        );
    }
    if vault.key_name.is_none() {
        findings.add(
            &["data_encryption.vault_transit_encrypt.key_name", "data_encryption.driver"],
            "is not set, and data_encryption.driver is vault_transit_encrypt",
            MEANING,
            "Set it to the name of a key in the transit engine",
        );
    }
    let approle = vault.approle.role_id.is_some() && vault.approle.secret_id.is_some();
    let (proved, remedy) = match vault.auth_method {
        VaultAuthMethod::Token => (
            vault.token_env.is_some(),
            "Set token_env to the name of a variable that holds a token",
        ),
        VaultAuthMethod::Approle => (approle, "Set approle.role_id and approle.secret_id"),
    };
    if !proved {
        findings.add(
            &["data_encryption.vault_transit_encrypt.auth_method", "data_encryption.driver"],
            format!("is {}, without what that needs", vault.auth_method.as_str()),
            "Vault would refuse to encrypt for us",
            remedy,
        );
    }
}
