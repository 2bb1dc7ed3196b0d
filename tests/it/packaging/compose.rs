//! The composition.

use serde_json::{Value, json};

use super::tools::{default_wait, is_understood, longest_stop, root, seconds, text, yaml};

fn services() -> Value {
    yaml(&root().join("compose.yaml"))["services"].take()
}

/// Those that run our program.
fn ours(services: &Value) -> [(&'static str, &Value); 2] {
    ["migrate", "authserver"].map(|name| (name, &services[name]))
}

#[test]
fn our_containers_have_no_rights_they_do_not_need() {
    for (name, service) in ours(&services()) {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], json!(["ALL"]), "{name}");
        assert!(service["cap_add"].is_null() && service["privileged"].is_null(), "{name}");
        assert_eq!(service["security_opt"], json!(["no-new-privileges:true"]), "{name}");
        assert_eq!(service["user"], "65532:65532", "{name}");
        assert_eq!(service["image"], format!("authserver:{}", env!("CARGO_PKG_VERSION")), "{name}");
    }
}

#[test]
fn secrets_come_from_files_that_git_does_not_know() {
    let composition = yaml(&root().join("compose.yaml"));
    for (name, secret) in composition["secrets"].as_object().unwrap() {
        let file = secret["file"].as_str().unwrap();
        assert!(file.starts_with("secrets/"), "{name}: {file}");
    }
    assert!(text(".gitignore").lines().any(|line| line == "/secrets/"));
    for (name, service) in ours(&composition["services"]) {
        let environment = json!({ "AUTHPLANE_CONFIG": "/run/secrets/authserver.yaml" });
        assert_eq!(service["environment"], environment, "{name}");
        assert_eq!(service["secrets"], json!(["authserver.yaml"]), "{name}");
    }
    let postgres = composition["services"]["postgres"]["environment"].as_object().unwrap();
    assert!(!postgres.contains_key("POSTGRES_PASSWORD"), "{postgres:?}");
}

#[test]
fn the_server_starts_after_the_migration_and_is_given_time_to_stop() {
    let services = services();
    let server = &services["authserver"];
    assert_eq!(server["depends_on"]["migrate"]["condition"], "service_completed_successfully");
    for (name, service) in ours(&services) {
        assert_eq!(service["depends_on"]["postgres"]["condition"], "service_healthy", "{name}");
        let command: Vec<String> = serde_json::from_value(service["command"].clone()).unwrap();
        assert!(is_understood(&command), "{command:?}");
    }
    let patience = seconds(server["stop_grace_period"].as_str().unwrap());
    assert!(patience > longest_stop(default_wait()), "{patience:?}");
    let check: Vec<String> = serde_json::from_value(server["healthcheck"]["test"].clone()).unwrap();
    assert_eq!(check[..2], ["CMD", "/usr/local/bin/authserver"]);
    assert!(is_understood(&check[2..]), "{check:?}");
}

#[test]
fn ports_are_open_to_this_machine_only_and_the_database_to_nobody() {
    let composition = yaml(&root().join("compose.yaml"));
    let services = composition["services"].as_object().unwrap();
    for (name, service) in services {
        for port in service["ports"].as_array().into_iter().flatten() {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name}: {port}");
        }
    }
    assert!(services["postgres"]["ports"].is_null());
    assert_eq!(services["postgres"]["networks"], json!(["database"]));
    assert_eq!(composition["networks"]["database"]["internal"], true);
}
