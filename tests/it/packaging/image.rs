//! The image. There is no engine to build it with in these tests: what can be compared is compared.

use super::tools::{is_understood, root, setting, text};

/// The rest of the lines that begin with this instruction.
fn instructions<'f>(dockerfile: &'f str, name: &str) -> Vec<&'f str> {
    let lines = dockerfile.lines().map(str::trim);
    lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).collect()
}

/// The last stage: what the image is.
fn image(dockerfile: &str) -> &str {
    dockerfile.rsplit_once("\nFROM ").expect("two stages").1
}

fn words(array: &str) -> Vec<String> {
    serde_json::from_str(array).unwrap_or_else(|_| panic!("not in the form of an array: {array}"))
}

#[test]
fn it_is_built_by_the_rust_that_the_project_states_and_has_its_version() {
    let dockerfile = text("Dockerfile");
    let rust = concat!(env!("CARGO_PKG_RUST_VERSION"), "-bookworm AS build");
    assert_eq!(instructions(&dockerfile, "FROM")[0], format!("rust:{rust}"));
    let label = format!("org.opencontainers.image.version=\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(dockerfile.contains(&label), "{label}");
    assert!(dockerfile.contains("cargo build --release --locked"), "{dockerfile}");
}

#[test]
fn it_is_nobody_s_shell_and_nobody_s_root() {
    let dockerfile = text("Dockerfile");
    let image = image(&dockerfile);
    assert!(image.starts_with("gcr.io/distroless/"), "{image}");
    assert_eq!(instructions(image, "RUN"), [""; 0], "there is no shell to run it");
    assert_eq!(instructions(image, "USER"), ["65532:65532"]);
    assert_eq!(instructions(image, "STOPSIGNAL"), ["SIGTERM"]);
    assert_eq!(instructions(image, "VOLUME"), [r#"["/var/lib/authserver"]"#]);
}

#[test]
fn it_runs_commands_that_there_are_on_the_ports_of_the_configuration() {
    let dockerfile = text("Dockerfile");
    let image = image(&dockerfile);
    let program = words(instructions(image, "ENTRYPOINT")[0]);
    let commands = instructions(image, "CMD");
    // One is the health check's.
    assert_eq!(commands.len(), 2, "{commands:?}");
    let check = words(commands[0]);
    assert_eq!(check[0], program[0]);
    assert!(is_understood(&check[1..]), "{check:?}");
    assert!(is_understood(&words(commands[1])), "{commands:?}");
    let ports = [setting("server.address"), setting("admin.address")].map(|it| it.default);
    assert_eq!(instructions(image, "EXPOSE"), [ports.join(" ").replace(':', "")]);
}

#[test]
fn what_it_is_built_from_is_sent_to_the_builder_and_secrets_are_not() {
    let ignored = text(".dockerignore");
    let ignored: Vec<&str> = ignored.lines().collect();
    for needed in ["src", "protocol", "entities", "migration", "actors", "bench", "Cargo.lock"] {
        assert!(!ignored.contains(&needed), "{needed} is needed");
    }
    for private in ["secrets", "data", ".git"] {
        assert!(ignored.contains(&private), "{private} may hold what nobody else should have");
    }
    // The console is part of the program: once it is built, the image has to build it first.
    let console = root().join("web-admin/package.json").exists();
    assert!(!console || text("Dockerfile").contains("web-admin"), "the image has no console");
}
