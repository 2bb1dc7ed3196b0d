//! The unit of systemd.

use super::tools::{default_wait, is_understood, longest_stop, seconds, text};

fn unit() -> String {
    text("packaging/authserver.service")
}

/// What a key of the unit is set to, the last time.
fn set(unit: &str, key: &str) -> String {
    let mut lines = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    lines.next_back().unwrap_or_else(|| panic!("the unit does not set {key}")).to_owned()
}

#[test]
fn it_runs_a_command_that_there_is() {
    let command = set(&unit(), "ExecStart");
    let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
    assert_eq!(words[0], "/usr/local/bin/authserver");
    assert!(is_understood(&words[1..]), "{command}");
}

#[test]
fn it_waits_longer_than_a_stop_takes_and_starts_again_what_failed() {
    let patience = seconds(&set(&unit(), "TimeoutStopSec"));
    assert!(patience > longest_stop(default_wait()), "{patience:?}");
    assert_eq!(set(&unit(), "Restart"), "on-failure");
    assert_eq!(set(&unit(), "StartLimitIntervalSec"), "0");
    // The server tells systemd nothing, so it must not wait to be told.
    assert_eq!(set(&unit(), "Type"), "exec");
    assert!(!unit().contains("\nExecReload="), "without TLS, SIGHUP ends the server");
}

#[test]
fn it_runs_as_a_user_that_is_made_and_writes_in_one_place() {
    let user = set(&unit(), "User");
    assert!(text("packaging/authserver.sysusers").contains(&format!("\nu {user} ")), "{user}");
    let folder = format!("/var/lib/{}", set(&unit(), "StateDirectory"));
    assert_eq!(set(&unit(), "WorkingDirectory"), folder);
    assert_eq!(set(&unit(), "StateDirectoryMode"), "0700", "keys are in it");
    for (key, value) in [
        ("ProtectSystem", "strict"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectHome", "yes"),
        ("UMask", "0077"),
    ] {
        assert_eq!(set(&unit(), key), value, "{key}");
    }
    assert!(!unit().contains("\nReadWritePaths="));
}
