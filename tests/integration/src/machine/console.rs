//! The host's end of a test machine's serial port.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::DEADLINE;

/// Reads lines up to a deadline, keeps all that was read, and sends input.
#[derive(Debug)]
pub struct Console {
    stream: UnixStream,
    transcript: Vec<u8>,
    /// Where in the transcript the next line begins.
    taken: usize,
}

impl Console {
    /// A console, and the machine's end of it.
    ///
    /// # Panics
    /// This process has no descriptor left.
    pub fn pair() -> (Self, OwnedFd) {
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        (Self::over(ours), theirs.into())
    }

    /// The console at the other end of `stream`.
    pub fn over(stream: UnixStream) -> Self {
        Self { stream, transcript: Vec::new(), taken: 0 }
    }

    /// The next whole line, without its end; `None` when `deadline` passes or the output ends first.
    pub fn line(&mut self, deadline: Instant) -> Option<String> {
        loop {
            let rest = &self.transcript[self.taken..];
            if let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(&rest[..length]).trim_end_matches('\r').to_owned();
                self.taken += length + 1;
                return Some(line);
            }
            if !self.read(deadline) {
                return None;
            }
        }
    }

    /// Sends input to the guest; waits while the machine does not take it.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the machine takes input");
    }

    /// Another end for input, to send from a second thread.
    pub fn sender(&self) -> UnixStream {
        self.stream.try_clone().expect("a descriptor")
    }

    /// Reads to the end of the output, which comes when the machine has stopped.
    pub fn read_to_end(&mut self, deadline: Instant) {
        while self.read(deadline) {}
    }

    /// Reads what comes until nothing has come for `quiet`; its lines are still to be taken.
    ///
    /// # Panics
    /// It does not end.
    pub fn settle(&mut self, quiet: Duration) {
        let deadline = Instant::now() + DEADLINE;
        while self.read(Instant::now() + quiet) {
            assert!(Instant::now() < deadline, "the output does not end");
        }
    }

    /// Whether nothing comes for `time`.
    pub fn is_silent(&mut self, time: Duration) -> bool {
        !self.read(Instant::now() + time)
    }

    /// All that was read so far.
    pub fn transcript(&self) -> String {
        String::from_utf8_lossy(&self.transcript).into_owned()
    }

    /// How many of the lines read so far begin with `prefix`.
    pub fn count(&self, prefix: &str) -> usize {
        self.transcript().lines().filter(|line| line.starts_with(prefix)).count()
    }

    /// Reads some more; `false` when nothing came before `deadline` or the output has ended.
    fn read(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.stream.set_read_timeout(Some(left)).expect("a timeout that is not zero");
        let mut chunk = [0; 4096];
        loop {
            return match self.stream.read(&mut chunk) {
                Ok(0) => false,
                Ok(count) => {
                    self.transcript.extend_from_slice(&chunk[..count]);
                    true
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => false,
                // Input that the guest never read makes the end of the output a reset connection.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
                Err(error) => panic!("the console cannot be read: {error}"),
            };
        }
    }
}
