//! The first serial port's other end: the terminal, a pseudo-terminal, a Unix socket, or nothing.
//!
//! The machine gets two pipes of its own. Between them and the outside stand threads of the launcher, so
//! that the user's terminal, whose open file description other programs share, is never made non-blocking, and so
//! that `Ctrl-]` is seen here and not by the guest. The serial port writes to standard output itself: it leaves the
//! descriptor's mode alone, and the guest's first words need not wait for a thread that hands them on.

mod arg;
mod escape;
mod pipes;
mod pty;
mod pumps;
mod ready;
mod relay;
mod socket;
mod stdio;
mod terminal;

pub(crate) use arg::ConsoleArg;
pub(crate) use terminal::{MessageWriter, message};

use crate::cleanup::Cleanup;
use crate::socket_file::SocketFileError;
use pipes::HostEnds;
use pty::Pty;
use pumps::Pumps;
use rustix::io::Errno;
use socket::SocketPort;
use std::io::{IsTerminal, stderr, stdout};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use thiserror::Error;
use vmm::Resource;

/// Why there is no console.
#[derive(Debug, Error)]
pub(crate) enum ConsoleError {
    #[error("Cannot make the pipes of the console")]
    Pipes(#[source] Errno),
    #[error("Cannot give standard output to the machine: raise the limit of open files (`ulimit -n`)")]
    Output(#[source] std::io::Error),
    #[error("Cannot make a pseudo-terminal for the console")]
    Pty(#[source] Errno),
    #[error("Cannot listen for the console on {path}", path = path.display())]
    Socket {
        path: PathBuf,
        #[source]
        source: SocketFileError,
    },
    #[error("Cannot start the threads of the console: raise the limit of processes (`ulimit -u`, the pids cgroup)")]
    Thread(#[source] std::io::Error),
    #[error("Cannot put the terminal into raw mode")]
    RawMode(#[source] Errno),
}

/// A console that is there, but moves no byte yet.
pub(crate) struct Console {
    /// Which: what the user is told of it.
    name: &'static str,
    kind: Kind,
}

enum Kind {
    Off,
    Stdio { to_guest: OwnedFd, from_guest: Option<OwnedFd> },
    Pty(Pty, HostEnds),
    Socket(SocketPort, HostEnds),
}

impl Console {
    /// Makes what `arg` asks for as the serial console, and the machine's ends of it.
    ///
    /// # Errors
    /// The host does not have it, or the socket is in use.
    pub(crate) fn serial(arg: &ConsoleArg) -> Result<(Self, Resource), ConsoleError> {
        if *arg != ConsoleArg::Stdio {
            return Self::open("serial", arg);
        }
        let (input, to_guest) = pipes::pipe().map_err(ConsoleError::Pipes)?;
        let output = stdout().as_fd().try_clone_to_owned().map_err(ConsoleError::Output)?;
        let kind = Kind::Stdio { to_guest, from_guest: None };
        Ok((Self { name: "serial", kind }, Resource::Stream { input: Some(input), output: Some(output) }))
    }

    /// The same for the virtio console, which makes its descriptors non-blocking.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn virtio(arg: &ConsoleArg) -> Result<(Self, Resource), ConsoleError> {
        Self::open("virtio", arg)
    }

    fn open(name: &'static str, arg: &ConsoleArg) -> Result<(Self, Resource), ConsoleError> {
        if *arg == ConsoleArg::Off {
            return Ok((Self { name, kind: Kind::Off }, Resource::Stream { input: None, output: None }));
        }
        let (host, machine) = pipes::make().map_err(ConsoleError::Pipes)?;
        let kind = match arg {
            ConsoleArg::Off => Kind::Off,
            ConsoleArg::Stdio => Kind::Stdio { to_guest: host.to_guest, from_guest: Some(host.from_guest) },
            ConsoleArg::Pty => Kind::Pty(Pty::open().map_err(ConsoleError::Pty)?, host),
            ConsoleArg::Socket(path) => {
                let port =
                    SocketPort::open(path).map_err(|source| ConsoleError::Socket { path: path.clone(), source })?;
                Kind::Socket(port, host)
            }
        };
        Ok((Self { name, kind }, machine))
    }

    /// Begins to move bytes; `leave` is called each time the user types `Ctrl-]`.
    ///
    /// # Errors
    /// The host has no room for a thread, or the terminal does not obey.
    pub(crate) fn start(self, leave: impl FnMut() + Send + 'static) -> Result<RunningConsole, ConsoleError> {
        let mut pumps = Pumps::new().map_err(ConsoleError::Pipes)?;
        let (mut raw_mode, mut hint) = (None, None);
        match self.kind {
            Kind::Off => {}
            Kind::Stdio { to_guest, from_guest } => {
                raw_mode = terminal::enter_raw_mode().map_err(ConsoleError::RawMode)?;
                if raw_mode.is_some() && stderr().is_terminal() {
                    hint = Some("Ctrl-] presses the machine's power button, twice stops it at once".to_owned());
                }
                if let Some(from_guest) = from_guest {
                    stdio::start_output(&mut pumps, from_guest).map_err(ConsoleError::Thread)?;
                }
                stdio::start_input(&mut pumps, to_guest, raw_mode.is_some(), leave).map_err(ConsoleError::Thread)?;
            }
            Kind::Pty(pty, host) => {
                hint = Some(format!("The {} console is {}", self.name, pty.name()));
                relay::start(&mut pumps, pty, host).map_err(ConsoleError::Thread)?;
            }
            Kind::Socket(port, host) => relay::start(&mut pumps, port, host).map_err(ConsoleError::Thread)?,
        }
        Ok(RunningConsole { _pumps: pumps, _raw_mode: raw_mode, hint })
    }
}

/// A console whose bytes move. Dropping it brings out what the machine has written, ends the threads and puts the
/// terminal back, in this order. A reader that takes nothing is waited for briefly, then what is left is lost.
pub(crate) struct RunningConsole {
    _pumps: Pumps,
    _raw_mode: Option<Cleanup>,
    hint: Option<String>,
}

impl RunningConsole {
    /// Tells the user, once the machine runs, what is to be known of this console.
    pub(crate) fn tell(&self) {
        if let Some(hint) = &self.hint {
            message(hint);
        }
    }
}
