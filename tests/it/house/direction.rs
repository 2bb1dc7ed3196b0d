//! Dependencies point down only: `protocol ← entities ← actors ← authserver`, and `migration` stands
//! alone. What a layer must not know is listed here with it.

use std::fs;
use std::process::Command;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use super::tree::{assert_none, root};

const CARGO: &str = env!("CARGO");

/// Each crate of the house and the crates of the house it may use.
const MAY_USE: [(&str, &[&str]); 6] = [
    ("protocol", &[]),
    ("migration", &[]),
    ("entities", &["protocol"]),
    ("actors", &["protocol", "entities"]),
    ("authserver", &["protocol", "entities", "actors", "migration"]),
    // It measures the program from outside, as everybody sees it.
    ("bench", &[]),
];

/// The only crates of the house that may use each of these. The ceiling of the load tool is
/// the web framework of the server, and nothing else of it.
const ONLY_IN: [(&str, &[&str]); 5] = [
    ("actix", &["actors"]),
    ("actix-web", &["authserver", "bench"]),
    ("sea-orm-migration", &["migration"]),
    // Admin keys, and the encoding they come in.
    ("biscuit-auth", &["protocol"]),
    ("prost", &["protocol"]),
];

/// What `protocol` must not know, however far down: async runtimes, servers and clients, databases,
/// random sources.
const NOT_UNDER_PROTOCOL: [&str; 18] = [
    "tokio",
    "futures",
    "async-std",
    "mio",
    "actix",
    "actix-rt",
    "actix-web",
    "hyper",
    "reqwest",
    "sea-orm",
    "sqlx",
    "sqlx-core",
    "rand",
    "rand_core",
    "getrandom",
    "fastrand",
    "config",
    "clap",
];

/// What of that comes with biscuit-auth, which could draw key pairs itself. We hand it the bytes,
/// and clippy.toml bans its functions that draw. Protocol must not use these by itself.
const COMES_WITH_BISCUIT: [&str; 3] = ["rand", "rand_core", "getrandom"];

struct Crate {
    name: String,
    uses: Vec<Use>,
}

struct Use {
    name: String,
    /// Tests may look at the schema and run the load tool; the product may not.
    only_in_tests: bool,
}

impl From<&Package> for Crate {
    fn from(package: &Package) -> Self {
        let uses = package.dependencies.iter().map(|dependency| Use {
            name: dependency.name.clone(),
            only_in_tests: dependency.kind == DependencyKind::Development,
        });
        Self { name: package.name.to_string(), uses: uses.collect() }
    }
}

fn wrong_uses(crates: &[Crate]) -> Vec<String> {
    let mut found = Vec::new();
    for user in crates {
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == user.name) else {
            found.push(format!("{} is a new crate: give it a place in direction.rs", user.name));
            continue;
        };
        for used in &user.uses {
            let of_the_house = MAY_USE.iter().any(|(name, _)| *name == used.name);
            let for_tests = used.only_in_tests && ["migration", "bench"].contains(&&*used.name);
            if of_the_house && !allowed.contains(&used.name.as_str()) && !for_tests {
                found.push(format!("{} must not depend on {}", user.name, used.name));
            }
            if user.name == "protocol" && COMES_WITH_BISCUIT.contains(&used.name.as_str()) {
                found.push(format!("protocol must not depend on {}", used.name));
            }
            let homes = ONLY_IN.iter().find(|(name, _)| *name == used.name);
            if let Some((name, homes)) = homes.filter(|(_, it)| !it.contains(&user.name.as_str())) {
                let homes = homes.join(" and ");
                found.push(format!("{} must not depend on {name}: only {homes} may", user.name));
            }
        }
    }
    found
}

