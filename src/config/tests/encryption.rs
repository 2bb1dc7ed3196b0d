//! Master keys: named by a setting, held by a variable, and never shown.

use super::{assert_says, good, load_complete, problem, problems};

const YAML: &str = "data_encryption: {driver: aes_master, aes_master: {key_env: AUTHPLANE_DATA_KEY, old_key_env: OLD_KEY}}";
const ONE: &str = "7d1f4f1c6b0a2e5d8c3b9a7e6f5d4c3b2a190807f6e5d4c3b2a1908f7e6d5c4b";
const OTHER: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0";

#[test]
fn two_master_keys_make_a_sealer() {
    let config = good(load_complete(YAML, &[("AUTHPLANE_DATA_KEY", ONE), ("OLD_KEY", OTHER)]));

    let sealer = config.data_encryption.sealer().expect("usable").expect("a driver is set");
    assert!(sealer.old().is_some_and(|old| old != sealer.current()));
    let shown = config.effective_masked();
    assert_eq!(shown["data_encryption"]["aes_master"]["key_env"], "AUTHPLANE_DATA_KEY");
    let printed = format!("{shown} {config:?} {config:#?} {sealer:?}");
    assert!(!printed.contains(&ONE[..8]) && !printed.contains(&OTHER[..8]), "{printed}");
    assert!(good(load_complete("", &[])).data_encryption.sealer().expect("nothing").is_none());
}

#[test]
fn a_master_key_that_is_none_is_refused_and_not_shown() {
    let found = |key: &str, old: &str| {
        problem(load_complete(YAML, &[("AUTHPLANE_DATA_KEY", key), ("OLD_KEY", old)]))
    };
    let name = "`data_encryption.aes_master.key_env`";

    let unset = found("", OTHER);
    assert_says(&unset, &[name, "AUTHPLANE_DATA_KEY, which is not set", "openssl rand"]);
    for (bad, why) in [
        (&ONE[..63], "63 characters, and not 64"),
        (&format!("{ONE}0"), "65 characters"),
        (&format!("zz{}", &ONE[2..]), "no hexadecimal digits"),
        (&"00".repeat(32), "not made at random"),
    ] {
        let text = found(bad, OTHER);
        assert_says(&text, &[name, "AUTHPLANE_DATA_KEY", why]);
        assert!(!text.contains(&bad[..12]), "{text}");
    }
    let old = "`data_encryption.aes_master.old_key_env`";
    assert_says(&found(ONE, ""), &[old, "OLD_KEY, which is not set", "remove old_key_env"]);
    assert_says(&found(ONE, "short"), &[old, "OLD_KEY, whose value has 5 characters"]);
    assert_says(&found(ONE, ONE), &[old, "the same key"]);
    assert_says(&found(ONE, &ONE.to_uppercase()), &[old, "the same key"]);
}

#[test]
fn a_key_written_in_place_of_its_variable_is_refused_and_not_shown() {
    for written in [ONE, &format!("a{}", &ONE[1..]), "two words", "9LIVES", "A-B", ""] {
        let yaml = format!(
            "data_encryption: {{driver: aes_master, aes_master: {{key_env: '{written}'}}}}"
        );
        let text = problem(load_complete(&yaml, &[]));
        assert_says(&text, &["`data_encryption.aes_master.key_env`"]);
        assert!(written.is_empty() || !text.contains(written), "{text}");
    }
    let yaml = "data_encryption: {driver: aes_master, aes_master: {key_env: 12}}";
    assert_says(&problem(load_complete(yaml, &[])), &["it is no text"]);
}

#[test]
fn keys_in_the_database_are_encrypted_or_not_there() {
    for store in ["database", "postgres_key"] {
        let text = problem(load_complete(&format!("signing: {{key_store: {store}}}"), &[]));
        let what_to_do = "data_encryption.aes_master.key_env to the name of a variable";
        assert_says(&text, &["`data_encryption.driver`", "could sign tokens", what_to_do]);
    }
    let keys = "signing: {key_store: database}\n";
    good(load_complete(
        &format!("{keys}{YAML}"),
        &[("AUTHPLANE_DATA_KEY", ONE), ("OLD_KEY", OTHER)],
    ));
}

#[test]
fn a_key_that_nothing_uses_is_refused() {
    let yaml = "data_encryption: {aes_master: {key_env: DATA_KEY}}";
    let text = problem(load_complete(yaml, &[("DATA_KEY", ONE)]));
    assert_says(&text, &["`data_encryption.aes_master.key_env`", "Set data_encryption.driver"]);
    assert_eq!(problems(load_complete("data_encryption: {driver: aes_master}", &[])).len(), 1);
}
