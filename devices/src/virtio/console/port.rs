//! One port: its end on the host, and what the driver knows of it.

use super::control::{Message, Pending, event};
use super::state::PortState;
use crate::backend::port::PortEnd;
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A port. The end outlives the driver, and the device.
pub(super) struct Port {
    /// The console has none.
    pub(super) name: Option<String>,
    pub(super) end: PortEnd,
    pending: Pending,
    ready: bool,
    guest_open: bool,
    told_open: bool,
    /// Bytes of the next buffer of the transmit queue that the end has taken already.
    pub(super) taken: u32,
    /// The transmit queue waits for room, and is woken by this.
    stalled: bool,
    room: OwnedFd,
}

impl Port {
    pub(super) fn new(name: Option<String>, end: PortEnd) -> io::Result<Self> {
        Ok(Self {
            name,
            end,
            pending: Pending::empty(),
            ready: false,
            guest_open: false,
            told_open: false,
            taken: 0,
            stalled: false,
            room: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    /// Becomes readable when there is room again.
    pub(super) fn room(&self) -> BorrowedFd<'_> {
        self.room.as_fd()
    }

    /// A new driver knows nothing.
    pub(super) fn forget(&mut self) {
        self.set_state(&PortState::default());
    }

    pub(super) fn state(&self) -> PortState {
        PortState {
            name: self.name.clone(),
            pending: self.pending.bits(),
            ready: self.ready,
            guest_open: self.guest_open,
            told_open: self.told_open,
            taken: self.taken,
        }
    }

    pub(super) fn set_state(&mut self, state: &PortState) {
        let PortState { name: _, pending, ready, guest_open, told_open, taken } = *state;
        self.pending = Pending::from_bits_truncate(pending);
        (self.ready, self.guest_open, self.told_open, self.taken) = (ready, guest_open, told_open, taken);
        self.stalled = false;
    }

    /// The driver is there: it gets to know the port.
    pub(super) fn add(&mut self) {
        self.pending |= Pending::ADD;
    }

    /// The driver is ready for the port.
    pub(super) fn greet(&mut self) {
        self.ready = true;
        self.pending |= if self.name.is_some() { Pending::NAME } else { Pending::CONSOLE | Pending::RESIZE };
    }

    /// The console has another size.
    pub(super) fn resized(&mut self) {
        if self.ready && self.name.is_none() {
            self.pending |= Pending::RESIZE;
        }
    }

    /// A program of the guest opens or closes the port.
    pub(super) fn set_guest_open(&mut self, open: bool) {
        self.guest_open = open;
        // What came meanwhile can be read now; or a client who has gone need not be kept.
        self.end.wake();
    }

    /// Somebody reads what comes. (Without port messages, whoever drives the device does.)
    pub(super) fn is_reading(&self, multiport: bool) -> bool {
        self.guest_open || !multiport
    }

    /// The driver is to know: somebody is there. A console is a line that is always there.
    fn is_open(&self) -> bool {
        self.name.is_none() || self.end.is_open()
    }

    /// The driver is to get a message.
    pub(super) fn has_message(&self) -> bool {
        !self.pending.is_empty() || self.ready && self.told_open != self.is_open()
    }

    /// The next message about this port, which is number `port`.
    pub(super) fn message(&mut self, port: u32, (columns, rows): (u16, u16)) -> Option<Vec<u8>> {
        let message = |event, value| Message { port, event, value };
        let mut take = |pending| {
            let is = self.pending.contains(pending);
            self.pending.remove(pending);
            is
        };
        if take(Pending::ADD) {
            return Some(message(event::DEVICE_ADD, 1).with(&[]));
        }
        if take(Pending::CONSOLE) {
            return Some(message(event::CONSOLE_PORT, 1).with(&[]));
        }
        if take(Pending::NAME) {
            return Some(message(event::PORT_NAME, 1).with(self.name.as_deref().unwrap_or_default().as_bytes()));
        }
        if take(Pending::RESIZE) {
            let size = [columns.to_le_bytes(), rows.to_le_bytes()].concat();
            return Some(message(event::RESIZE, 1).with(&size));
        }
        if !self.has_message() {
            return None;
        }
        self.told_open = self.is_open();
        Some(message(event::PORT_OPEN, self.told_open.into()).with(&[]))
    }

    /// The transmit queue waits for room.
    pub(super) fn stall(&mut self) {
        self.stalled = true;
    }

    /// Wakes the transmit queue if there is what it waits for.
    pub(super) fn unstall(&mut self) {
        if self.stalled && self.end.is_writable() {
            self.stalled = false;
            ring(&self.room);
        }
    }
}

/// Raises an event that is watched for its edges, and never read.
pub(super) fn ring(event: &OwnedFd) {
    // It fails only after 2^64 times.
    let _ = rustix::io::write(event, &1_u64.to_ne_bytes());
}
