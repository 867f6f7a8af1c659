//! A directory to run the launcher in.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use integration::machine::{DEADLINE, test_guest};
use integration::paths::launcher;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A directory of its own; the launcher runs there, and the names of its files are the launcher's arguments.
pub struct Scene {
    directory: TempDir,
}

impl Scene {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Makes a file.
    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.path(name), contents).unwrap();
    }

    /// Makes a file of zeros that takes no room.
    pub fn sparse(&self, name: &str, bytes: u64) {
        fs::File::create(self.path(name)).unwrap().set_len(bytes).unwrap();
    }

    /// The launcher with these arguments, not started yet. Words are separated by spaces; `GUEST` is the test guest.
    pub fn launcher(&self, arguments: &str) -> Command {
        let mut command = Command::new(launcher());
        for word in arguments.split_whitespace() {
            match word {
                "GUEST" => command.arg(test_guest()),
                _ => command.arg(word),
            };
        }
        self.prepare(&mut command);
        command
    }

    /// Has `command` run in this directory, with nothing of our environment that changes what the launcher does.
    pub fn prepare(&self, command: &mut Command) {
        command.current_dir(self.directory.path()).env("TMPDIR", self.directory.path());
        command.env_remove("PODVISOR_LOG").env_remove("PODVISOR_START_NS").stdin(Stdio::null());
    }

    /// The launcher refuses these arguments: the status is 1, one line says why (it is returned, without the
    /// program's name), there is no other output, and no file has come or gone.
    pub fn refusal(&self, arguments: &str) -> String {
        self.refusal_of(self.launcher(arguments))
    }

    /// As [`Scene::refusal`], of a command made before.
    pub fn refusal_of(&self, mut command: Command) -> String {
        let before = self.names();
        let output = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{command:?} ended with {}: {stderr}", output.status);
        assert_eq!(stdout, "", "{command:?}");
        assert_eq!(self.names(), before, "{command:?} has left something behind");
        let line = stderr.strip_suffix('\n').and_then(|text| text.strip_prefix("launcher: "));
        let line = line.unwrap_or_else(|| panic!("{command:?} printed {stderr:?}"));
        assert!(!line.contains('\n'), "{command:?} printed more than one line: {stderr}");
        line.to_owned()
    }

    /// Connects to the socket `name` once the launcher listens: nothing tells when that is.
    pub fn connect(&self, name: &str) -> UnixStream {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match UnixStream::connect(self.path(name)) {
                Ok(stream) => return stream,
                Err(error) => assert!(Instant::now() < deadline, "nobody listens: {error}"),
            }
            thread::yield_now();
        }
    }

    /// The names in the directory.
    pub fn names(&self) -> BTreeSet<OsString> {
        fs::read_dir(self.directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }
}

/// Waits for a process, and kills it when it does not end: a launcher that hangs is a failure, not a hang of the tests.
pub fn finish(child: Child) -> Output {
    let pid = Pid::from_child(&child);
    let (ended, end) = channel::<()>();
    let watchdog = thread::spawn(move || {
        let hangs = end.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Timeout);
        if hangs {
            // The child is waited for below and nowhere else: the number is still its own.
            kill_process(pid, Signal::KILL).unwrap();
        }
        hangs
    });
    let output = child.wait_with_output().unwrap();
    drop(ended);
    assert!(!watchdog.join().unwrap(), "the launcher did not end: {}", text(&output.stderr));
    output
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Asserts that `line` has all of `parts`, in this order.
#[track_caller]
pub fn says(line: &str, parts: &[&str]) {
    let mut rest = line;
    for part in parts {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("no {part:?} in its place in: {line}")).1;
    }
}

/// A copy of `file` that every user can read and run. Made by a process of its own: a program that is open for writing
/// cannot be run, and children of other tests would inherit our descriptor.
pub fn public_copy(file: &Path, to: &Path) {
    assert!(Command::new("cp").args([file, to]).status().unwrap().success());
    fs::set_permissions(to, Permissions::from_mode(0o755)).unwrap();
}
