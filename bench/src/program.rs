//! Programs that are measured: started, asked what they cost, and ended.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::Outcome;
use crate::http::{Connection, get};

/// Clock ticks per second in `/proc`; the same on every Linux.
const TICKS: f64 = 100.0;
/// How long a program may take to come up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that runs until this is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From its start to its first answer.
    pub started_in: Duration,
}

impl Program {
    /// Starts `command`, which will listen on `address`, and waits until `path` is
    /// answered with a success. What it prints goes to `log`.
    ///
    /// # Errors
    /// When it ends, or does not answer in time.
    pub async fn start(
        mut command: Command,
        address: SocketAddr,
        path: &str,
        log: &Path,
    ) -> Outcome<Program> {
        let said = File::create(log)?;
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        let begun = Instant::now();
        let child = command.spawn()?;
        let mut program = Program { child, address, started_in: Duration::ZERO };
        while !answers(address, path).await {
            if let Some(status) = program.child.try_wait()? {
                return Err(format!("it ended with {status}\n{}", tail(log)).into());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("it does not answer\n{}", tail(log)).into());
            }
            sleep(Duration::from_millis(1)).await;
        }
        program.started_in = begun.elapsed();
        Ok(program)
    }

    /// Processor time it has used so far.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn cpu(&self) -> Outcome<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, after_the_name) = stat.rsplit_once(')').ok_or("an odd /proc/*/stat")?;
        let fields: Vec<&str> = after_the_name.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u32>().ok());
        let (user, system) = ticks(11).zip(ticks(12)).ok_or("an odd /proc/*/stat")?;
        Ok(Duration::from_secs_f64(f64::from(user.saturating_add(system)) / TICKS))
    }

    /// Memory it holds, in megabytes.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn memory(&self) -> Outcome<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS")?;
        Ok(kilobytes.parse::<f64>()? / 1024.0)
    }

    /// Files and sockets it holds open.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn open_files(&self) -> Outcome<u64> {
        let count = fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count();
        Ok(u64::try_from(count)?)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to be done.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn answers(address: SocketAddr, path: &str) -> bool {
    let Ok(mut connection) = Connection::to(address).await else { return false };
    matches!(connection.exchange(&get(path, None)).await, Ok(answer) if answer.status == 200)
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// An address of loopback that nobody listens on at the moment.
///
/// # Errors
/// When there is none.
pub fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
