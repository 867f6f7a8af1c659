//! Signals that ask this process to end.

use crate::cleanup;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use std::io;
use std::thread::{Builder, JoinHandle};

/// What asks to end, and how it is called.
const ENDING: &[(i32, &str)] = &[(SIGHUP, "SIGHUP"), (SIGINT, "SIGINT"), (SIGQUIT, "SIGQUIT"), (SIGTERM, "SIGTERM")];

/// The name of a signal that [`watch`] tells of.
pub(crate) fn name(signal: i32) -> &'static str {
    ENDING.iter().find(|(number, _)| *number == signal).map_or("a signal", |(_, name)| name)
}

/// Watches until it is dropped. Afterwards such a signal does nothing.
pub(crate) struct Watch {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// Calls `first` with the first signal that asks to end. The second ends the process at once, with what must be put
/// right put right: whoever sends it does not want to wait.
///
/// A signal that is ignored at the start (`nohup`, a shell's background job) stays ignored.
///
/// # Errors
/// The host refuses a handler or a thread.
pub(crate) fn watch(first: impl FnOnce(i32) + Send + 'static) -> io::Result<Watch> {
    let ignored = ignored(&std::fs::read_to_string("/proc/self/status").unwrap_or_default());
    let watched = ENDING.iter().map(|(number, _)| *number).filter(|number| ignored & (1 << (number - 1)) == 0);
    let mut signals = Signals::new(watched)?;
    let handle = signals.handle();
    let thread = Builder::new().name("signals".into()).spawn(move || {
        let mut arrived = signals.forever();
        if let Some(signal) = arrived.next() {
            first(signal);
        }
        if let Some(signal) = arrived.next() {
            end_at_once(signal);
        }
    })?;
    Ok(Watch { handle, thread: Some(thread) })
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // A panic has been printed by its hook.
            let _ = thread.join();
        }
    }
}

#[expect(clippy::exit, reason = "the rest of the process may be stuck: that is why a second signal was sent")]
fn end_at_once(signal: i32) {
    cleanup::run_all();
    std::process::exit(128 + signal);
}

/// The set of ignored signals (bit N-1 for signal N) out of `/proc/PID/status`.
fn ignored(status: &str) -> u64 {
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    #[test]
    fn ignored_signals_are_read_from_the_processs_status() {
        assert_eq!(ignored("Name:\tx\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\n"), 0x1001);
        assert_eq!(ignored("Name:\tx\n"), 0);
    }

    #[test]
    fn the_first_signal_is_told_and_a_watch_ends_without_any() {
        // A background job may have been started with some of them ignored.
        let ignored = ignored(&std::fs::read_to_string("/proc/self/status").unwrap());
        let (signal, called) = *ENDING.iter().rev().find(|(number, _)| ignored & (1 << (number - 1)) == 0).unwrap();
        let (tell, told) = channel();
        let watch = watch(move |signal| tell.send(signal).unwrap()).unwrap();
        signal_hook::low_level::raise(signal).unwrap();
        assert_eq!(told.recv_timeout(Duration::from_secs(60)).map(name), Ok(called));
        drop(watch);
        drop(super::watch(|_| ()).unwrap());
    }
}
