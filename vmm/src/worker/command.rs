//! What a worker is told: a channel, and an event that wakes it.

use devices::id::DeviceId;
use devices::virtio::{QueueHandler, Returned};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::mpsc::{Receiver, SendError, Sender, channel};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

/// One thing to do.
pub(super) enum Command {
    /// Serve these.
    Start {
        /// Whose they are.
        device: DeviceId,
        /// One for each queue.
        handlers: Vec<Box<dyn QueueHandler>>,
    },
    /// Hand back what is served for a device.
    Stop {
        /// Whose.
        device: DeviceId,
        /// Where to.
        returned: Returned,
    },
    /// End the thread.
    End,
}

impl Command {
    /// Does what can be done without a worker: nobody waits in vain for handlers.
    pub(super) fn refuse(self) {
        if let Self::Stop { returned, .. } = self {
            returned(Vec::new());
        }
    }
}

/// The sender's side.
pub(super) struct Commands {
    sender: Sender<Command>,
    event: EventFd,
}

/// The worker's side.
pub(super) struct CommandQueue {
    receiver: Receiver<Command>,
    event: EventFd,
}

impl Commands {
    /// Both sides.
    pub(super) fn new() -> io::Result<(Self, CommandQueue)> {
        let (sender, receiver) = channel();
        let event = EventFd::new(EFD_NONBLOCK)?;
        let queue = CommandQueue { receiver, event: event.try_clone()? };
        Ok((Self { sender, event }, queue))
    }

    /// Tells the worker. Never blocks. When the worker has ended, the command is refused in the calling thread.
    pub(super) fn send(&self, command: Command) {
        match self.sender.send(command) {
            // It fails only when the event is raised already.
            Ok(()) => drop(self.event.write(1)),
            Err(SendError(command)) => command.refuse(),
        }
    }
}

impl CommandQueue {
    /// What becomes readable when there are commands.
    pub(super) fn descriptor(&self) -> RawFd {
        self.event.as_raw_fd()
    }

    /// Lowers the event. Before the commands are taken, so that one that comes later raises it again.
    pub(super) fn acknowledge(&self) {
        let _ = self.event.read();
    }

    /// The next command, if there is one.
    pub(super) fn next(&self) -> Option<Command> {
        self.receiver.try_recv().ok()
    }
}

impl Drop for CommandQueue {
    fn drop(&mut self) {
        while let Some(command) = self.next() {
            command.refuse();
        }
    }
}
