//! A test machine that was built: its handle, its console and its events.

use std::time::Instant;

use vmm::{EventStream, StopReason, VmEvent, VmHandle};

use super::DEADLINE;
use super::answer::Answer;
use super::console::Console;

/// A machine with the test guest in it. Dropping it stops it.
#[derive(Debug)]
pub struct Guest {
    /// The machine's handle.
    pub handle: VmHandle,
    /// Its serial port.
    pub console: Console,
    events: EventStream,
}

impl Guest {
    pub(super) fn new(handle: VmHandle, console: Console) -> Self {
        let events = handle.events();
        Self { handle, console, events }
    }

    /// The next line that begins with `prefix`; lines before it are passed over.
    ///
    /// # Panics
    /// No such line comes in time, or one comes that tells of a failure; the message shows all that the guest printed.
    pub fn line(&mut self, prefix: &str) -> Answer {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.console.line(deadline) {
                Some(line) if line.starts_with(prefix) => return Answer::new(&line),
                Some(line) if is_failure(&line) => panic!("no {prefix:?}, but:\n{}", self.story()),
                Some(_) => {}
                None => panic!("no {prefix:?} came; the guest printed:\n{}", self.story()),
            }
        }
    }

    /// The guest's answer to the command `name`.
    ///
    /// # Panics
    /// It failed, or did not come in time.
    pub fn answer(&mut self, name: &str) -> Answer {
        self.line(&format!("ok {name}"))
    }

    /// The next lines that begin with `prefix`, up to and without the first that does not.
    ///
    /// # Panics
    /// No other line comes in time.
    pub fn lines_until(&mut self, prefix: &str, end: &str) -> (Vec<Answer>, Answer) {
        let mut lines = Vec::new();
        loop {
            let line = self.line("");
            if line.line().starts_with(end) {
                return (lines, line);
            }
            assert!(!is_failure(line.line()), "no {end:?}, but:\n{}", self.story());
            if line.line().starts_with(prefix) {
                lines.push(line);
            }
        }
    }

    /// Sends input.
    pub fn send(&mut self, bytes: &[u8]) {
        self.console.send(bytes);
    }

    /// Waits until the machine has stopped, and reads all that it prints until then.
    ///
    /// # Panics
    /// It does not stop in time.
    pub fn stopped(&mut self) -> StopReason {
        // Its end waits a while for somebody who reads.
        self.console.read_to_end(Instant::now() + DEADLINE);
        let reason = self.handle.wait(Some(DEADLINE));
        reason.unwrap_or_else(|| panic!("the machine did not stop; the guest printed:\n{}", self.story()))
    }

    /// The next event.
    ///
    /// # Panics
    /// None comes in time.
    pub fn event(&mut self) -> VmEvent {
        let event = self.events.next(Some(DEADLINE));
        event.unwrap_or_else(|| panic!("no event came; the guest printed:\n{}", self.story()))
    }

    /// All events up to the end of the machine.
    ///
    /// # Panics
    /// It does not end in time.
    pub fn events_to_the_end(&mut self) -> Vec<VmEvent> {
        let mut events = Vec::new();
        while !matches!(events.last(), Some(VmEvent::Stopped(_))) {
            events.push(self.event());
        }
        events
    }

    /// What the guest printed and where the machine is, for the message of a failure.
    fn story(&mut self) -> String {
        // What comes right after the line of a failure often tells why.
        self.console.read_to_end(Instant::now() + std::time::Duration::from_millis(200));
        let state = self.handle.state();
        let reason = self.handle.wait(Some(std::time::Duration::ZERO));
        format!("{}\n(the machine is {state:?}, stop reason {reason:?})", self.console.transcript())
    }
}

fn is_failure(line: &str) -> bool {
    ["fail ", "fault ", "panic "].iter().any(|prefix| line.starts_with(prefix))
}
