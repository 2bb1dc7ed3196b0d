//! Renders the chart and reads what was written for other programs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

/// What has no default.
pub(super) const BARE: [&str; 2] =
    [r#"issuer="https://auth.example.com""#, r#"existingSecret="auth""#];
/// Several replicas.
pub(super) const FLEET: [&str; 1] = ["replicaCount=3"];
/// Several replicas that share a folder of keys.
pub(super) const FLEET_WITH_FILES: [&str; 3] =
    ["replicaCount=3", r#"keyStore="keyfile""#, r#"data={"accessMode":"ReadWriteMany"}"#];
/// One replica with its keys in files.
pub(super) const FILES: [&str; 2] = [r#"keyStore="keyfile""#, "replicaCount=1"];
/// One replica with its database beside it.
pub(super) const SQLITE: [&str; 2] = [r#"storage={"driver":"sqlite"}"#, "replicaCount=1"];
/// As many replicas as it takes.
pub(super) const AUTOSCALED: [&str; 1] = [r#"autoscaling={"enabled":true}"#];
/// Whatever can be switched on.
pub(super) const EVERYTHING: [&str; 13] = [
    r#"autoscaling={"enabled":true}"#,
    r#"keyStore="keyfile""#,
    r#"data={"accessMode":"ReadWriteMany","storageClassName":"nfs"}"#,
    r#"service={"type":"LoadBalancer","annotations":{"a":"b"}}"#,
    r#"ingress={"enabled":true,"className":"nginx","tlsSecretName":"tls","annotations":{"a":"b"}}"#,
    r#"networkPolicy={"publicFrom":[{"podSelector":{}}],"adminFrom":[{"namespaceSelector":{}}],"egress":[{"to":[{"ipBlock":{"cidr":"10.0.0.0/8"}}]}]}"#,
    r#"secretKeys={"clientSecretPepper":"pepper","metricsBasicAuth":"scraper"}"#,
    r#"config={"server":{"trusted_proxies":["10.0.0.0/8"]}}"#,
    r#"shutdown={"delaySeconds":9,"waitSeconds":40}"#,
    r#"image={"digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000"}"#,
    r#"admin={"port":9443,"allowedHosts":["admin.internal"]}"#,
    r#"imagePullSecrets=[{"name":"registry"}]"#,
    r#"podLabels={"team":"identity","app.kubernetes.io/name":"not this"}"#,
];

/// Every arrangement that is to work.
pub(super) fn arrangements() -> Vec<(&'static str, Vec<Value>)> {
    let of = |name, values: &[&str]| (name, chart(values));
    vec![
        of("bare", &[]),
        of("fleet", &FLEET),
        of("fleet with files", &FLEET_WITH_FILES),
        of("files", &FILES),
        of("sqlite", &SQLITE),
        of("autoscaled", &AUTOSCALED),
        of("everything", &EVERYTHING),
    ]
}

/// The objects of the chart with these values and [`BARE`].
pub(super) fn chart(values: &[&str]) -> Vec<Value> {
    rendered(&[&BARE, values].concat()).unwrap_or_else(|refusal| panic!("{values:?}: {refusal}"))
}

/// The objects of the chart, or why it refuses the values.
pub(super) fn rendered(values: &[&str]) -> Result<Vec<Value>, String> {
    let chart = root().join("helm");
    let done = python(&[&[chart.to_str().unwrap()], values].concat());
    let err = String::from_utf8_lossy(&done.stderr).into_owned();
    match done.status.code() {
        Some(0) => Ok(serde_json::from_slice(&done.stdout).unwrap()),
        Some(3) => Err(err),
        _ => panic!("{values:?}: {err}"),
    }
}

/// A YAML file, or text of one.
pub(super) fn yaml(path: &Path) -> Value {
    let done = python(&["--yaml", path.to_str().unwrap()]);
    assert!(done.status.success(), "{path:?}: {}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

/// Text in YAML.
pub(super) fn yaml_text(text: &str) -> Value {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    yaml(file.path())
}

/// `tests/packaging`, which has to be set up. These tests fail without, they are never skipped.
fn python(arguments: &[&str]) -> Output {
    let folder = root().join("tests/packaging");
    let made = [".venv/bin/python", ".venv/bin/helm"].map(|it| folder.join(it));
    assert!(
        made.iter().all(|path| path.exists()),
        "there is no Helm to render the chart with. Run `bin/test`, which installs what the tests \
         need, or `tests/packaging/setup`"
    );
    let mut command = Command::new(&made[0]);
    command.arg(folder.join("manifests.py")).args(arguments);
    command.output().unwrap()
}

/// The directory that holds `Cargo.lock`.
pub(super) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
pub(super) fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// Every object of a kind.
pub(super) fn of_kind<'o>(objects: &'o [Value], kind: &str) -> Vec<&'o Value> {
    objects.iter().filter(|it| it["kind"] == kind).collect()
}

/// The object of that kind and name.
pub(super) fn named<'o>(objects: &'o [Value], kind: &str, name: &str) -> &'o Value {
    let mut found = of_kind(objects, kind).into_iter();
    found.find(|it| it["metadata"]["name"] == name).unwrap_or_else(|| panic!("no {kind} {name}"))
}

/// The configuration file in a config map.
pub(super) fn config_in(map: &Value) -> Value {
    yaml_text(map["data"]["config.yaml"].as_str().unwrap())
}

/// A setting of the configuration, as the table in docs/configuration.md has it, which a test compares
/// with the program.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) key: String,
    pub(super) default: String,
    pub(super) variable: String,
    pub(super) is_secret: bool,
}

/// The table.
pub(super) fn settings() -> Vec<Setting> {
    let page = text("docs/configuration.md");
    let cells = |row: &str| -> Vec<String> {
        row.trim_matches('|').split(" | ").map(|cell| cell.trim().replace('`', "")).collect()
    };
    let rows = page.lines().filter(|line| line.starts_with("| `")).map(cells);
    let settings: Vec<Setting> = rows
        .map(|row| Setting {
            key: row[0].clone(),
            default: row[2].clone(),
            variable: row[3].clone(),
            is_secret: row[4].contains(" Secret."),
        })
        .collect();
    assert!(settings.len() > 80, "the table has changed its form");
    settings
}

/// The setting of that key.
pub(super) fn setting(key: &str) -> Setting {
    settings().into_iter().find(|it| it.key == key).unwrap_or_else(|| panic!("no setting {key}"))
}

/// `server.shutdown_wait` when nobody sets it.
pub(super) fn default_wait() -> Duration {
    seconds(&setting("server.shutdown_wait").default)
}

/// A number of seconds with its unit.
pub(super) fn seconds(text: &str) -> Duration {
    let number = text.strip_suffix('s').unwrap_or_else(|| panic!("{text} is not in seconds"));
    Duration::from_secs(number.parse().unwrap())
}

/// How long a stop may take that has this long for requests and keepers: each keeper has a quarter
/// of a second in any case.
pub(super) fn longest_stop(wait: Duration) -> Duration {
    let keepers = std::fs::read_dir(root().join("actors/src")).unwrap();
    let keepers = keepers.filter(|it| it.as_ref().unwrap().file_type().unwrap().is_dir()).count();
    wait + Duration::from_millis(250) * u32::try_from(keepers).unwrap()
}

/// Leaves of a configuration file as dotted keys. Lists are leaves.
pub(super) fn leaves(config: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    collect(config, "", &mut found);
    found
}

fn collect(value: &Value, at: &str, found: &mut BTreeMap<String, Value>) {
    let Some(members) = value.as_object() else {
        found.insert(at.to_owned(), value.clone());
        return;
    };
    for (name, value) in members {
        let key = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        collect(value, &key, found);
    }
}

/// Asks the program whether this command line can be read at all.
pub(super) fn is_understood(arguments: &[String]) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_authserver"));
    command.args(arguments).arg("--help").env_clear();
    let done = command.output().unwrap();
    // The help of the command itself, not of the program for want of one.
    done.status.success() && arguments.iter().any(|argument| !argument.starts_with('-'))
}
