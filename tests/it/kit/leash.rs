//! Programs that a test starts, and their certain end: each leads a process group of its own, which
//! is killed when the test lets go of it. Should this process be killed first, a watchdog that holds
//! the other end of a pipe kills the groups that are left.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How often we look whether something has happened in another process.
const GLANCE: Duration = Duration::from_millis(10);
/// Lines of a log that go into a failure's message.
const TAIL: usize = 60;

/// A running program. What it prints is kept in files.
#[derive(Debug)]
pub(crate) struct Leashed {
    name: String,
    child: Child,
    ended: Option<ExitStatus>,
    out: PathBuf,
    err: PathBuf,
}

impl Leashed {
    /// Starts `command`; what it prints goes to `name.out` and `name.err` in `folder`.
    pub(crate) fn start(name: &str, mut command: Command, folder: &Path) -> Leashed {
        let file = |end: &str| folder.join(format!("{name}.{end}"));
        let (out, err) = (file("out"), file("err"));
        let said = |path: &Path| File::create(path).expect("a test may write its folder");
        command.stdout(said(&out)).stderr(said(&err)).process_group(0);
        let child = command
            .spawn()
            .unwrap_or_else(|problem| panic!("{}: {problem}", command.get_program().display()));
        tell_watchdog("hold", child.id());
        Leashed { name: name.to_owned(), child, ended: None, out, err }
    }

    /// Its standard input, if it was started with a pipe there and nobody took it yet.
    pub(crate) fn input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends the signal with this name, such as `TERM`, to the program alone.
    pub(crate) fn signal(&self, name: &str) {
        assert!(self.ended.is_none(), "{} has ended already", self.name);
        send_signal(name, &self.child.id().to_string());
    }

    /// Kills the program and everything it started in its group.
    pub(crate) fn kill(&mut self) {
        if self.ended.is_none() {
            send_signal("KILL", &format!("-{}", self.child.id()));
            self.ended = self.child.wait().ok();
            tell_watchdog("free", self.child.id());
        }
    }

    /// How it ended, if it has.
    pub(crate) fn end(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none()
            && let Some(status) = self.child.try_wait().expect("it is a child of ours")
        {
            self.ended = Some(status);
            tell_watchdog("free", self.child.id());
        }
        self.ended
    }

    /// Waits for its end.
    pub(crate) async fn end_within(&mut self, patience: Duration) -> ExitStatus {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.end() {
                return status;
            }
            if Instant::now() > deadline {
                panic!("{} did not end within {patience:?}\n{}", self.name, self.tail());
            }
            sleep(GLANCE).await;
        }
    }

    /// Waits until `look` finds something. Fails when the program ends first.
    pub(crate) async fn until<T>(
        &mut self,
        patience: Duration,
        mut look: impl AsyncFnMut(&Leashed) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + patience;
        loop {
            let ended = self.end();
            if let Some(found) = look(self).await {
                return found;
            }
            if let Some(status) = ended {
                panic!("{} ended with {status}\n{}", self.name, self.tail());
            }
            if Instant::now() > deadline {
                panic!("{} is not ready after {patience:?}\n{}", self.name, self.tail());
            }
            sleep(GLANCE).await;
        }
    }

    /// What it printed to standard output so far.
    pub(crate) fn out(&self) -> String {
        fs::read_to_string(&self.out).unwrap_or_default()
    }

    /// What it printed to standard error so far.
    pub(crate) fn err(&self) -> String {
        fs::read_to_string(&self.err).unwrap_or_default()
    }

    /// The end of what it printed, for the message of a failure.
    pub(crate) fn tail(&self) -> String {
        let mut text = String::new();
        for (stream, said) in [("output", self.out()), ("errors", self.err())] {
            let lines: Vec<&str> = said.lines().collect();
            let last = lines[lines.len().saturating_sub(TAIL)..].join("\n");
            text.push_str(&format!("--- {} of {}\n{last}\n", stream, self.name));
        }
        text
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        self.kill();
    }
}

/// `target` is a process id, or a group's with a minus before it. The shell's own `kill`, because
/// the standard library sends SIGKILL to single processes only.
fn send_signal(name: &str, target: &str) {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", r#"kill "-$1" "$2""#, "kill", name, target]);
    // It may have ended a moment ago; then there is nothing to be done.
    drop(shell.stderr(Stdio::null()).status());
}

fn tell_watchdog(order: &str, group: u32) {
    static WATCHDOG: OnceLock<Mutex<ChildStdin>> = OnceLock::new();
    let pipe = WATCHDOG.get_or_init(|| Mutex::new(start_watchdog().expect("there is /bin/sh")));
    let mut pipe = pipe.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    writeln!(pipe, "{order} {group}").expect("the watchdog listens");
}

fn start_watchdog() -> io::Result<ChildStdin> {
    const SCRIPT: &str = r#"
        trap '' HUP INT TERM
        held=''
        while read -r order group; do
          others=''
          for one in $held; do [ "$one" = "$group" ] || others="$others $one"; done
          held=$others
          [ "$order" = free ] || held="$held $group"
        done
        for one in $held; do kill -KILL "-$one"; done
    "#;
    let mut child = Command::new("/bin/sh")
        .args(["-c", SCRIPT])
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    child.stdin.take().ok_or_else(|| io::Error::other("no pipe"))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, Read as _};
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    /// Set for the process that [`a_process_that_only_holds_a_program`] is meant for.
    const ALONE: &str = "AUTHSERVER_TESTS_HOLD_A_PROGRAM";

    /// Two processes of one group that do nothing for a minute, both with `lifeline` open.
    fn sleepers(lifeline: impl Into<Stdio>) -> Leashed {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exec 3<&0; sleep 60 & sleep 60"]).stdin(lifeline);
        Leashed::start("sleepers", command, folder.path())
    }

    /// The other end of a pipe sees its end when everybody who held it is gone.
    fn lifeline() -> (PipeReader, PipeWriter) {
        io::pipe().unwrap()
    }

    #[track_caller]
    fn all_are_gone(mut lifeline: PipeReader) {
        let (done, gone) = mpsc::channel();
        thread::spawn(move || done.send(lifeline.read_to_end(&mut Vec::new()).unwrap()));
        gone.recv_timeout(Duration::from_secs(20)).expect("somebody still holds the pipe");
    }

    #[test]
    fn a_program_that_is_let_go_of_is_killed_with_what_it_started() {
        let (reader, writer) = lifeline();
        let program = sleepers(writer);

        drop(program);

        all_are_gone(reader);
    }

    /// The process that the next test kills. As one test among others it has nothing to do.
    #[test]
    fn a_process_that_only_holds_a_program() {
        if std::env::var_os(ALONE).is_some() {
            let _program = sleepers(Stdio::inherit());
            println!("\nHOLDING");
            thread::sleep(Duration::from_secs(60));
        }
    }

    #[test]
    fn programs_are_killed_when_the_process_that_started_them_is() {
        let (reader, writer) = lifeline();
        let (_, module) = module_path!().split_once("::").unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "--nocapture"])
            .arg(format!("{module}::a_process_that_only_holds_a_program"))
            .env(ALONE, "yes")
            .stdin(writer)
            .stdout(Stdio::piped());
        let mut holder = command.spawn().unwrap();
        drop(command);
        let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "HOLDING"));

        holder.kill().unwrap();
        holder.wait().unwrap();

        all_are_gone(reader);
    }
}
