//! A real load balancer before several servers: HAProxy, as `docs/haproxy.cfg` has it, at addresses
//! of the test.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::leash::Leashed;
use super::postgres::runs_as_root;
use super::process::{Installation, free_port};

/// What operators are told to use.
const CONFIGURATION: &str = include_str!("../../../docs/haproxy.cfg");
const NAMES: [&str; 3] = ["one", "two", "three"];
const PATIENCE: Duration = Duration::from_secs(30);
/// Debian puts it where only root's search path leads.
const DEBIAN_INSTALLS_TO: &str = "/usr/sbin/haproxy";
const NOT_INSTALLED: &str = "HAProxy is not installed, and the tests of a fleet cannot run without \
    it. Run `bin/test`, which installs what the tests need, or `apt-get install haproxy`";

/// A balancer that is not there yet; its address is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place(u16);

impl Place {
    /// Finds one.
    pub(crate) fn free() -> Place {
        Place(free_port())
    }

    /// The address, without a path.
    pub(crate) fn url(self) -> String {
        format!("http://127.0.0.1:{}", self.0)
    }
}

/// A balancer that runs.
#[derive(Debug)]
pub(crate) struct Balancer {
    program: Leashed,
}

impl Balancer {
    /// Starts it at `place` before these three; what it writes goes to `folder`.
    pub(crate) async fn start(
        place: Place,
        servers: [&Installation; 3],
        folder: &Path,
    ) -> Balancer {
        let file = folder.join("haproxy.cfg");
        fs::write(&file, configuration(place, servers)).unwrap();
        let installed = Path::new(DEBIAN_INSTALLS_TO).exists();
        let mut command = Command::new(if installed { DEBIAN_INSTALLS_TO } else { "haproxy" });
        command.arg("-f").arg(&file).stdin(Stdio::null());
        let found = Command::new(command.get_program()).arg("-v").stdout(Stdio::null()).status();
        assert!(found.is_ok(), "{NOT_INSTALLED}");
        let mut balancer = Balancer { program: Leashed::start("balancer", command, folder) };
        balancer.is_ready(place).await;
        balancer
    }

    /// Waits until it lets requests through.
    async fn is_ready(&mut self, place: Place) {
        let (http, url) = (reqwest::Client::new(), format!("{}/ready", place.url()));
        let succeeds = async |_: &Leashed| {
            let answer = http.get(&url).timeout(Duration::from_secs(5)).send().await.ok()?;
            answer.status().is_success().then_some(())
        };
        self.program.until(PATIENCE, succeeds).await;
    }

    /// The end of what it printed, for the message of a failure.
    pub(crate) fn tail(&self) -> String {
        self.program.tail()
    }
}

/// The file of the documentation with other addresses, and nothing else changed but whose the
/// process is and how many connections it may have.
fn configuration(place: Place, servers: [&Installation; 3]) -> String {
    let mut changed = 0;
    let lines = CONFIGURATION.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["global"] if runs_as_root() => "global\n    user nobody\n    group nogroup".to_owned(),
            // Few files may be open on some machines.
            ["maxconn", _] => "    maxconn 200".to_owned(),
            ["bind", ..] => {
                changed += 1;
                format!("    bind 127.0.0.1:{}", place.0)
            }
            ["server", name, _, ref rest @ ..] => {
                changed += 1;
                let number = NAMES.iter().position(|it| *it == name).unwrap();
                let (address, port) = servers[number].address();
                format!("    server {name} {address}:{port} {}", rest.join(" "))
            }
            _ => line.to_owned(),
        }
    });
    let text = lines.collect::<Vec<_>>().join("\n") + "\n";
    assert_eq!(changed, 7, "one address to listen on, and two backends of three servers");
    text
}