/// `listing` has one `name vX.Y.Z …` per line, as `cargo tree --prefix none` prints it.
fn forbidden_under_protocol(listing: &str) -> Vec<String> {
    let with_biscuit = listing.lines().any(|line| line.starts_with("biscuit-auth "));
    let mut found: Vec<String> = listing
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| NOT_UNDER_PROTOCOL.contains(name))
        .filter(|name| !(with_biscuit && COMES_WITH_BISCUIT.contains(name)))
        .map(|name| format!("protocol reaches {name}: see `cargo tree -p protocol -i {name}`"))
        .collect();
    found.sort();
    found.dedup();
    found
}

fn shares_the_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.any(|line| line == "[lints]") && lines.next() == Some("workspace = true")
}

fn packages_of_the_house() -> Vec<Package> {
    let mut command = MetadataCommand::new();
    command.cargo_path(CARGO).manifest_path(root().join("Cargo.toml")).no_deps();
    command.exec().expect("cargo metadata reads this workspace").packages
}

#[test]
fn dependencies_between_the_crates_of_the_house_point_down_only() {
    let crates: Vec<Crate> = packages_of_the_house().iter().map(Crate::from).collect();
    assert_eq!(crates.len(), MAY_USE.len(), "every crate has a place");
    assert_none("direction (tests/it/house/direction.rs):", &wrong_uses(&crates));
}

#[test]
fn the_protocol_crate_reaches_no_runtime_random_source_database_or_server() {
    let tree = Command::new(CARGO)
        .current_dir(root())
        .args(["tree", "--locked", "--offline", "--package=protocol", "--edges=normal"])
        .args(["--prefix=none"])
        .output()
        .expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let listing = String::from_utf8(tree.stdout).unwrap();
    assert!(listing.starts_with("protocol v"), "unexpected listing:\n{listing}");
    assert_none("direction (tests/it/house/direction.rs):", &forbidden_under_protocol(&listing));
}

#[test]
fn every_crate_of_the_house_shares_the_lints() {
    let without: Vec<String> = packages_of_the_house()
        .into_iter()
        .filter(|package| !shares_the_lints(&fs::read_to_string(&package.manifest_path).unwrap()))
        .map(|package| format!("{}: add `[lints]` with `workspace = true`", package.manifest_path))
        .collect();
    assert_none("lints (tests/it/house/direction.rs):", &without);
}

#[test]
fn an_arrow_that_points_up_is_found() {
    let uses = |name: &str, only_in_tests| Use { name: name.to_owned(), only_in_tests };
    let sample = |name: &str, uses| Crate { name: name.to_owned(), uses };
    let crates = [
        sample("protocol", vec![uses("entities", false), uses("serde", false)]),
        sample("entities", vec![uses("protocol", false), uses("migration", true)]),
        sample("authserver", vec![uses("actors", false), uses("actix", false)]),
        sample("protocol", vec![uses("rand", false)]),
        sample("novelty", vec![]),
    ];

    let found = wrong_uses(&crates);

    assert_eq!(found.len(), 4, "{found:?}");
    assert_eq!(found[0], "protocol must not depend on entities");
    assert_eq!(found[1], "authserver must not depend on actix: only actors may");
    assert_eq!(found[2], "protocol must not depend on rand");
}

#[test]
fn a_runtime_deep_below_the_protocol_crate_is_found() {
    let listing =
        "protocol v0.1.0 (/here)\nserde v1.0.0\ntokio v1.0.0\ntokio v1.0.0 (*)\ntokio-util v0.7.0";
    assert_eq!(forbidden_under_protocol(listing).len(), 1);
    assert_eq!(forbidden_under_protocol("protocol v0.1.0 (/here)\nrand v0.8.5").len(), 1);
    let with_biscuit = "protocol v0.1.0 (/here)\nbiscuit-auth v6.0.0\nrand v0.8.5\ntokio v1.0.0";
    assert_eq!(forbidden_under_protocol(with_biscuit).len(), 1);
}

#[test]
fn a_manifest_without_the_shared_lints_is_found() {
    assert!(shares_the_lints("[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n"));
    assert!(!shares_the_lints("[package]\nname = \"a\"\nworkspace = true\n"));
}
