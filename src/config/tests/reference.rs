//! The generated reference.

use crate::config::{Config, reference_markdown};

const COMMITTED: &str = include_str!("../../../docs/configuration.md");

#[test]
fn the_committed_reference_is_up_to_date() {
    let current = reference_markdown();
    let stale = current.lines().zip(COMMITTED.lines()).find(|(now, then)| now != then);

    assert!(
        current == COMMITTED,
        "docs/configuration.md is stale; regenerate it with `authserver docs config > \
         docs/configuration.md`. First difference: {stale:#?}"
    );
}

#[test]
fn the_reference_names_every_setting_once() {
    let reference = reference_markdown();
    for setting in Config::table() {
        let row = format!("| `{}` | ", setting.key);

        assert_eq!(reference.matches(&row).count(), 1, "{}", setting.key);
        assert!(reference.contains(&format!("`{}`", setting.variable)));
        assert!(setting.about.ends_with('.') || setting.about.ends_with('`'), "{}", setting.about);
        assert!(!setting.about.contains('|'), "{} would break the table", setting.key);
    }
}

#[test]
fn the_reference_says_what_is_not_built() {
    let reference = reference_markdown();
    let row = |key: &str| {
        let start = format!("| `{key}` |");
        reference.lines().find(|line| line.starts_with(&start)).expect("a row").to_owned()
    };

    assert!(
        row("xaa.enabled").contains("| `false` |") && row("xaa.enabled").contains("Not built yet")
    );
    assert!(row("signing.key_store").contains("Not built yet: `vault_transit`."));
    assert!(!row("server.issuer").contains("Not built yet"));
    assert!(row("session.secret").contains("Secret."));
}
