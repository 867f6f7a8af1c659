//! The thread that writes the store: a guest that changes a variable does not wait for the host's disk.

use super::file::{VariableFile, VariableFileError};
use crate::thread::{ThreadRole, Threads};
use std::error::Error;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Keeps the latest contents until they are written. Dropping it writes what is left.
pub(crate) struct VariableSaver {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Contents that are not written yet: only the latest count.
    next: Option<Vec<u8>>,
    ends: bool,
}

impl VariableSaver {
    /// Writes to `file` from now on.
    ///
    /// # Errors
    /// The host has no room for a thread.
    pub(crate) fn start(threads: &Threads, file: VariableFile) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let body = Arc::clone(&shared);
        let thread = threads.spawn(ThreadRole::Variables, move || body.run(|contents| file.save(contents)))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Has `contents` written soon.
    pub(crate) fn save(&self, contents: &[u8]) {
        self.shared.state().next = Some(contents.to_vec());
        self.shared.changed.notify_one();
    }
}

impl Drop for VariableSaver {
    fn drop(&mut self) {
        self.shared.state().ends = true;
        self.shared.changed.notify_one();
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("The thread that saves the firmware's variables panicked: the last changes may be lost");
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what comes. What could not be written is tried again with the next change, or at the end.
    fn run(&self, mut save: impl FnMut(&[u8]) -> Result<(), VariableFileError>) {
        let mut left = None;
        while let Some(contents) = self.wait() {
            left = match save(&contents) {
                Ok(()) => {
                    if left.is_some() {
                        tracing::info!("The firmware's variables are kept again");
                    }
                    None
                }
                Err(error) => {
                    // Once: guests can change variables as often as they like.
                    if left.is_none() {
                        let cause = cause(&error);
                        tracing::error!(
                            cause,
                            "{error}: it is tried again with the next change and at the machine's end"
                        );
                    }
                    Some(contents)
                }
            };
        }
        if let Some(Err(error)) = left.map(|contents| save(&contents)) {
            tracing::error!(cause = cause(&error), "{error}: the last changes of the firmware's variables are lost");
        }
    }

    /// The next contents; `None` when there will be no more.
    fn wait(&self) -> Option<Vec<u8>> {
        let state = self.state();
        let waits = |state: &mut State| state.next.is_none() && !state.ends;
        let mut state = self.changed.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner);
        state.next.take()
    }
}

fn cause(error: &VariableFileError) -> Option<String> {
    error.source().map(ToString::to_string)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::fs::File;

    #[test]
    fn the_latest_contents_are_on_disk_when_the_machine_has_ended() {
        let directory = tempfile::tempdir().unwrap();
        let file = || VariableFile::new(File::open(directory.path()).unwrap().into(), OsStr::new("vm.fd")).unwrap();
        let saver = VariableSaver::start(&Threads::unconfined(), file()).unwrap();
        for round in 0..20 {
            saver.save(&[round; 64]);
        }
        drop(saver);
        assert_eq!(file().load(Some(64)).unwrap().unwrap(), [19; 64]);
    }

    #[test]
    fn nothing_is_written_when_nothing_changed() {
        let directory = tempfile::tempdir().unwrap();
        let file = VariableFile::new(File::open(directory.path()).unwrap().into(), OsStr::new("vm.fd")).unwrap();
        drop(VariableSaver::start(&Threads::unconfined(), file).unwrap());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    /// What is written when these contents come, the writes end so, and the machine ends.
    fn written(contents: &[u8], results: &[bool]) -> Vec<u8> {
        let shared = Shared::default();
        let (mut coming, mut results) = (contents.iter(), results.iter());
        let mut next = || {
            let mut state = shared.state();
            match coming.next() {
                Some(byte) => state.next = Some(vec![*byte]),
                None => state.ends = true,
            }
        };
        let mut written = Vec::new();
        next();
        shared.run(|contents| {
            written.extend_from_slice(contents);
            next();
            match results.next() {
                Some(false) => Err(VariableFileError::Name("full".into())),
                Some(true) | None => Ok(()),
            }
        });
        written
    }

    #[test]
    fn what_the_host_has_no_room_for_is_written_with_the_next_change_or_at_the_end() {
        assert_eq!(written(&[1, 2], &[true, true]), [1, 2]);
        assert_eq!(written(&[1, 2], &[false, true]), [1, 2], "the next contents have the change too");
        assert_eq!(written(&[1, 2], &[false, false]), [1, 2, 2], "once more at the end");
        assert_eq!(written(&[1, 2], &[false, false, false]), [1, 2, 2], "and then no more");
    }
}
