//! A clock that is wrong, for one server process: Debian's faketime, told by a file, so that it can
//! be set while the process runs. What measures durations goes right.

use std::fs;
use std::path::PathBuf;

use super::process::Installation;

const NOT_INSTALLED: &str = "libfaketime is not installed, and the tests of wrong clocks cannot run \
    without it. Run `bin/test`, which installs what the tests need, or `apt-get install faketime`";

/// The clock of one process.
#[derive(Debug)]
pub(crate) struct WrongClock {
    file: PathBuf,
}

impl WrongClock {
    /// The same installation with a clock that can be set; it is right at first.
    pub(crate) fn of(installation: &Installation) -> (WrongClock, Installation) {
        let port = installation.address().1;
        let clock = WrongClock { file: installation.folder().join(format!("clock-{port}")) };
        clock.set(0);
        let wrong = installation
            .clone()
            .with("LD_PRELOAD", library().to_str().unwrap())
            .with("FAKETIME_TIMESTAMP_FILE", clock.file.to_str().unwrap())
            .with("FAKETIME_CACHE_DURATION", "1")
            .with("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        (clock, wrong)
    }

    /// From a second on at the latest the clock is so many seconds ahead, or behind.
    pub(crate) fn set(&self, seconds: i32) {
        // In one step: who reads half of it has no clock at all.
        let draft = self.file.with_extension("draft");
        fs::write(&draft, format!("{seconds:+}s\n")).unwrap();
        fs::rename(&draft, &self.file).unwrap();
    }
}

/// Where Debian has it on this kind of machine.
fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten();
    let files = folders.flatten().map(|it| it.path().join("faketime/libfaketimeMT.so.1"));
    files.into_iter().find(|file| file.exists()).expect(NOT_INSTALLED)
}
