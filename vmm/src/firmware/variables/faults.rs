//! Writing the store is cut off at any byte, by the death of its process and by a host without room: whoever reads it
//! afterwards finds the old or the new contents.

use super::{VariableFile, VariableFileError};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

const SIZE: usize = 12 << 10;
/// Set in the process that writes: in which directory, and after how many bytes it is cut off.
const DIRECTORY: &str = "PODVISOR_FAULT_DIRECTORY";
const LIMIT: &str = "PODVISOR_FAULT_LIMIT";
/// What ends a process that writes beyond its limit, unless it ignores that.
const SIGXFSZ: i32 = 25;

fn store(directory: &Path) -> VariableFile {
    VariableFile::new(File::open(directory).unwrap().into(), OsStr::new("vm.fd")).unwrap()
}

/// In the process that writes: writes the new contents until it is cut off, and says so; its test ends then.
fn writes() -> bool {
    let (Some(directory), Some(limit)) = (env::var_os(DIRECTORY), env::var(LIMIT).ok()) else { return false };
    let limit = Some(limit.parse().unwrap());
    setrlimit(Resource::Fsize, Rlimit { current: limit, maximum: limit }).unwrap();
    // Where the limit does not kill, writing stops short, and then fails.
    store(Path::new(&directory)).save(&[2; SIZE]).unwrap();
    true
}

/// Runs the calling test again as the process that writes.
fn write_with(signal: &str, directory: &Path, limit: usize) -> ExitStatus {
    let test = std::thread::current().name().unwrap().to_owned();
    let mut command = Command::new("env");
    command.arg(format!("--{signal}-signal=XFSZ")).arg(env::current_exe().unwrap()).args(["--exact", &test]);
    command.env(DIRECTORY, directory).env(LIMIT, limit.to_string());
    command.output().unwrap().status
}

fn found(directory: &Path) -> Result<u8, VariableFileError> {
    let contents = store(directory).load(Some(SIZE as u64))?.unwrap_or_default();
    let first = contents.first().copied().unwrap_or(0);
    assert!(contents == [1; SIZE] || contents == [2; SIZE], "neither the old nor the new contents");
    Ok(first)
}

const CUTS: [usize; 9] = [0, 1, 511, 4095, 4096, 4097, SIZE - 1, SIZE, SIZE + 1];

#[test]
fn a_process_that_is_killed_at_any_byte_leaves_the_old_contents_or_the_new() {
    if writes() {
        return;
    }
    for limit in CUTS {
        let directory = tempfile::tempdir().unwrap();
        store(directory.path()).save(&[1; SIZE]).unwrap();
        let status = write_with("default", directory.path(), limit);
        let whole = limit >= SIZE;
        assert_eq!(status.signal(), (!whole).then_some(SIGXFSZ), "{limit}: {status}");
        assert_eq!(found(directory.path()).unwrap(), if whole { 2 } else { 1 }, "{limit}");
        store(directory.path()).save(&[2; SIZE]).unwrap();
        assert_eq!(found(directory.path()).unwrap(), 2, "the next write is not hindered");
    }
}

#[test]
fn a_host_without_room_at_any_byte_leaves_the_old_contents_and_nothing_else() {
    if writes() {
        return;
    }
    for limit in CUTS {
        let directory = tempfile::tempdir().unwrap();
        store(directory.path()).save(&[1; SIZE]).unwrap();
        let status = write_with("ignore", directory.path(), limit);
        let whole = limit >= SIZE;
        assert_eq!(status.success(), whole, "{limit}: {status}");
        assert_eq!(found(directory.path()).unwrap(), if whole { 2 } else { 1 }, "{limit}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "{limit}");
    }
}

#[test]
fn however_much_a_crash_left_of_the_next_contents_the_old_are_found() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path()).save(&[1; SIZE]).unwrap();
    for left in (0..=SIZE).step_by(97) {
        fs::write(directory.path().join(".vm.fd.new"), &[2; SIZE][..left]).unwrap();
        assert_eq!(found(directory.path()).unwrap(), 1, "{left}");
    }
}
