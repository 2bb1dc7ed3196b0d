//! Where the configuration comes from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{assert_says, good, load, problem, variables};
use crate::config::{Config, DcrMode, KeyStore, StorageDriver, locate};

#[test]
fn works_with_no_file_and_no_variables() {
    let config = good(Config::load(None, &BTreeMap::new()));

    assert_eq!(config.server.issuer.as_str(), "http://localhost:9000");
    assert_eq!(config.server.address.to_string(), "0.0.0.0:9000");
    assert_eq!(config.admin.address.to_string(), "0.0.0.0:9001");
    assert_eq!(config.storage.driver, StorageDriver::Sqlite);
    assert_eq!(config.storage.sqlite.path, PathBuf::from("data/authserver.db"));
    assert_eq!(config.signing.key_store, KeyStore::Keyfile);
    assert_eq!(config.dcr.mode, DcrMode::Open);
    assert_eq!(config.dcr.default_refresh_expiry, Duration::from_secs(7 * 24 * 60 * 60));
    assert_eq!(config.oauth.code_expiry, Duration::from_secs(60));
    assert!(config.session.secret.is_none());
    assert!(config.admin.api_key.is_none());
    assert!(!config.session_cookie_secure());
}

#[test]
fn an_empty_file_changes_nothing() {
    for yaml in ["", "\n", "# nothing\n", "server:\n", "server:\n  issuer:\n", "\u{feff}"] {
        good(load(yaml, &[]));
    }
}

#[test]
fn reads_a_file_of_nested_keys() {
    let yaml = "
server:
  issuer: http://localhost:8080/tenant
  address: 127.0.0.1:8080
  allowed_origins: [https://app.example.com, 'http://localhost:5173']
storage:
  sqlite: {path: /tmp/a.db, wal: false}
dcr:
  default_token_expiry: 5m
";
    let config = good(load(yaml, &[]));

    assert_eq!(config.server.issuer.path(), "/tenant");
    assert_eq!(config.server.allowed_origins.len(), 2);
    assert!(!config.storage.sqlite.wal);
    assert_eq!(config.dcr.default_token_expiry, Duration::from_secs(300));
}

#[test]
fn refuses_a_file_that_is_not_there() {
    let missing = Path::new("/nowhere/at-all.yaml");

    let text = problem(Config::load(Some(missing), &BTreeMap::new()));

    assert_says(&text, &["/nowhere/at-all.yaml", "cannot read", "check the path"]);
}

#[test]
fn reads_a_file_from_the_disk() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("config.yaml");
    std::fs::write(&path, "dcr: {mode: admin_only}\n").expect("written");

    let config = good(Config::load(Some(&path), &BTreeMap::new()));

    assert_eq!(config.dcr.mode, DcrMode::AdminOnly);
}

#[test]
fn refuses_a_file_too_large_to_be_a_configuration() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("config.yaml");
    std::fs::write(&path, "#".repeat(2 * 1024 * 1024)).expect("written");

    assert_says(&problem(Config::load(Some(&path), &BTreeMap::new())), &["larger than 1 MiB"]);
}

#[test]
fn refuses_what_is_not_a_yaml_mapping() {
    for yaml in ["a: [", "- a\n- b\n", "just text", "dcr:\n  mode: open\n mode: x\n"] {
        assert_says(&problem(load(yaml, &[])), &["the-file.yaml", "not a YAML mapping"]);
    }
}

#[test]
fn refuses_a_key_given_twice() {
    let yaml = "dcr:\n  mode: admin_only\n  mode: open\n";

    assert_says(&problem(load(yaml, &[])), &["not a YAML mapping"]);
}

#[test]
fn the_flag_beats_the_variable_beats_the_working_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    let beside = directory.path().join("config.yaml");
    let named = variables(&[("AUTHPLANE_CONFIG", "/etc/named.yaml")]);
    let empty = variables(&[("AUTHPLANE_CONFIG", "")]);
    let flag = Some(Path::new("/etc/flag.yaml"));

    assert_eq!(locate(None, &BTreeMap::new(), directory.path()), None);
    std::fs::write(&beside, "").expect("written");
    assert_eq!(locate(None, &BTreeMap::new(), directory.path()), Some(beside.clone()));
    assert_eq!(locate(None, &empty, directory.path()), Some(beside));
    assert_eq!(locate(None, &named, directory.path()), Some("/etc/named.yaml".into()));
    assert_eq!(locate(flag, &named, directory.path()), Some("/etc/flag.yaml".into()));
}
