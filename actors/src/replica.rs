//! Which of the servers that share a database this process is.

use std::fmt;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::runtime::Environment;

/// One process for as long as it runs. One that starts again is another.
#[derive(Debug, Clone)]
pub struct Replica {
    id: String,
    host: Option<String>,
    started_at: DateTime<Utc>,
    started: Instant,
}

impl Replica {
    /// This process, from now on.
    #[must_use]
    pub fn new(environment: &Environment) -> Replica {
        let id = u32::from_be_bytes(environment.random_bytes());
        Replica {
            id: format!("{id:08x}"),
            host: host(),
            started_at: environment.now(),
            started: Instant::now(),
        }
    }

    /// What tells it from the others.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name of the machine, or of the container, if that can be known.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// When it started.
    #[must_use]
    pub fn started_at(&self) -> DateTime<Utc> {
        self.started_at
    }

    /// For how many seconds it has been up, whatever became of the clock meanwhile.
    #[must_use]
    pub fn uptime_seconds(&self) -> u64 {
        self.started.elapsed().as_secs()
    }
}

impl fmt::Display for Replica {
    /// `host/id`: names one process, and says where to look for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) => write!(f, "{host}/{}", self.id),
            None => f.write_str(&self.id),
        }
    }
}

/// As Linux tells it; elsewhere the id has to do.
fn host() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name: String = name.trim().chars().filter(|it| !it.is_control()).take(64).collect();
    (!name.is_empty()).then_some(name)
}
