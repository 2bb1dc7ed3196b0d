//! Upstream providers and the encryption of what they give us.

use super::Findings;
use super::deployment::long_enough;
use crate::config::Config;
use crate::config::types::{DataEncryptionDriver, VaultAuthMethod};

pub(super) fn check(config: &Config, findings: &mut Findings) {
    oidc(config, findings);
    if let Some(secret) = &config.connect.state_secret {
        long_enough(&["connect.state_secret"], secret, 32, findings);
    }
    match config.data_encryption.driver {
        Some(DataEncryptionDriver::AesMaster) => aes_master(config, findings),
        Some(DataEncryptionDriver::VaultTransitEncrypt) => vault(config, findings),
        None => {}
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
    if config.data_encryption.aes_master.key_env.is_none() {
        findings.add(
            &["data_encryption.aes_master.key_env", "data_encryption.driver"],
            "is not set, and data_encryption.driver is aes_master",
            "There is no key to encrypt with",
            "Set it to the name of a variable that holds 64 hexadecimal digits (`openssl rand -hex 32`)",
        );
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
