//! The user's terminal: raw while its keys go to the guest, and as it was on every way out.

use crate::cleanup::{Cleanup, on_exit};
use rustix::io::Errno;
use rustix::process::getpgrp;
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetpgrp, tcsetattr};
use std::io::{self, IsTerminal, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use tracing_subscriber::fmt::MakeWriter;

/// Whether a terminal is raw: lines for the user then need a carriage return of their own.
static RAW: AtomicBool = AtomicBool::new(false);

/// Has every key of standard input arrive as it is typed, until the answer is dropped; `None`: it is no terminal.
///
/// # Errors
/// The terminal does not obey.
pub(super) fn enter_raw_mode() -> Result<Option<Cleanup>, Errno> {
    let stdin = io::stdin();
    if !isatty(&stdin) {
        return Ok(None);
    }
    // A duplicate shares the user's open file description: nothing but the terminal's mode is changed through it.
    let terminal = rustix::io::fcntl_dupfd_cloexec(&stdin, 3)?;
    make_raw(terminal).map(Some)
}

fn make_raw(terminal: OwnedFd) -> Result<Cleanup, Errno> {
    let before = tcgetattr(&terminal)?;
    let mut raw = before.clone();
    raw.make_raw();
    tcsetattr(&terminal, OptionalActions::Now, &raw)?;
    RAW.store(true, Ordering::SeqCst);
    Ok(on_exit(move || restore(&terminal, &before)))
}

fn restore(terminal: &OwnedFd, before: &Termios) {
    RAW.store(false, Ordering::SeqCst);
    // Once it is the shell's again, its mode is the shell's affair; asking would only stop us (SIGTTOU).
    let others = tcgetpgrp(terminal).is_ok_and(|foreground| foreground != getpgrp());
    if !others {
        // The terminal may be gone: nobody is left to care.
        let _ = tcsetattr(terminal, OptionalActions::Now, before);
    }
}

/// Standard error, for log lines: on a raw terminal every line ends as it should.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessageWriter;

impl Write for MessageWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let stderr = io::stderr();
        if RAW.load(Ordering::SeqCst) && stderr.is_terminal() {
            stderr.lock().write_all(&with_carriage_returns(bytes))?;
        } else {
            stderr.lock().write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for MessageWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

fn with_carriage_returns(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    for &byte in bytes {
        if byte == b'\n' {
            out.push(b'\r');
        }
        out.push(byte);
    }
    out
}

/// One line for the user, on standard error. Nobody may be reading it: that is no reason to fail.
pub(crate) fn message(text: &str) {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let _ = MessageWriter.write_all(format!("launcher: {line}\n").as_bytes());
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
    use rustix::termios::LocalModes;

    #[test]
    fn a_terminal_is_raw_until_the_guard_is_dropped() {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        unlockpt(&master).unwrap();
        let terminal = ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        let modes = || tcgetattr(&terminal).unwrap().local_modes;
        let cooked = LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        assert!(modes().contains(cooked));
        let raw = make_raw(terminal.try_clone().unwrap()).unwrap();
        assert!(!modes().intersects(cooked));
        drop(raw);
        assert!(modes().contains(cooked));
    }

    #[test]
    fn lines_on_a_raw_terminal_begin_at_its_left() {
        assert_eq!(with_carriage_returns(b"a\nb\n"), b"a\r\nb\r\n");
    }
}
